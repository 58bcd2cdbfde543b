package stat

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// Design is what a plan fixes before a comparison by blocks, and what bounds what the comparison can show.
type Design struct {
	Blocks  int  // the most of them
	Least   int  // of an anytime test: blocks before the first look
	Family  int  // comparisons that share the error, for [Holm]
	Anytime bool // the test is [Anytime], after each block, and not [Paired], after the last
}

// Power is the probability with which a comparison finds its smallest detectable effect.
const Power = 0.8

// SmallestP is the smallest adjusted p-value that a comparison can have: that of signs which all agree, as if no other
// comparison of its family were decided.
func (d Design) SmallestP() float64 { return d.adjusted(d.Blocks)(0) }

// adjusted returns the adjusted p-value of n signs of which k contradict the others.
func (d Design) adjusted(n int) func(k int) float64 {
	tail := fairTail(n)
	if d.Anytime {
		tail = coinTail(n)
	}
	return func(k int) float64 { return math.Min(1, 2*tail(k)*float64(d.Family)) }
}

// Enough is the number of blocks from which on a comparison can be decided.
func (d Design) Enough() int {
	n := 1
	for d.adjusted(n)(0) >= Alpha {
		n++
	}
	return n
}

// Detectable is the smallest ratio above 1 that a comparison finds with probability [Power]. noise holds log ratios of blocks in
// which a model was compared with itself.
//
// An effect is found unless noise turns too many signs against it. If the noise outweighs it in a block with probability q, the
// number of those signs is binomial, so the power gives the largest q. The effect is then the quantile 1-q of the
// noise, which is taken to be symmetric: the quantile 1-2q of its absolute values. This holds for noise of any shape; a
// standard deviation would not, because noise of timings has heavy tails.
func (d Design) Detectable(noise []float64) Estimate {
	if d.SmallestP() >= Alpha {
		return nothing(fmt.Sprintf("%d blocks decide no comparison; at least %d do", d.Blocks, d.Enough()))
	}
	sizes := finite(noise)
	for i, x := range sizes {
		sizes[i] = math.Abs(x)
	}
	slices.Sort(sizes)
	q := d.contrary()
	effect, ok := quantile(sizes, 1-2*q)
	if !ok {
		return nothing(fmt.Sprintf("%d blocks of noise are too few, needs %d", len(sizes), int(math.Ceil((1/q-1)/3))))
	}
	return Estimate{Value: math.Exp(effect), Lo: math.Inf(-1), Hi: math.Inf(1), N: len(sizes)}
}

// contrary is the largest probability of a contrary sign with which a comparison is still found with probability [Power].
func (d Design) contrary() float64 {
	const steps = 1 << 20
	decided := make([]int, d.Blocks+1)
	for n := range decided {
		if n == d.Blocks || d.Anytime && n >= max(1, d.Least) {
			p := d.adjusted(n)
			decided[n] = sort.Search(n, func(k int) bool { return p(k) >= Alpha })
		}
	}
	return float64(sort.Search(steps/2, func(i int) bool { return power(decided, float64(i+1)/steps) < Power })) / steps
}

// power is the probability that after some block n fewer than decided[n] signs are contrary, if each is so with probability q.
func power(decided []int, q float64) (found float64) {
	open := []float64{1} // probabilities of each number of contrary signs, as long as nothing is found
	for n := 1; n < len(decided); n++ {
		next := make([]float64, n+1)
		for k, p := range open {
			next[k] += p * (1 - q)
			next[k+1] += p * q
		}
		for k := range decided[n] {
			found, next[k] = found+next[k], 0
		}
		open = next
	}
	return found
}

// quantile is the median-unbiased estimate of a quantile from sorted values (type 8 of Hyndman and Fan, Sample quantiles in
// statistical packages, The American Statistician 50, 1996). It fails beyond the values.
func quantile(sorted []float64, p float64) (value float64, ok bool) {
	rank := (float64(len(sorted))+1.0/3)*p - 2.0/3 // from 0
	if len(sorted) == 0 || rank > float64(len(sorted)-1) {
		return 0, false
	}
	at, part := math.Modf(math.Max(0, rank))
	value = sorted[int(at)]
	if part > 0 {
		value += part * (sorted[int(at)+1] - value)
	}
	return value, true
}
