package stat

import "math"

// CompareAdded compares what two changes add to bits per byte, on the documents that all sides scored. Each change is given by
// the documents before it and after it. The difference is that of the additions, other - base. Additions may be zero or
// negative, so they have no ratio: the comparison is that of the exponentials, which is 1 where the additions are equal.
func CompareAdded(base, other [2][]Document) (difference Estimate, c Comparison) {
	pairs, _ := pairDocuments(added(base), added(other))
	gap := func(draw []pair) float64 {
		b, o, bytes := sums(draw)
		return (o - b) / bytes / math.Ln2
	}
	difference, p := bootstrap(pairs, gap)
	return difference, Comparison{Estimate: difference.Map(math.Exp), P: p, Adjusted: p}
}

// added returns what a change costs in each document that was scored before and after it.
func added(change [2][]Document) (all []Document) {
	before := map[string]Document{}
	for _, d := range change[0] {
		before[d.Name] = d
	}
	for _, d := range change[1] {
		if b, ok := before[d.Name]; ok && b.Bytes == d.Bytes {
			all = append(all, Document{Name: d.Name, Nats: d.Nats - b.Nats, Bytes: d.Bytes})
		}
	}
	return all
}
