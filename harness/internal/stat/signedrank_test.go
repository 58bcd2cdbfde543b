package stat

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestWalsh compares counts and ranks of averages with sorting them all, and finds each of them exactly.
func TestWalsh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64Range(-1, 1), rapid.SampledFrom([]float64{0, 0.5, -0.5, 1e-300}))
		w := walshOf(rapid.SliceOfN(value, 1, 12).Draw(t, "values"))
		var all []float64
		for i, x := range w {
			for _, y := range w[:i+1] {
				all = append(all, (x+y)/2)
			}
		}
		slices.Sort(all)
		if w.count() != len(all) {
			t.Fatalf("%d averages, want %d", w.count(), len(all))
		}
		for i, want := range all {
			if got := w.at(i); got != want {
				t.Errorf("average %d: %v, want %v", i, got, want)
			}
			if got := w.upTo(want); got != sorted(all).upTo(want) {
				t.Errorf("%d averages up to %v, want %d", got, want, sorted(all).upTo(want))
			}
		}
	})
}

// TestManyRanks checks that the normal distribution of the signed-rank statistic continues the exact one.
func TestManyRanks(t *testing.T) {
	const n = exactRanks
	exact, mean := rankTail(n), float64(n*(n+1))/4
	for _, deviations := range []float64{-3.5, -2.5, -2, -1, 0} {
		sd := math.Sqrt(n * (n + 1) * (2*n + 1) / 24.)
		k := int(mean + deviations*sd)
		normal := 0.5 * math.Erfc(-(float64(k)+0.5-mean)/sd/math.Sqrt2)
		if p := exact(k); normal < 0.99*p || normal > 1.11*p { // it errs on the safe side
			t.Errorf("%g deviations: %g, normal %g", deviations, p, normal)
		}
	}
	for _, n := range []int{exactRanks + 1, 10_000} {
		mean := n * (n + 1) / 4
		if p := rankTail(n)(mean); math.Abs(p-0.5) > 0.01 {
			t.Errorf("%d values: %g at the mean", n, p)
		}
	}
}
