package stat

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/aclements/go-moremath/stats"
	"gonum.org/v1/gonum/stat/distuv"
)

// Alpha is the level below which an adjusted p-value is a difference.
const Alpha = 1 - Confidence

// Comparison is the ratio of one quantity to another, other / base, and the p-value of "they are equal".
//
// Interval and p-value come from one test ([invert]): P is below Alpha exactly where the interval excludes 1. So there
// is only one verdict, [Comparison.Verdict], which nothing beside it can contradict.
type Comparison struct {
	Estimate         // of the ratio
	P        float64 // of this comparison alone; see Holm
	Adjusted float64 // within its family; equal to P before Holm
	Exact    bool    // noise-free quantities: no p-value, and any difference is real
}

// Verdict is what a comparison shows about the ratio.
type Verdict int

// The verdicts. Undecided is not Equal: it means that the samples cannot tell.
const (
	Undecided Verdict = iota
	Less
	Equal // exact quantities only
	More
)

// Verdict is the only place that decides a comparison: by adjusted p-value and interval together, in the direction of
// the ratio.
func (c Comparison) Verdict() Verdict {
	decided := c.Exact || c.Adjusted < Alpha && c.Bounded() && (c.Lo > 1 || c.Hi < 1)
	switch {
	case !c.Valid() || !decided:
		return Undecided
	case c.Value < 1:
		return Less
	case c.Value > 1:
		return More
	}
	return Equal
}

// Inverse is the comparison in the other direction, base / other.
func (c Comparison) Inverse() Comparison {
	c.Estimate = c.Map(func(x float64) float64 { return 1 / x })
	return c
}

// Paired compares quantities measured in the same blocks, keyed by block: the centre of the blocks' ratios (of their
// logarithms the Hodges-Lehmann estimate) with the interval and the p-value of the exact signed-rank test (Wilcoxon 1945). A
// disturbance of a whole block cancels out, and one of a few blocks moves few ranks. The test needs noise that is symmetric in
// the logarithm. Equal models have it, because their calls alternate at random: exchanging them changes nothing. Values must be
// positive.
func Paired(base, other map[int]float64) Comparison {
	logs, dropped := LogRatios(base, other)
	c := comparison(walshOf(logs), len(logs), rankTail(len(logs)))
	if dropped > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%d blocks without a pair left out", dropped))
	}
	return c
}

// fairTail returns the distribution of the number of positive signs among n fair coins.
func fairTail(n int) func(k int) float64 {
	return func(k int) float64 { return distuv.Binomial{N: float64(n), P: 0.5}.CDF(float64(k)) }
}

// LogRatios returns the logarithms of the ratios of the blocks that two quantities share, and the number of the others.
func LogRatios(base, other map[int]float64) (logs []float64, dropped int) {
	for block, b := range base {
		if ratio := other[block] / b; ratio > 0 && isFinite(ratio) { // absent blocks have none
			logs = append(logs, math.Log(ratio))
		}
	}
	return logs, max(len(base), len(other)) - len(logs)
}

// Quantile is the value that a share of the finite values does not exceed, interpolated (type 8 of Hyndman and Fan, which is
// median-unbiased for any distribution); NaN if there are none.
func Quantile(values []float64, share float64) float64 {
	return stats.Sample{Xs: finite(values)}.Quantile(share)
}

// MedianOf is the median of the finite values, NaN if there are none.
func MedianOf(values []float64) float64 {
	kept := finite(values)
	if len(kept) == 0 {
		return math.NaN()
	}
	slices.Sort(kept)
	return median(sorted(kept))
}

// Unpaired compares quantities from different runs. It gives the Hodges-Lehmann ratio (median of all other/base) with
// its interval and the p-value of the Mann-Whitney U test. Values must be positive.
func Unpaired(base, other []float64) Comparison {
	b, o := positive(base), positive(other)
	logs := make([]float64, 0, len(b)*len(o))
	for _, x := range b {
		for _, y := range o {
			logs = append(logs, math.Log(y/x))
		}
	}
	slices.Sort(logs)
	return comparison(sorted(logs), min(len(b), len(o)), func(n int) float64 { return rankSum(len(b), len(o), n) })
}

// exactRankSum is the largest sample size for which the exact distribution of U is used.
const exactRankSum = 50

// rankSum is P(U <= u) of the Mann-Whitney statistic for n and m values with equal distributions.
func rankSum(n, m, u int) float64 {
	if max(n, m) <= exactRankSum {
		return stats.UDist{N1: n, N2: m}.CDF(float64(u))
	}
	nm := float64(n) * float64(m)
	return distuv.Normal{Mu: nm / 2, Sigma: math.Sqrt(nm * float64(n+m+1) / 12)}.CDF(float64(u) + 0.5)
}

// ExactRatio compares noise-free quantities.
func ExactRatio(base, other float64) Comparison {
	ratio := other / base
	switch {
	case base == other:
		ratio = 1
	case !isFinite(ratio):
		return Comparison{Estimate: nothing("the base is 0"), P: 1, Adjusted: 1}
	}
	return Comparison{Estimate: Estimate{Value: ratio, Lo: ratio, Hi: ratio, N: 1}, Exact: true}
}

// comparison makes the ratio of n samples from contrasts of their logarithms: their median, with interval and p-value from cdf.
func comparison(logs contrasts, n int, cdf func(int) float64) Comparison {
	if logs.count() == 0 {
		return Comparison{Estimate: nothing("no pair of positive samples to compare"), P: 1, Adjusted: 1}
	}
	p, lo, hi := invert(logs, cdf)
	e := Estimate{Value: median(logs), Lo: lo, Hi: hi, N: n}.Map(math.Exp)
	if !e.Bounded() {
		e.Warnings = append(e.Warnings, fmt.Sprintf("n=%d: too few samples for a 95 %% interval; the smallest p that they can give is %.2g", n, min(1, 2*cdf(0))))
	}
	return Comparison{Estimate: e, P: p, Adjusted: p}
}

// median is the middle one of contrasts, or the mean of the two middle ones.
func median(c contrasts) float64 {
	n := c.count()
	if n%2 == 1 {
		return c.at(n / 2)
	}
	return (c.at(n/2-1) + c.at(n/2)) / 2
}

// invert is a two-sided test of "the centre is 0" with the interval of all centres that the test does not reject, from
// contrasts. cdf(n) is the probability that at most n of them lie below the true centre. Both follow from one
// count, so p < Alpha exactly where the interval excludes 0. The interval is infinite if the contrasts do not bound it.
func invert(c contrasts, cdf func(int) float64) (p, lo, hi float64) {
	notAbove, below := c.upTo(0), c.upTo(-math.SmallestNonzeroFloat64)
	lo, hi = interval(c, cdf)
	return math.Min(1, 2*cdf(min(notAbove, c.count()-below))), lo, hi
}

// interval holds the centres that the test does not reject.
func interval(c contrasts, cdf func(int) float64) (lo, hi float64) {
	rank := bound(c.count(), cdf)
	if rank == 0 {
		return math.Inf(-1), math.Inf(1)
	}
	return c.at(rank - 1), c.at(c.count() - rank)
}

// bound is the rank, from 1, of the one of n contrasts that bounds the interval from below; 0 if none does.
func bound(n int, cdf func(int) float64) int {
	return sort.Search((n+1)/2, func(rank int) bool { return 2*cdf(rank) >= Alpha })
}

// Holm adjusts the p-values of a family of comparisons in place (Holm 1979, step-down), so that the chance of any false
// claim in the family stays below Alpha. Exact comparisons are skipped.
func Holm(family []*Comparison) {
	tested := slices.DeleteFunc(slices.Clone(family), func(c *Comparison) bool { return c.Exact })
	p := make([]float64, len(tested))
	for i, c := range tested {
		p[i] = c.P
	}
	for i, adjusted := range stepDown(p) {
		tested[i].Adjusted = adjusted
	}
}

// stepDown returns p-values adjusted within their family.
func stepDown(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	adjusted, floor := make([]float64, len(p)), 0.0
	for rank, i := range order {
		floor = math.Max(floor, math.Min(1, p[i]*float64(len(p)-rank)))
		adjusted[i] = floor
	}
	return adjusted
}

func positive(values []float64) []float64 {
	return slices.DeleteFunc(finite(values), func(v float64) bool { return v <= 0 })
}
