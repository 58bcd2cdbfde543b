package stat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Document is a model's cost of one text: nats, and the UTF-8 bytes they were spent on.
type Document struct {
	Name        string
	Nats, Bytes float64
}

// bootstrapDraws is the number of bootstrap resamples of documents.
const bootstrapDraws = 4000

// BitsPerByte is the documents' total cost in bits divided by their total bytes, with a percentile bootstrap interval
// over documents. Unlike perplexity, it is comparable across tokenizers.
func BitsPerByte(docs []Document) Estimate {
	return bootstrap(docs, func(draw []Document) float64 {
		nats, bytes := 0.0, 0.0
		for _, d := range draw {
			nats, bytes = nats+d.Nats, bytes+d.Bytes
		}
		return nats / bytes / math.Ln2
	})
}

// CompareBitsPerByte compares two models on the documents that both scored, by a paired bootstrap, so documents that
// are hard for both do not widen the interval. The difference other - base in bits per byte and the ratio come from the
// same resamples, so they agree on significance and direction.
func CompareBitsPerByte(base, other []Document) (difference Estimate, ratio Comparison) {
	pairs, dropped := pairDocuments(base, other)
	difference = bootstrap(pairs, func(draw []pair) float64 {
		b, o, bytes := sums(draw)
		return (o - b) / bytes / math.Ln2
	})
	logRatio := func(draw []pair) float64 {
		b, o, _ := sums(draw)
		return math.Log(o / b)
	}
	ratio = Comparison{Estimate: bootstrap(pairs, logRatio).Map(math.Exp), P: 1}
	if all := resample(pairs, logRatio); all != nil {
		ratio.P, _, _ = invert(sorted(all), ofDraws)
	}
	ratio.Adjusted = ratio.P
	if dropped > 0 {
		difference.Warnings = append(difference.Warnings, fmt.Sprintf("%d documents scored by only one model left out", dropped))
	}
	ratio.Warnings = difference.Warnings
	return difference, ratio
}

// sums are a resample's nats for both models, and its bytes.
func sums(draw []pair) (base, other, bytes float64) {
	for _, p := range draw {
		base, other, bytes = base+p.base, other+p.other, bytes+p.bytes
	}
	return base, other, bytes
}

type pair struct{ base, other, bytes float64 }

// pairDocuments matches documents by name and bytes, in the order of base.
func pairDocuments(base, other []Document) (pairs []pair, dropped int) {
	byName := make(map[string]Document, len(other))
	for _, d := range other {
		byName[d.Name] = d
	}
	for _, d := range base {
		if o, ok := byName[d.Name]; ok && o.Bytes == d.Bytes && d.Bytes > 0 {
			pairs = append(pairs, pair{d.Nats, o.Nats, d.Bytes})
		}
	}
	return pairs, max(len(base), len(other)) - len(pairs)
}

// Weighted is a value and its weight, for example a document's mean per token and its number of tokens.
type Weighted struct{ Value, Weight float64 }

// WeightedMean averages shares or divergences of documents, with a percentile bootstrap interval over documents.
func WeightedMean(units []Weighted) Estimate {
	return bootstrap(units, func(draw []Weighted) float64 {
		sum, weight := 0.0, 0.0
		for _, u := range draw {
			sum, weight = sum+u.Value*u.Weight, weight+u.Weight
		}
		return sum / weight
	})
}

// bootstrap gives the percentile interval of a statistic over resampled units.
func bootstrap[T any](units []T, statistic func([]T) float64) Estimate {
	n := len(units)
	if n == 0 {
		return nothing("nothing to average")
	}
	e := Estimate{Value: statistic(units), Lo: math.Inf(-1), Hi: math.Inf(1), N: n}
	all := resample(units, statistic)
	if all == nil {
		e.Warnings = append(e.Warnings, fmt.Sprintf("n=%d: an interval over documents needs at least %d", n, MinSamples))
		return e
	}
	rank := bound(len(all), ofDraws)
	e.Lo, e.Hi = math.Min(e.Value, all[rank-1]), math.Max(e.Value, all[len(all)-rank])
	return e
}

// ofDraws is the fraction of resamples that n of them are.
func ofDraws(n int) float64 { return float64(n+1) / (bootstrapDraws + 1) }

// resample returns the sorted values of a statistic over resampled units, or nil if there are too few. The seed depends
// only on the number of units, so the same data always give the same interval.
func resample[T any](units []T, statistic func([]T) float64) []float64 {
	n := len(units)
	if n < MinSamples {
		return nil
	}
	rng := rand.New(rand.NewPCG(uint64(n), 0xb007))
	all := make([]float64, bootstrapDraws)
	draw := make([]T, n)
	for i := range all {
		for j := range draw {
			draw[j] = units[rng.IntN(n)]
		}
		all[i] = statistic(draw)
	}
	slices.Sort(all)
	return all
}
