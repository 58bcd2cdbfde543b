package main

import (
	"math"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/safetensors"
)

func TestRouterBins(t *testing.T) {
	legacy, half := ScatteringRouter{Experts: 4, Epsilon: 1}, ScatteringRouter{Experts: 4, HalfCircle: true}
	for _, tt := range []struct {
		g            []float32
		legacy, half int
	}{
		{[]float32{-0.375, 0.3}, 3, 3},
		{[]float32{0.3, 0.5}, 2, 1},
		{[]float32{-0.1, 0.9}, 2, 2},
		{[]float32{0.5, 0.05}, 2, 0},
	} {
		if got := legacy.bin(tt.g); got != tt.legacy {
			t.Errorf("legacy bin of %v is %d, want %d", tt.g, got, tt.legacy)
		}
		if got := half.bin(tt.g); got != tt.half {
			t.Errorf("half-circle bin of %v is %d, want %d", tt.g, got, tt.half)
		}
	}
}

// TestRouterFixture compares with the reference's router, which gives two experts to resonant tokens, whose |G| exceeds
// the 0.9 quantile of the batch, and one to the others. The reference's language model asks for top_k experts for every
// token, so the model does not distinguish the two. The fixture fills the second slot of an ordinary token with expert 0
// at weight 0, which stands for no expert.
func TestRouterFixture(t *testing.T) {
	f, err := safetensors.Open("testdata/router.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	indices, err := f.Int64s("indices")
	if err != nil {
		t.Fatal(err)
	}
	g, weights := widen(t, f, "g"), widen(t, f, "weights")
	const experts = 8
	in := nn.Mat{Rows: len(g) / 2, Cols: 2, Data: g}
	magnitude := make([]float32, in.Rows)
	for i := range magnitude {
		magnitude[i] = float32(math.Hypot(float64(in.Row(i)[0]), float64(in.Row(i)[1])))
	}
	ordinary := ScatteringRouter{Experts: experts, TopK: 1, Epsilon: 1}
	resonant := ScatteringRouter{Experts: experts, TopK: 2, Epsilon: 1}
	got, two := ordinary.Forward(newPass(), nn.Mat{}, in), resonant.Forward(newPass(), nn.Mat{}, in)
	threshold := quantile(magnitude, 0.9)
	for i, size := range magnitude {
		if size > threshold {
			copy(got.Row(i), two.Row(i))
		}
	}
	want := make([]float32, len(got.Data))
	for i, e := range indices {
		want[i/2*experts+int(e)] += weights[i]
	}
	for i, w := range got.Data {
		got.Data[i] = max(0, w)
	}
	modeltest.Near(t, "routes", got.Data, want, 1e-6)
}

// quantile interpolates linearly between the order statistics of x.
func quantile(x []float32, q float64) float32 {
	sorted := slices.Sorted(slices.Values(x))
	at := q * float64(len(x)-1)
	lo := int(at)
	return sorted[lo] + float32(at-float64(lo))*(sorted[lo+1]-sorted[lo])
}

func widen(t *testing.T, f *safetensors.File, name string) []float32 {
	t.Helper()
	x, err := f.Widen(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestSpread checks that k experts around the bin share a weight of one, and that the bin has the largest.
func TestSpread(t *testing.T) {
	for _, experts := range []int{1, 2, 4, 8} {
		for bin := range experts {
			for k := 1; k <= experts; k++ {
				routes := make([]float32, experts)
				spread(routes, bin, k)
				var sum float64
				used := 0
				for _, w := range routes {
					if w != nn.NotRouted {
						sum, used = sum+float64(w), used+1
					}
				}
				if math.Abs(sum-1) > 1e-6 || used != k || routes[bin] != slices.Max(routes) {
					t.Errorf("%d experts around bin %d of %d: weights %v", k, bin, experts, routes)
				}
			}
		}
	}
}
