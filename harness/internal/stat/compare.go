package stat

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"golang.org/x/perf/benchmath"
)

// Alpha is the level below which an adjusted p-value counts as a difference.
const Alpha = 0.05

// Comparison is the ratio of one measured quantity to another, other / base, and the p-value of "they are equal".
type Comparison struct {
	Estimate         // of the ratio
	P        float64 // of this comparison alone; see Holm
	Adjusted float64 // within its family; equal to P until Holm has been applied
	Paired   bool    // measured in the same blocks
}

// Decided reports whether the samples show a difference: the adjusted p-value and the interval must both say so.
func (c Comparison) Decided() bool {
	return c.Valid() && c.Adjusted < Alpha && c.Bounded() && (c.Lo > 1 || c.Hi < 1)
}

// Paired compares quantities that were measured in the same blocks, keyed by block: the median ratio per block with
// an order-statistic interval, and the p-value of a sign-flip permutation test of the mean log ratio. What disturbs a
// whole block cancels out. Values must be positive.
func Paired(base, other map[int]float64) Comparison {
	logs, dropped := logRatios(base, other)
	e := Median(logs).Map(math.Exp)
	if dropped > 0 {
		e.Warnings = append(e.Warnings, fmt.Sprintf("%d blocks without a pair left out", dropped))
	}
	p := SignFlip(logs)
	if n := len(logs); n > 0 && n < MinSamples {
		e.Warnings = append(e.Warnings, fmt.Sprintf("smallest p that %d blocks can give is %.2g", n, math.Pow(2, float64(1-n))))
	}
	return Comparison{Estimate: e, P: p, Adjusted: p, Paired: true}
}

func logRatios(base, other map[int]float64) (logs []float64, dropped int) {
	blocks := make([]int, 0, len(base))
	for block := range base {
		blocks = append(blocks, block)
	}
	slices.Sort(blocks)
	for _, block := range blocks {
		b, o := base[block], other[block] // an absent block is 0 and is dropped with the values that have no log
		if b > 0 && o > 0 && isFinite(b) && isFinite(o) {
			logs = append(logs, math.Log(o/b))
		}
	}
	return logs, max(len(base), len(other)) - len(logs)
}

// exactFlips is the largest sample for which SignFlip enumerates all 2^n assignments of signs.
const exactFlips = 18

// monteCarloFlips is the number of random assignments beyond that.
const monteCarloFlips = 100_000

// SignFlip is the two-sided p-value of a sign-flip permutation test: how often the mean of the differences is at
// least as far from zero as it is, if each difference could as well have had the other sign. It is exact up to 18
// differences and a seeded Monte Carlo estimate beyond. Without differences it is 1.
func SignFlip(differences []float64) float64 {
	d := finite(differences)
	observed := 0.0
	scale := 0.0
	for _, v := range d {
		observed += v
		scale += math.Abs(v)
	}
	limit := math.Abs(observed) - 1e-12*scale // sums of the same terms in another order are ties
	if len(d) > exactFlips {
		return sampleFlips(d, limit)
	}
	return enumerateFlips(d, observed, limit)
}

// enumerateFlips walks through all assignments of signs in Gray-code order, one flip a step.
func enumerateFlips(d []float64, sum, limit float64) float64 {
	total := 1 << len(d)
	signed := slices.Clone(d)
	hits := 1 // the observed assignment
	for i := 1; i < total; i++ {
		flip := bits.TrailingZeros(uint(i))
		sum -= 2 * signed[flip]
		signed[flip] = -signed[flip]
		if math.Abs(sum) >= limit {
			hits++
		}
	}
	return float64(hits) / float64(total)
}

func sampleFlips(d []float64, limit float64) float64 {
	rng := rand.New(rand.NewPCG(uint64(len(d)), 0x51f1))
	hits := 1
	for range monteCarloFlips {
		sum := 0.0
		for _, v := range d {
			if rng.Uint64()&1 == 0 {
				v = -v
			}
			sum += v
		}
		if math.Abs(sum) >= limit {
			hits++
		}
	}
	return float64(hits) / float64(monteCarloFlips+1)
}

// Unpaired compares quantities from different runs: the Hodges-Lehmann ratio (median of all other/base), its interval
// from the ordered ratios, and the p-value of the Mann-Whitney U test. Values must be positive.
func Unpaired(base, other []float64) Comparison {
	b, o := positive(base), positive(other)
	if len(b) == 0 || len(o) == 0 {
		return Comparison{Estimate: nothing("no positive samples to compare"), P: 1, Adjusted: 1}
	}
	logs := make([]float64, 0, len(b)*len(o))
	for _, x := range b {
		for _, y := range o {
			logs = append(logs, math.Log(y/x))
		}
	}
	slices.Sort(logs)
	test := benchmath.AssumeNothing.Compare(sampleOf(b), sampleOf(o))
	e := Estimate{Value: math.Exp(middle(logs)), Lo: math.Inf(-1), Hi: math.Inf(1), N: min(len(b), len(o))}
	if k := shiftRank(len(b), len(o)); k >= 1 && e.N >= 4 {
		e.Lo, e.Hi = math.Exp(logs[k-1]), math.Exp(logs[len(logs)-k])
	} else {
		e.Warnings = append(e.Warnings, fmt.Sprintf("n=%d: too few samples for a 95 %% interval", e.N))
	}
	return Comparison{Estimate: e, P: test.P, Adjusted: test.P}
}

// shiftRank is the rank of the ordered pairwise differences that bounds a shift at 95 % (normal approximation of the
// Mann-Whitney distribution; 24 for 10 against 10, as in its tables).
func shiftRank(n, m int) int {
	nm := float64(n) * float64(m)
	return int(math.Floor(nm/2 - 1.959964*math.Sqrt(nm*float64(n+m+1)/12)))
}

// Holm adjusts the p-values of a family of comparisons in place (Holm 1979, step-down), so that the chance of one
// false claim in the whole family stays below Alpha.
func Holm(family []*Comparison) {
	order := slices.Clone(family)
	slices.SortStableFunc(order, func(a, b *Comparison) int {
		switch {
		case a.P < b.P:
			return -1
		case a.P > b.P:
			return 1
		}
		return 0
	})
	floor := 0.0
	for i, c := range order {
		floor = math.Max(floor, math.Min(1, c.P*float64(len(order)-i)))
		c.Adjusted = floor
	}
}

func sampleOf(values []float64) *benchmath.Sample {
	return benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
}

func positive(values []float64) []float64 {
	return slices.DeleteFunc(finite(values), func(v float64) bool { return v <= 0 })
}

// middle is the median of sorted values.
func middle(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
