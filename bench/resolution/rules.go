package main

import (
	"cmp"
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
	"golang.org/x/perf/benchmath"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

const alpha = 0.05

// test gives the p-value of "the median of the blocks' log ratios is 0".
type test struct {
	name string
	p    func(logs []float64) float64
}

var tests = []test{{"signed-rank", signedRank}, {"sign", signTest}}

// signTest counts the positive log ratios.
func signTest(logs []float64) float64 {
	n, positive := 0, 0
	for _, l := range logs {
		if l != 0 {
			n++
		}
		if l > 0 {
			positive++
		}
	}
	return min(1, 2*distuv.Binomial{N: float64(n), P: 0.5}.CDF(float64(min(positive, n-positive))))
}

// signedRank is Wilcoxon's exact test. It also needs symmetric noise, which equal models in one
// block have.
func signedRank(logs []float64) float64 {
	sorted := slices.SortedFunc(slices.Values(logs), func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	n, sum := len(sorted), 0
	for i, l := range sorted {
		if l > 0 {
			sum += i + 1
		}
	}
	total := n * (n + 1) / 2
	return min(1, 2*rankSums(n)[min(sum, total-sum)])
}

// rankSums returns the probabilities that the positive ranks of n fair signs add up to at most 0, 1, 2, ...
var rankSums = func() func(n int) []float64 {
	known := map[int][]float64{}
	return func(n int) []float64 {
		if known[n] == nil {
			known[n] = sumsOfRanks(n)
		}
		return known[n]
	}
}()

func sumsOfRanks(n int) []float64 {
	sums := make([]float64, n*(n+1)/2+1)
	sums[0] = 1
	for rank := 1; rank <= n; rank++ {
		for s := len(sums) - 1; s >= 0; s-- {
			sums[s] /= 2
			if s >= rank {
				sums[s] += sums[s-rank] / 2
			}
		}
	}
	for s := 1; s < len(sums); s++ {
		sums[s] += sums[s-1]
	}
	return sums
}

// rule is how a tool compares the calls of two programs, each measured without a break.
type rule struct {
	name, method string
	// compare returns whether the tool shows a difference, and the ratio that it shows.
	compare func(base, other []float64) (found bool, ratio float64)
}

var rules = []rule{
	{"llama-bench, mean ± sd apart", sequential, meansApart},
	{"benchstat, one program after the other", sequential, benchstat},
	{"hyperfine, ratio beyond its ±", hyperfine, ratioBeyondError},
	{"hyperfine, its script for Welch's test", hyperfine, welch},
}

// meansApart is how a reader of llama-bench decides: the ranges mean ± standard deviation do not overlap.
func meansApart(base, other []float64) (bool, float64) {
	b, sb := stat.MeanStdDev(base, nil)
	o, so := stat.MeanStdDev(other, nil)
	return math.Abs(o-b) > sb+so, o / b
}

// perSecond is the means of consecutive seconds, as go test -benchtime 1s -count N gives them.
func perSecond(calls []float64) (means []float64) {
	sum, n := 0.0, 0
	for _, c := range calls {
		sum, n = sum+c, n+1
		if sum >= 1e6 {
			means, sum, n = append(means, sum/float64(n)), 0, 0
		}
	}
	return means
}

// benchstat compares seconds by benchstat's own code: medians and the Mann-Whitney U test.
func benchstat(base, other []float64) (bool, float64) {
	b, o := perSecond(base), perSecond(other)
	thresholds := &benchmath.DefaultThresholds
	c := benchmath.AssumeNothing.Compare(benchmath.NewSample(slices.Clone(b), thresholds), benchmath.NewSample(slices.Clone(o), thresholds))
	return c.P < alpha, quantile(0.5)(o) / quantile(0.5)(b)
}

// ratioBeyondError is how a reader of hyperfine decides: its ratio of means differs from 1 by more than its ±.
func ratioBeyondError(base, other []float64) (bool, float64) {
	b, sb := stat.MeanStdDev(base, nil)
	o, so := stat.MeanStdDev(other, nil)
	ratio := o / b
	return math.Abs(ratio-1) > ratio*math.Hypot(sb/b, so/o), ratio
}

// welch compares the means by Welch's t-test, as a script that comes with hyperfine does.
func welch(base, other []float64) (bool, float64) {
	ratio := mean(other) / mean(base)
	result, err := stats.TwoSampleWelchTTest(stats.Sample{Xs: base}, stats.Sample{Xs: other}, stats.LocationDiffers)
	return err == nil && result.P < alpha, ratio
}

// holm adjusts the p-values of a family.
func holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	adjusted, highest := make([]float64, len(p)), 0.0
	for rank, i := range order {
		highest = max(highest, min(1, p[i]*float64(len(p)-rank)))
		adjusted[i] = highest
	}
	return adjusted
}
