package stat

import (
	"slices"
	"sync"
)

// walsh returns the sorted averages of all pairs of values, each value with itself included. How many of them are positive is
// Wilcoxon's signed-rank statistic (Tukey 1949), and their median is the Hodges-Lehmann estimate of the centre.
func walsh(values []float64) []float64 {
	averages := make([]float64, 0, len(values)*(len(values)+1)/2)
	for i, x := range values {
		for _, y := range values[:i+1] {
			averages = append(averages, (x+y)/2)
		}
	}
	slices.Sort(averages)
	return averages
}

// rankTails keeps the distributions that [rankTail] has computed, by n.
var rankTails sync.Map

// rankTail returns the distribution of the signed-rank statistic of n values that are symmetric about 0: the sum of those of the
// ranks 1 to n whose fair coins show heads. It is exact.
func rankTail(n int) func(k int) float64 {
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
