package kernel

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// extremes are arguments at which a formula may overflow or lose precision.
var extremes = []float32{0, -1e-8, 1e-8, .5, -.5, 1, -1, 19.9, 20, 20.1, -40, 40, 87, -87, 100, -100, 1e30, -1e30}

func TestElementwise(t *testing.T) {
	x := append(slices.Clone(extremes), gaussians(1, 500)...)
	big := func(x, y float64) float64 { // x·y where 0·∞ means 0
		if x == 0 || y == 0 {
			return 0
		}
		return x * y
	}
	for _, c := range []struct {
		name string
		f    func(dst, x []float32)
		want func(x float64) float64
	}{
		{"exp", Exp, math.Exp},
		{"silu", SiLU, func(x float64) float64 { return big(x, 1/(1+math.Exp(-x))) }},
		{"gelu", GELU, func(x float64) float64 { return big(x, .5*math.Erfc(-x/math.Sqrt2)) }},
		{"gelu_new", GELUNew, func(x float64) float64 {
			return big(x, .5*(1+math.Tanh(math.Sqrt(2/math.Pi)*(x+.044715*x*x*x))))
		}},
		{"softplus", Softplus, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }},
		{"relu", ReLU, func(x float64) float64 { return max(x, 0) }},
	} {
		got := make([]float32, len(x))
		c.f(got, x)
		for i, v := range x {
			want := float64(float32(c.want(float64(v))))
			if diff := math.Abs(float64(got[i]) - want); diff > 3e-7*max(1, math.Abs(want)) || math.IsNaN(diff) && !math.IsInf(want, 0) {
				t.Errorf("%s(%g) = %g, want %g", c.name, v, got[i], want)
			}
		}
		same := slices.Clone(x)
		c.f(same, same)
		if !slices.Equal(same, got) {
			t.Errorf("%s in place differs", c.name)
		}
	}
}

func TestVectorFunctions(t *testing.T) {
	for n := range 40 {
		x, y := gaussians(1, n), gaussians(2, n)
		sum, scaled := make([]float32, n), slices.Clone(y)
		Add(sum, x, y)
		Axpy(2, x, scaled)
		var dot float64
		for i := range x {
			dot += float64(x[i]) * float64(y[i])
			if sum[i] != x[i]+y[i] || scaled[i] != y[i]+2*x[i] {
				t.Fatalf("n=%d: element %d of add or axpy is wrong", n, i)
			}
		}
		if got := float64(active.dot(x, y)); math.Abs(got-dot) > 1e-5 {
			t.Errorf("n=%d: dot %g, want %g", n, got, dot)
		}
	}
}

func TestNLL(t *testing.T) {
	const rows, cols = 7, 33
	logits, targets, got := gaussians(1, rows*cols), []int32{0, 5, 32, 7, 1, 2, 3}, make([]float64, rows)
	pool := NewPool(2)
	defer pool.Close()
	NLL(pool, got, logits, targets)
	for r, target := range targets {
		var sum float64
		for _, v := range logits[r*cols : (r+1)*cols] {
			sum += math.Exp(float64(v))
		}
		if want := math.Log(sum) - float64(logits[r*cols+int(target)]); math.Abs(got[r]-want) > 1e-7 {
			t.Errorf("row %d: %.15g, want %.15g", r, got[r], want)
		}
	}
}

func TestNorms(t *testing.T) {
	const eps = 1e-5
	for _, n := range []int{1, 2, 16, 255} {
		x, w, b := gaussians(1, n), gaussians(2, n), gaussians(3, n)
		rms, layer := make([]float32, n), make([]float32, n)
		RMSNorm(rms, x, w, eps)
		LayerNorm(layer, x, w, b, eps)
		var sum, squares float64
		for _, v := range x {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		mean, meanSquare := sum/float64(n), squares/float64(n)
		for i, v := range x {
			wantRMS := float64(v) / math.Sqrt(meanSquare+eps) * float64(w[i])
			wantLayer := (float64(v)-mean)/math.Sqrt(meanSquare-mean*mean+eps)*float64(w[i]) + float64(b[i])
			if math.Abs(float64(rms[i])-wantRMS) > 1e-6 || math.Abs(float64(layer[i])-wantLayer) > 1e-5 {
				t.Errorf("n=%d, element %d: rms %g want %g, layer %g want %g", n, i, rms[i], wantRMS, layer[i], wantLayer)
			}
		}
	}
}

func TestChooseTier(t *testing.T) {
	if got, err := chooseTier("reference"); err != nil || got != &reference {
		t.Errorf("chooseTier(reference) = %s, %v", got.name, err)
	}
	if got, err := chooseTier(""); err != nil || !got.usable() {
		t.Errorf("chooseTier() = %s, %v", got.name, err)
	}
	if got, err := chooseTier("mmx"); err == nil || got != &reference || !strings.Contains(err.Error(), "reference") {
		t.Errorf("chooseTier(mmx) = %s, %v; want the reference and an error that lists what there is", got.name, err)
	}
}
