package stat

import (
	"math"
	"testing"
)

func TestWindowOf(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name   string
		trials []Trial
		want   Window
		edge   bool
	}{
		{"inside", []Trial{{1e-1, 4}, {1e-4, 3}, {1e-2, 1}, {1e-3, 2}}, Window{1e-2, math.Pow(10, -2.5), math.Pow(10, -2+1./6), false, false}, false},
		{"edge", []Trial{{1e-3, 2}, {1e-2, 1}}, Window{1e-2, math.Pow(10, -2.5), 1e-2, false, true}, true},
		{"open", []Trial{{1e-3, 1.2}, {1e-2, 1}, {1e-1, 1.1}}, Window{1e-2, 1e-3, 1e-1, true, true}, false},
		{"diverges", []Trial{{1e-3, 1.2}, {1e-2, 1}, {1e-1, inf}}, Window{1e-2, 1e-3, 1e-2, true, false}, false},
		{"single", []Trial{{1e-2, 1}}, Window{1e-2, 1e-2, 1e-2, true, true}, true},
	} {
		got, ok := WindowOf(c.trials, 0.5)
		near := func(a, b float64) bool { return math.Abs(a/b-1) < 1e-9 }
		if !ok || got.Best != c.want.Best || !near(got.Lo, c.want.Lo) || !near(got.Hi, c.want.Hi) || got.Below != c.want.Below || got.Above != c.want.Above || got.Edge() != c.edge {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if _, ok := WindowOf([]Trial{{1, math.NaN()}}, 1); ok {
		t.Error("a window of diverged trials")
	}
}

// TestExpectedBest compares with the mean over all subsets.
func TestExpectedBest(t *testing.T) {
	losses := []float64{3, 1, math.NaN(), 2, 1.5}
	finiteLosses := []float64{3, 1, 3, 2, 1.5}
	for k := 1; k <= len(losses); k++ {
		sum, n := 0.0, 0
		for set := range 1 << len(losses) {
			size, least := 0, math.Inf(1)
			for i, v := range finiteLosses {
				if set>>i&1 == 1 {
					size, least = size+1, math.Min(least, v)
				}
			}
			if size == k {
				sum, n = sum+least, n+1
			}
		}
		got, ok := ExpectedBest(losses, k)
		if want := sum / float64(n); !ok || math.Abs(got-want) > 1e-12 {
			t.Errorf("k=%d: %g, want %g", k, got, want)
		}
	}
	for _, k := range []int{0, 6} {
		if _, ok := ExpectedBest(losses, k); ok {
			t.Errorf("the best of %d of 5 trials", k)
		}
	}
}
