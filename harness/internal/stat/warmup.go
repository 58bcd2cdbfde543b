package stat

import (
	"math"
	"slices"
)

// WarmUp returns how many calls at the start were slower than the others, 0 if that may be chance. It looks for the place in
// the first half where the ranks before and after differ most, as Pettitt (1979) does, but scales each rank sum by its
// standard deviation, because a warm-up is at the start. One or two slow calls are not found, nor do they move a median.
//
// If the calls are in random order, the largest scaled rank sum exceeds the critical value in less than 1 % of samples,
// whatever the distribution of their times. The formula bounds simulated 99th percentiles from 8 to 50 calls.
func WarmUp(calls []float64) (n int) {
	ranked := ranks(calls)
	all := float64(len(calls))
	most, sum := 1.72+0.33*math.Log(all), 0.0
	for i, r := range ranked[:len(calls)/2] {
		sum += r
		k := float64(i + 1)
		if z := (sum - k*(all+1)/2) / math.Sqrt(k*(all-k)*(all+1)/12); z > most {
			n, most = i+1, z
		}
	}
	return n
}

// Falls reports whether values become smaller to the end (Mann-Kendall test, one-sided at 1 %).
func Falls(values []float64) bool {
	score, deviation := kendall(values)
	return -score-1 > 2.33*deviation
}

// Trend returns +1 if values rise to the end, -1 if they fall, and 0 if that may be chance (Mann-Kendall test, two-sided at 1 %).
func Trend(values []float64) int {
	switch score, deviation := kendall(values); {
	case score-1 > 2.58*deviation:
		return +1
	case -score-1 > 2.58*deviation:
		return -1
	}
	return 0
}

// kendall returns how many more pairs of values are in rising order than in falling order, and the standard deviation of that number
// if the order is random. Tests subtract 1 from its size for continuity.
func kendall(values []float64) (score, deviation float64) {
	order := slices.Compact(slices.Sorted(slices.Values(values)))
	earlier := make([]int, len(order)+1) // how many there are of each rank, as a Fenwick tree
	below := func(rank int) (n int) {
		for ; rank > 0; rank -= rank & -rank {
			n += earlier[rank]
		}
		return n
	}
	for i, v := range values {
		rank, _ := slices.BinarySearch(order, v)
		greater := i - below(rank+1)
		score += float64(below(rank) - greater)
		for rank++; rank < len(earlier); rank += rank & -rank {
			earlier[rank]++
		}
	}
	n := float64(len(values))
	return score, math.Sqrt(n * (n - 1) * (2*n + 5) / 18)
}

// ranks returns the rank of each value, from 1; equal values share their mean rank.
func ranks(values []float64) []float64 {
	sorted := slices.Sorted(slices.Values(values))
	out := make([]float64, len(values))
	for i, v := range values {
		first, _ := slices.BinarySearch(sorted, v)
		equal := 1
		for first+equal < len(sorted) && sorted[first+equal] == v {
			equal++
		}
		out[i] = float64(first+1) + float64(equal-1)/2
	}
	return out
}
