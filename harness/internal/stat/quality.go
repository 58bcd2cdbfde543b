package stat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Document is what a model paid for one text: nats spent on a number of UTF-8 bytes.
type Document struct {
	Name        string
	Nats, Bytes float64
}

// bootstrapDraws is the number of resamples of documents.
const bootstrapDraws = 4000

// BitsPerByte is the total cost of the documents in bits over their total bytes, with a percentile bootstrap interval
// over documents. Bits per byte compare models with different tokenizers; perplexities do not.
func BitsPerByte(docs []Document) Estimate {
	return bootstrap(docs, bitsPerByte)
}

// BitsPerByteDifference is the difference other - base in bits per byte over the documents that both scored, by a
// paired bootstrap: a document that is hard for both models does not widen the interval.
func BitsPerByteDifference(base, other []Document) Estimate {
	pairs, dropped := pairDocuments(base, other)
	e := bootstrap(pairs, func(draw []pair) float64 {
		b, o := 0.0, 0.0
		bytes := 0.0
		for _, p := range draw {
			b, o, bytes = b+p.base, o+p.other, bytes+p.bytes
		}
		return (o - b) / bytes / math.Ln2
	})
	if dropped > 0 {
		e.Warnings = append(e.Warnings, fmt.Sprintf("%d documents scored by only one model left out", dropped))
	}
	return e
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

func bitsPerByte(docs []Document) float64 {
	nats, bytes := 0.0, 0.0
	for _, d := range docs {
		nats, bytes = nats+d.Nats, bytes+d.Bytes
	}
	return nats / bytes / math.Ln2
}

// Weighted is a value and how much it counts, for example a mean per token of a document and its tokens.
type Weighted struct{ Value, Weight float64 }

// WeightedMean averages with a percentile bootstrap interval over the units, for shares and divergences by document.
func WeightedMean(units []Weighted) Estimate {
	return bootstrap(units, func(draw []Weighted) float64 {
		sum, weight := 0.0, 0.0
		for _, u := range draw {
			sum, weight = sum+u.Value*u.Weight, weight+u.Weight
		}
		return sum / weight
	})
}

// bootstrap gives the percentile interval of a statistic over resampled units. The resampling is seeded by the number
// of units alone, so the same data always give the same interval.
func bootstrap[T any](units []T, statistic func([]T) float64) Estimate {
	n := len(units)
	if n == 0 {
		return nothing("nothing to average")
	}
	e := Estimate{Value: statistic(units), Lo: math.Inf(-1), Hi: math.Inf(1), N: n}
	if n < MinSamples {
		e.Warnings = append(e.Warnings, fmt.Sprintf("n=%d: an interval over documents needs at least %d", n, MinSamples))
		return e
	}
	rng := rand.New(rand.NewPCG(uint64(n), 0xb007))
	draws := make([]float64, bootstrapDraws)
	draw := make([]T, n)
	for i := range draws {
		for j := range draw {
			draw[j] = units[rng.IntN(n)]
		}
		draws[i] = statistic(draw)
	}
	slices.Sort(draws)
	e.Lo, e.Hi = quantile(draws, (1-Confidence)/2), quantile(draws, (1+Confidence)/2)
	return e
}

// quantile interpolates linearly between sorted values.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
