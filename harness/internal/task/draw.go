package task

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// distinct draws k of n numbers without replacement, in random order.
func distinct(r *rand.Rand, n, k int) []int {
	moved := map[int]int{} // a shuffle of 0 to n-1 holds only what it has moved
	at := func(i int) int {
		if v, ok := moved[i]; ok {
			return v
		}
		return i
	}
	drawn := make([]int, k)
	for i := range drawn {
		j := i + r.IntN(n-i)
		drawn[i] = at(j)
		moved[j] = at(i)
	}
	return drawn
}

// weighted draws k of the items without replacement, one after the other, each with a chance in proportion to its weight
// among those left. The items' exponential waiting times, sorted, are such a sequence. inverse has 1/weight.
func weighted(r *rand.Rand, inverse []float64, k int) []int {
	type waiting struct {
		item int
		time float64
	}
	all := make([]waiting, len(inverse))
	for i, w := range inverse {
		all[i] = waiting{i, r.ExpFloat64() * w}
	}
	slices.SortFunc(all, func(a, b waiting) int { return cmp.Compare(a.time, b.time) })
	drawn := make([]int, k)
	for i := range drawn {
		drawn[i] = all[i].item
	}
	return drawn
}

// between draws a whole number from lo to hi.
func between(r *rand.Rand, lo, hi int) int { return lo + r.IntN(hi-lo+1) }

// bitsOf is the information of n independent choices among m.
func bitsOf(n, m int) float64 { return float64(n) * math.Log2(float64(m)) }
