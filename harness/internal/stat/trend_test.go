package stat

import (
	"math/rand/v2"
	"testing"
)

// TestTrendIsSeldomChance draws values in random order: no more than 1 % of them have a trend, in either direction.
func TestTrendIsSeldomChance(t *testing.T) {
	const draws = 20_000
	for _, n := range []int{1, 4, 6, 10, 20, 100} {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		found := map[int]int{}
		for range draws {
			values := make([]float64, n)
			for i := range values {
				values[i] = random.ExpFloat64()
			}
			found[Trend(values)]++
		}
		if false := found[-1] + found[+1]; false > draws/100+3*14 { // three standard errors
			t.Errorf("%d values: %d of %d draws have a trend", n, false, draws)
		}
		if n >= 10 && found[-1]*found[+1] == 0 {
			t.Errorf("%d values: never in one direction: %v", n, found)
		}
	}
}

// TestTrend finds trends of known direction, also beneath noise that is as large as they are.
func TestTrend(t *testing.T) {
	for _, tc := range []struct {
		name   string
		values []float64
		want   int
	}{
		{"none", nil, 0},
		{"constant", []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 0},
		{"too few", []float64{1, 2, 3, 4, 5}, 0},
		{"six that rise", []float64{1, 2, 3, 4, 5, 6}, +1},
		{"six that fall", []float64{6, 5, 4, 3, 2, 1}, -1},
		{"rising with noise", []float64{1, 3, 2, 5, 4, 6, 8, 7, 10, 9}, +1},
		{"there and back", []float64{1, 2, 3, 4, 5, 5, 4, 3, 2, 1}, 0},
		{"one outlier", []float64{1, 2, 1.5, 1.7, 9, 1.1, 1.9, 1.4, 1.6, 1.2}, 0},
	} {
		if got := Trend(tc.values); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}
