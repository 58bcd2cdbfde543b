package stat

import (
	"math"
	"slices"
	"sort"
	"sync"

	"gonum.org/v1/gonum/stat/distuv"
)

// contrasts are sorted values of which some are asked for.
type contrasts interface {
	count() int
	upTo(limit float64) int // how many are at most limit
	at(i int) float64       // the i-th, from 0
}

// sorted are contrasts that are all in memory.
type sorted []float64

func (s sorted) count() int       { return len(s) }
func (s sorted) at(i int) float64 { return s[i] }
func (s sorted) upTo(limit float64) int {
	return sort.Search(len(s), func(i int) bool { return s[i] > limit })
}

// walsh are the averages of all pairs of sorted values, each value with itself included. How many of them are positive is Wilcoxon's
// signed-rank statistic (Tukey 1949), and their median is the Hodges-Lehmann estimate of the centre. There are too many to sort
// for more than some hundred values.
type walsh []float64

// walshOf sorts values.
func walshOf(values []float64) walsh {
	slices.Sort(values)
	return walsh(values)
}

func (w walsh) count() int { return len(w) * (len(w) + 1) / 2 }

func (w walsh) upTo(limit float64) (n int) {
	j := len(w) - 1
	for i, x := range w {
		for j >= i && (x+w[j])/2 > limit {
			j--
		}
		if j < i {
			break
		}
		n += j - i + 1
	}
	return n
}

// at halves the range of values that holds the average until few are left to sort, or one value.
func (w walsh) at(i int) float64 {
	low, high := math.Nextafter(w[0], math.Inf(-1)), w[len(w)-1]
	below, upTo := 0, w.count()
	for upTo-below > len(w) {
		middle := low + (high-low)/2
		if middle <= low || middle >= high {
			return high // all that are left
		}
		if n := w.upTo(middle); n > i {
			high, upTo = middle, n
		} else {
			low, below = middle, n
		}
	}
	return w.between(low, high)[i-below]
}

// between returns the averages above low up to high, sorted.
func (w walsh) between(low, high float64) (averages []float64) {
	for i, x := range w {
		partners := w[i:]
		first := sort.Search(len(partners), func(k int) bool { return (x+partners[k])/2 > low })
		for _, y := range partners[first:] {
			if (x+y)/2 > high {
				break
			}
			averages = append(averages, (x+y)/2)
		}
	}
	slices.Sort(averages)
	return averages
}

// exactRanks is the largest number of values for which the exact distribution of the signed-rank statistic is used.
const exactRanks = 200

// rankTails keeps the distributions that [rankTail] has computed, by n.
var rankTails sync.Map

// rankTail returns the distribution of the signed-rank statistic of n values that are symmetric about 0: the sum of those of the
// ranks 1 to n whose fair coins show heads. It is exact up to exactRanks, then normal with a correction for continuity.
func rankTail(n int) func(k int) float64 {
	if n > exactRanks {
		n := float64(n)
		normal := distuv.Normal{Mu: n * (n + 1) / 4, Sigma: math.Sqrt(n * (n + 1) * (2*n + 1) / 24)}
		return func(k int) float64 { return normal.CDF(float64(k) + 0.5) }
	}
	if known, ok := rankTails.Load(n); ok {
		return known.(func(int) float64)
	}
	sums := make([]float64, n*(n+1)/2+1)
	sums[0] = 1
	for rank := 1; rank <= n; rank++ {
		for s := rank * (rank + 1) / 2; s >= 0; s-- { // downwards: sums[s-rank] is without this rank
			sums[s] /= 2
			if s >= rank {
				sums[s] += sums[s-rank] / 2
			}
		}
	}
	for s := 1; s < len(sums); s++ {
		sums[s] += sums[s-1]
	}
	tail := func(k int) float64 { return sums[min(k, len(sums)-1)] }
	rankTails.Store(n, tail)
	return tail
}
