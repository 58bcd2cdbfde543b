package stat

import (
	"fmt"
	"math"
	"math/rand/v2"
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

// SmallestP is the smallest adjusted p-value that a comparison can have: that of ratios which all are on one side of 1, as if no
// other comparison of its family were decided.
func (d Design) SmallestP() float64 { return d.adjusted(d.Blocks)(0) }

// adjusted returns the adjusted p-value of n blocks with k contrasts against the others: Walsh averages, or signs if the test is
// [Anytime].
func (d Design) adjusted(n int) func(k int) float64 {
	tail := rankTail(n)
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

// leastNoise is the fewest blocks of noise from which a detectable effect is computed.
const leastNoise = 10

// Detectable is the smallest ratio above 1 that a comparison finds with probability [Power]. noise holds log ratios of
// blocks in which a model was compared with itself. It is taken to be symmetric, and used as it is. A standard deviation would
// not do, because noise of timings has heavy tails.
func (d Design) Detectable(noise []float64) Estimate {
	if d.SmallestP() >= Alpha {
		return nothing(fmt.Sprintf("%d blocks decide no comparison; at least %d do", d.Blocks, d.Enough()))
	}
	sizes := finite(noise)
	if len(sizes) < leastNoise {
		return nothing(fmt.Sprintf("%d blocks of noise are too few, needs %d", len(sizes), leastNoise))
	}
	for i, x := range sizes {
		sizes[i] = math.Abs(x)
	}
	slices.Sort(sizes) // the same noise in another order gives the same effect
	effect := d.atLook
	if d.Anytime {
		effect = d.atAnyLook
	}
	log, ok := effect(sizes)
	if !ok {
		return nothing(fmt.Sprintf("%d blocks of noise are too few for so many blocks", len(sizes)))
	}
	return Estimate{Value: math.Exp(log), Lo: math.Inf(-1), Hi: math.Inf(1), N: len(sizes)}
}

// mostDrawn is the largest number of blocks that are drawn from noise.
const mostDrawn = 200

// atLook is the effect that [Paired] finds after the last block. Each draw of blocks from the noise needs an effect that lifts all
// but the tolerable number of its Walsh averages above 0; the power is a quantile of these. Equal noise gives equal effects.
// Beyond mostDrawn blocks the effect falls with the square root of their number.
func (d Design) atLook(sizes []float64) (effect float64, ok bool) {
	if d.Blocks > mostDrawn {
		fewer := d
		fewer.Blocks = mostDrawn
		effect, ok = fewer.atLook(sizes)
		return effect * math.Sqrt(mostDrawn/float64(d.Blocks)), ok
	}
	random := rand.New(rand.NewPCG(uint64(d.Blocks), uint64(d.Family)))
	contrasts := d.Blocks * (d.Blocks + 1) / 2
	p := d.adjusted(d.Blocks)
	tolerable := sort.Search(contrasts, func(k int) bool { return p(k) >= Alpha }) - 1
	needed := make([]float64, max(250, min(1000, 2_000_000/contrasts)))
	values := make([]float64, d.Blocks)
	for i := range needed {
		for j := range values {
			values[j] = sizes[random.IntN(len(sizes))] * float64(1-2*random.IntN(2))
		}
		needed[i] = -walshOf(values).at(tolerable)
	}
	slices.Sort(needed)
	return quantile(needed, Power)
}

// atAnyLook is the effect that [Anytime] finds after some block. An effect is found unless noise turns too many signs against it.
// If the noise outweighs it in a block with probability q, the walk of the signs gives the largest q, and the effect is the
// quantile 1-q of the noise: 1-2q of its absolute values, sizes, which are sorted.
func (d Design) atAnyLook(sizes []float64) (effect float64, ok bool) {
	return quantile(sizes, 1-2*d.contrary())
}

// contrary is the largest probability of a contrary sign with which [Anytime] still finds a difference with probability [Power].
func (d Design) contrary() float64 {
	const steps = 1 << 20
	decided := make([]int, d.Blocks+1)
	for n := range decided {
		if n >= max(1, d.Least) {
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
