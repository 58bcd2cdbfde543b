package stat

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// Anytime is [Paired] for runs that add blocks until they have seen enough: its p-value and interval hold at every number of
// blocks at once, so looking after each block and stopping at will raises no false claim above Alpha. It is a sign test, and
// its ratio is the median of the blocks' ratios.
//
// The signs of the log ratios about their true median are fair coins, whatever their distribution. The mixture of likelihood
// ratios of coins over the Beta(1/2, 1/2) distribution against the fair coin is a martingale of mean 1, which exceeds 1/α with
// probability α at most, ever (Ville 1939; Robbins 1970; for medians Howard and Ramdas, Sequential estimation of quantiles with
// applications to A/B testing, Bernoulli 28, 2022). Its inverse is the p-value.
func Anytime(base, other map[int]float64) Comparison {
	logs, _ := LogRatios(base, other) // a model whose comparisons are decided has fewer blocks
	slices.Sort(logs)
	return comparison(sorted(logs), len(logs), coinTail(len(logs)))
}

// coinTail returns half the anytime p-value of n signs of which at most k are of one kind, in the place of a tail of the
// binomial distribution.
func coinTail(n int) func(k int) float64 {
	return func(k int) float64 { return math.Min(0.5, math.Exp(-logEvidence(n, k))/2) }
}

// logEvidence is the logarithm of the mixture of likelihood ratios for k of n signs:
// 2^n B(k + 1/2, n - k + 1/2) / B(1/2, 1/2). More than half of the signs are evidence as n - k are.
func logEvidence(n, k int) float64 {
	k = min(k, n-k)
	if k < 0 {
		return math.Inf(-1)
	}
	return float64(n)*math.Ln2 + mathext.Lbeta(float64(k)+0.5, float64(n-k)+0.5) - mathext.Lbeta(0.5, 0.5)
}
