package stat

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// times returns n times of calls with noise that only lengthens them, and with a few long disturbances.
func times(random *rand.Rand, n int) []float64 {
	calls := make([]float64, n)
	for i := range calls {
		calls[i] = 1 + 0.03*random.ExpFloat64()
		if random.Float64() < 0.05 {
			calls[i] += random.Float64()
		}
	}
	return calls
}

// TestWarmUpFalseAlarms holds both rules against their level: calls in random order are a warm-up or a trend in at most 1 %
// of samples, at every number of calls.
func TestWarmUpFalseAlarms(t *testing.T) {
	const runs = 20000
	random := rand.New(rand.NewPCG(3, 4))
	limit := 0.01 + 3*math.Sqrt(0.01*0.99/runs)
	for _, n := range []int{0, 1, 2, 5, 8, 10, 12, 15, 20, 30, 40, 50} {
		warm, falling := 0, 0
		for range runs {
			calls := times(random, n)
			if WarmUp(calls) > 0 {
				warm++
			}
			if Falls(calls) {
				falling++
			}
		}
		if a, b := float64(warm)/runs, float64(falling)/runs; a > limit || b > limit {
			t.Errorf("%d calls: warm-up in %.4f and trend in %.4f of samples, want at most %.4f", n, a, b, limit)
		}
	}
}

// TestWarmUpFound plants warm-ups, and counts those that are found with the right number of calls, give or take two.
func TestWarmUpFound(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct{ calls, warm, least int }{{10, 4, 800}, {20, 4, 600}, {20, 8, 800}, {50, 5, 800}, {50, 20, 800}} {
		found := 0
		for range 1000 {
			calls := times(random, c.calls)
			for i := range c.warm {
				calls[i] *= 1.3
			}
			if n := WarmUp(calls); n >= c.warm-2 && n <= c.warm+2 && n > 0 {
				found++
			}
		}
		if found < c.least {
			t.Errorf("%d of %d calls slower: found in %d of 1000 samples", c.warm, c.calls, found)
		}
	}
}

func TestFalls(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{8, 20, 50} {
		calls := times(random, n)
		for i := range calls {
			calls[i] *= 2 - float64(i)/float64(n)
		}
		if !Falls(calls) {
			t.Errorf("%d calls that become faster to the end are not found", n)
		}
		if slices.Reverse(calls); Falls(calls) || WarmUp(calls) > 0 {
			t.Errorf("%d calls that become slower are taken for a warm-up", n)
		}
	}
	if WarmUp(slices.Repeat([]float64{1}, 20)) > 0 || Falls(slices.Repeat([]float64{1}, 20)) {
		t.Error("equal calls are taken for a warm-up")
	}
	if got := fmt.Sprint(ranks([]float64{3, 1, 3, 2})); got != "[3.5 1 3.5 2]" {
		t.Error("ranks", got)
	}
}

// TestKendall compares the score with counting all pairs, also of equal values.
func TestKendall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.Map(rapid.IntRange(0, 20), func(n int) float64 { return float64(n) })).Draw(t, "values")
		want := 0
		for i, earlier := range values {
			for _, later := range values[i+1:] {
				want += cmp.Compare(later, earlier)
			}
		}
		if got, _ := kendall(values); got != float64(want) {
			t.Errorf("%v, want %d", got, want)
		}
	})
}
