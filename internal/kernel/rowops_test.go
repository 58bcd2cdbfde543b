package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// rowOp is an elementwise or row kernel and its accuracy: at most that many ulps from the reference result. Results
// smaller than floor (an operand's size, for kernels that add to dst) are measured in ulps of floor.
type rowOp struct {
	name  string
	ulps  float64
	floor float64
	sums  bool // sums over the row, so its elements must be of similar size
	run   func(tr *tier, dst, x, y, z []float32)
}

// rowOps lists the kernels. dst, y and z start with normally distributed values; x may hold anything.
var rowOps = []rowOp{
	{"exp", 2, 1e-37, false, func(tr *tier, dst, x, _, _ []float32) { tr.exp(dst, x) }},
	{"silu", 4, 1e-30, false, func(tr *tier, dst, x, _, _ []float32) { tr.silu(dst, x) }},
	{"gelu", 6, 1e-37, false, func(tr *tier, dst, x, _, _ []float32) { tr.gelu(dst, x) }},
	{"gelu_new", 6, 1e-1, false, func(tr *tier, dst, x, _, _ []float32) { tr.geluNew(dst, x) }},
	{"softplus", 4, 1e-37, false, func(tr *tier, dst, x, _, _ []float32) { tr.softplus(dst, x) }},
	{"relu", 0, 0, false, func(tr *tier, dst, x, _, _ []float32) { tr.relu(dst, x) }},
	{"swiglu", 4, 1e-30, false, func(tr *tier, dst, x, y, _ []float32) { tr.swiglu(dst, x, y) }},
	{"add", 0, 0, false, func(tr *tier, dst, x, y, _ []float32) { tr.add(dst, x, y) }},
	{"axpy", 1, 3, false, func(tr *tier, dst, _, y, _ []float32) { tr.axpy(-.3, y, dst) }},
	{"add-mul", 1, 9, false, func(tr *tier, dst, _, y, z []float32) { tr.addMul(dst, y, z) }},
	{"rotate", 0, 0, false, func(tr *tier, dst, _, y, z []float32) { tr.rotate(dst, slices.Clone(y), y, z, 0) }},
	{"rotate-back", 0, 0, false, func(tr *tier, dst, _, y, z []float32) {
		tr.rotate(slices.Clone(y), dst, y, z, float32(math.Copysign(0, -1)))
	}},
	{"silu-grad", 4, 6, false, func(tr *tier, dst, x, y, _ []float32) { tr.grad.silu(dst, y, x) }},
	{"gelu-grad", 4, 6, false, func(tr *tier, dst, x, y, _ []float32) { tr.grad.gelu(dst, y, x) }},
	{"gelu_new-grad", 8, 6, false, func(tr *tier, dst, x, y, _ []float32) { tr.grad.geluNew(dst, y, x) }},
	{"softplus-grad", 4, 6, false, func(tr *tier, dst, x, y, _ []float32) { tr.grad.softplus(dst, y, x) }},
	{"relu-grad", 0, 0, false, func(tr *tier, dst, x, y, _ []float32) { tr.grad.relu(dst, y, x) }},
	{"swiglu-grad-gate", 4, 20, false, func(tr *tier, dst, x, y, z []float32) { tr.grad.swiglu(dst, slices.Clone(y), y, x, z) }},
	{"swiglu-grad-up", 4, 6, false, func(tr *tier, dst, x, y, z []float32) { tr.grad.swiglu(slices.Clone(y), dst, y, x, z) }},
	{"score-grad", 8, 6, true, func(tr *tier, dst, x, y, _ []float32) {
		if len(x) > 0 {
			copy(dst, y)
			tr.attention.scoreGrad(slices.Clone(x), dst, .5, 3, .25)
		}
	}},
	{"logsumexp", 4, 1, true, func(tr *tier, dst, x, _, _ []float32) { fill(dst, float32(logSumExpOf(tr, x))) }},
	{"softmax-grad", 4, 6, true, func(tr *tier, dst, x, _, _ []float32) { tr.expAxpy(.5, float32(logSumExpOf(&reference, x)), x, dst) }},
	{"rmsnorm", 4, 1e-6, true, func(tr *tier, dst, x, y, _ []float32) { tr.rmsNorm(dst, x, y, 1e-5) }},
	{"layernorm", 8, 6, true, func(tr *tier, dst, x, y, z []float32) { tr.layerNorm(dst, x, y, z, 1e-5) }},
	{"rmsnorm-grad", 16, 9, true, func(tr *tier, dst, x, y, z []float32) { tr.grad.rmsNorm(dst, slices.Clone(y), y, x, z, 1e-5) }},
	{"rmsnorm-grad-weight", 8, 9, true, func(tr *tier, dst, x, y, z []float32) { tr.grad.rmsNorm(slices.Clone(y), dst, y, x, z, 1e-5) }},
	{"layernorm-grad", 16, 9, true, func(tr *tier, dst, x, y, z []float32) {
		tr.grad.layerNorm(dst, slices.Clone(y), slices.Clone(y), y, x, z, 1e-5)
	}},
	{"layernorm-grad-weight", 8, 9, true, func(tr *tier, dst, x, y, z []float32) {
		tr.grad.layerNorm(slices.Clone(y), dst, slices.Clone(y), y, x, z, 1e-5)
	}},
	{"layernorm-grad-bias", 1, 9, true, func(tr *tier, dst, x, y, z []float32) {
		tr.grad.layerNorm(slices.Clone(y), slices.Clone(y), dst, y, x, z, 1e-5)
	}},
}

// logSumExpOf is LogSumExp on a tier.
func logSumExpOf(tr *tier, x []float32) float64 {
	before := active
	active = tr
	defer func() { active = before }()
	return LogSumExp(x)
}

func fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}

// usableTiers are this CPU's tiers other than the reference.
func usableTiers() (list []*tier) {
	for _, tr := range tiers {
		if tr != &reference && tr.usable() {
			list = append(list, tr)
		}
	}
	return list
}

// compareRow returns op's largest distance from the reference in ulps, at any alignment, for n elements whose x starts
// with special. It fails if only one of the results is a number, or if op writes beyond dst.
func compareRow(t testing.TB, tr *tier, op *rowOp, n, offset int, special []float32) (worst float64) {
	t.Helper()
	x, y, z := gaussians(1, n+offset)[offset:], gaussians(2, n+offset)[offset:], gaussians(3, n+offset)[offset:]
	for i := range x {
		x[i] *= 3
	}
	copy(x, special)
	want := gaussians(4, n+offset+1)[offset:]
	got := append(make([]float32, offset, n+offset+1), want...)[offset:]
	op.run(&reference, want[:n:n], x, y, z)
	op.run(tr, got[:n:n], x, y, z)
	if got[n] != want[n] {
		t.Fatalf("%s %s writes beyond its %d elements", tr.name, op.name, n)
	}
	for i := range n {
		if class(want[i]) != class(got[i]) {
			t.Fatalf("%s %s of %g (%d of %d): %g, reference %g", tr.name, op.name, x[i], i, n, got[i], want[i])
		}
		worst = max(worst, ulps(want[i], got[i], op.floor))
	}
	return worst
}

// ulps is the distance of two numbers in ulps of the larger one or of floor.
func ulps(a, b float32, floor float64) float64 {
	if a == b || a != a && b != b {
		return 0
	}
	scale := max(math.Abs(float64(a)), math.Abs(float64(b)), floor)
	return math.Abs(float64(a)-float64(b)) / (scale * 0x1p-23)
}

// Every tier's elementwise and row kernels keep their accuracy for all lengths of a few vectors and some longer ones,
// at any alignment.
func TestTierRows(t *testing.T) {
	lengths := []int{127, 128, 129, 1000, 4095, 4097, 9001}
	for n := range 68 {
		lengths = append(lengths, n)
	}
	for _, tr := range usableTiers() {
		for i := range rowOps {
			op, worst := &rowOps[i], 0.0
			for _, n := range lengths {
				special := extremes
				if op.sums || n < len(extremes) {
					special = nil
				}
				worst = max(worst, compareRow(t, tr, op, n, n%5, special))
			}
			if !(worst <= op.ulps) {
				t.Errorf("%s %s is %.3g ulp from the reference, which exceeds %g", tr.name, op.name, worst, op.ulps)
			}
			t.Logf("%s %-22s %.2f ulp", tr.name, op.name, worst)
		}
	}
}

// NaN, infinities, zeros and denormals give the reference's results.
func TestTierRowsSpecialValues(t *testing.T) {
	inf := float32(math.Inf(1))
	specials := []float32{float32(math.NaN()), inf, -inf, 0, float32(math.Copysign(0, -1)), 1e-42, -1e-42, 1e-45}
	for _, tr := range usableTiers() {
		for i := range rowOps {
			op := &rowOps[i]
			for _, special := range specials {
				worst := compareRow(t, tr, op, 37, 1, []float32{special})
				if !(worst <= op.ulps) {
					t.Errorf("%s %s with %g among its operands is %.3g ulp from the reference", tr.name, op.name, special, worst)
				}
			}
		}
	}
}

// A masked row, -Inf except for some elements, has the sum of those elements.
func TestTierMaskedRows(t *testing.T) {
	for _, tr := range usableTiers() {
		for _, n := range []int{1, 20, 4096, 12_300} {
			x := make([]float32, n)
			fill(x, float32(math.Inf(-1)))
			if got := logSumExpOf(tr, x); !math.IsInf(got, -1) {
				t.Errorf("%s: the sum of %d masked elements is %g", tr.name, n, got)
			}
			x[n-1] = 3
			if got := logSumExpOf(tr, x); got != 3 {
				t.Errorf("%s: one of %d elements that is 3 has log-sum-exp %g", tr.name, n, got)
			}
		}
	}
}

// Every tier's inner product is exact up to the rounding of its sums.
func TestTierDot(t *testing.T) {
	for _, tr := range append(usableTiers(), &reference) {
		for _, n := range []int{0, 1, 2, 7, 8, 15, 16, 31, 33, 63, 64, 65, 67, 128, 200, 4099} {
			x, y := gaussians(1, n+1)[1:], gaussians(2, n+3)[3:]
			var want, size float64
			for i := range x {
				want, size = want+float64(x[i])*float64(y[i]), size+math.Abs(float64(x[i])*float64(y[i]))
			}
			if got := float64(tr.dot(x, y)); math.Abs(got-want) > 1e-6*size {
				t.Errorf("%s: a product of %d elements is %g, want %g", tr.name, n, got, want)
			}
		}
	}
}

// The exact GELU keeps its accuracy against the error function over its whole range.
func TestGELUMatchesErf(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 200_000)
	for i := range x {
		x[i] = float32(28*r.Float64() - 14)
	}
	y := make([]float32, len(x))
	for _, tr := range append(usableTiers(), &reference) {
		tr.gelu(y, x)
		worst := 0.0
		for i, v := range x {
			worst = max(worst, ulps(float32(float64(v)*math.Erfc(-float64(v)/math.Sqrt2)/2), y[i], 1e-37))
		}
		t.Logf("%s: %.2f ulp", tr.name, worst)
		if worst > 6 {
			t.Errorf("%s: GELU is %.2f ulp from its definition, want at most 6", tr.name, worst)
		}
	}
}

// TestArgMax compares with the definition: the maximum at every position of a block, ties, and NaN.
func TestArgMax(t *testing.T) {
	for _, tr := range tiers {
		if !tr.usable() {
			continue
		}
		withTier(t, tr, func() {
			for n := 1; n < 2100; n += 1 + n/3 {
				x := make([]float32, n)
				for i := range x {
					clear(x)
					x[i], x[n-1] = 1, 1
					if got := ArgMax(x); got != i {
						t.Fatalf("%s: the largest of %d is found at %d, want %d", tr.name, n, got, i)
					}
				}
			}
			nan, inf := float32(math.NaN()), float32(math.Inf(1))
			for _, c := range []struct {
				x    []float32
				want int
			}{{[]float32{-inf, nan, -inf}, 0}, {[]float32{1, nan, 2, inf}, 3}, {[]float32{nan, 1}, 0}, {[]float32{-2, -1, -1}, 1}} {
				if got := ArgMax(c.x); got != c.want {
					t.Errorf("%s: the largest of %v is found at %d, want %d", tr.name, c.x, got, c.want)
				}
			}
		})
	}
}
