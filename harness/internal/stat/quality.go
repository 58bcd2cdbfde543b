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

// BitsPerByte is the documents' total cost in bits divided by their total bytes, with a bootstrap interval over documents. Unlike perplexity, it is comparable across tokenizers.
func BitsPerByte(docs []Document) Estimate {
	e, _ := bootstrap(docs, func(draw []Document) float64 {
		nats, bytes := 0.0, 0.0
		for _, d := range draw {
			nats, bytes = nats+d.Nats, bytes+d.Bytes
		}
		return nats / bytes / math.Ln2
	})
	return e
}

// CompareBitsPerByte compares two models on the documents that both scored, by a paired bootstrap, so documents that
// are hard for both do not widen the interval. The difference other - base in bits per byte and the ratio come from the
// same resamples, so they agree on significance and direction.
func CompareBitsPerByte(base, other []Document) (difference Estimate, ratio Comparison) {
	pairs, dropped := pairDocuments(base, other)
	difference, _ = bootstrap(pairs, func(draw []pair) float64 {
		b, o, bytes := sums(draw)
		return (o - b) / bytes / math.Ln2
	})
	logRatio, p := bootstrap(pairs, func(draw []pair) float64 {
		b, o, _ := sums(draw)
		return math.Log(o / b)
	})
	ratio = Comparison{Estimate: logRatio.Map(math.Exp), P: p, Adjusted: p}
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

// WeightedMean averages shares or divergences of documents, with a bootstrap interval over documents.
func WeightedMean(units []Weighted) Estimate {
	e, _ := bootstrap(units, func(draw []Weighted) float64 {
		sum, weight := 0.0, 0.0
		for _, u := range draw {
			sum, weight = sum+u.Value*u.Weight, weight+u.Weight
		}
		return sum / weight
	})
	return e
}

// bootstrap estimates a statistic of units, and tests that its true value is 0. In a resample each unit counts twice or not at
// all, by a fair coin (Owen and Eckles, Annals of Applied Statistics 6, 2012). Whatever the sizes of the units, the true value has any
// rank among such resamples with the same probability if the units scatter symmetrically about it (Hartigan, Using subsample
// values as typical values, JASA 64, 1969). The usual bootstrap is too narrow for few units of different sizes.
func bootstrap[T any](units []T, statistic func([]T) float64) (e Estimate, p float64) {
	n := len(units)
	e = Estimate{Value: statistic(units), Lo: math.Inf(-1), Hi: math.Inf(1), N: n}
	switch {
	case n == 0 || !isFinite(e.Value):
		return nothing("nothing to average"), 1
	case n < MinSamples:
		e.Warnings = append(e.Warnings, fmt.Sprintf("n=%d: an interval over documents needs at least %d", n, MinSamples))
		return e, 1
	}
	p, lo, hi := invert(sorted(resample(units, statistic)), ofDraws(n))
	e.Lo, e.Hi = math.Min(e.Value, lo), math.Max(e.Value, hi)
	return e, p
}

// ofDraws returns the probability that at most k resamples of n units lie below the true value, which is one of 2^n that may have
// any rank.
func ofDraws(n int) func(k int) float64 {
	return func(k int) float64 { return math.Ldexp(1, -n) + float64(k+1)/(bootstrapDraws+1) }
}

// resample returns the sorted values of a statistic over resampled units, without those that have none. The seed depends only on
// the number of units, so the same data always give the same interval.
func resample[T any](units []T, statistic func([]T) float64) []float64 {
	rng := rand.New(rand.NewPCG(uint64(len(units)), 0xb007))
	all := make([]float64, 0, bootstrapDraws)
	draw := make([]T, 0, len(units))
	for len(all) < bootstrapDraws {
		draw = draw[:0]
		coins := uint64(0)
		for i, u := range units {
			if i%64 == 0 {
				coins = rng.Uint64()
			}
			if coins>>(i%64)&1 == 1 {
				draw = append(draw, u)
			}
		}
		if value := statistic(draw); isFinite(value) {
			all = append(all, value)
		}
	}
	slices.Sort(all)
	return all
}
