package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// withTier runs do with the named kernels.
func withTier(t testing.TB, tr *tier, do func()) {
	t.Helper()
	before := active
	active = tr
	defer func() { active = before }()
	do()
}

// Every tier's product equals the reference in every precision, over ragged sizes and numbers of threads.
func TestTierProducts(t *testing.T) {
	formats := []string{"f32", "bf16", "int8", "int8-g32", "int8-g64", "int8-g128", "int4", "int4-g32", "int4-g128", "int4-row", "nf4",
		"int8a8", "int8a8-g64", "int8a8-g128", "int4a8", "int4a8-g32", "int4a8-g128", "int4a8-row"}
	sizes := [][3]int{ // rows, out, in
		{1, 1, 1}, {1, 3, 5}, {1, 32, 64}, {2, 33, 65}, {5, 7, 130}, {6, 64, 192}, {7, 64, 192}, {13, 31, 63}, {14, 32, 16}, {15, 33, 17},
		{16, 100, 129}, {29, 65, 514}, {31, 160, 1030}, {40, 40, 2100}, {57, 96, 128},
	}
	pools := []*Pool{nil, NewPool(2), NewPool(3)}
	defer func() {
		for _, p := range pools {
			p.Close()
		}
	}()
	for _, tr := range tiers {
		if tr == &reference || !tr.usable() {
			continue
		}
		t.Run(tr.name, func(t *testing.T) {
			for _, name := range formats {
				worst := 0.0
				for _, size := range append(sizes, [3]int{1 + rand.IntN(40), 1 + rand.IntN(200), 1 + rand.IntN(700)}) {
					worst = max(worst, compareTier(t, tr, name, pools, size[0], size[1], size[2]))
				}
				t.Logf("%-12s largest difference %.2g of the largest output", name, worst)
			}
		})
	}
}

// compareTier returns the largest difference from the reference relative to the largest output.
func compareTier(t *testing.T, tr *tier, name string, pools []*Pool, rows, out, in int) float64 {
	t.Helper()
	f, err := ParseFormat(name)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(out*10000+in)))
	draw := func(x []float32) {
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
	}
	x := make([]float32, rows*in)
	draw(x)
	weights := make([]float32, out*in)
	draw(weights)
	pack := func() Matrix {
		return NewMatrix(f, out, in, func(o int, dst []float32) { copy(dst, weights[o*in:]) })
	}
	want := make([]float32, rows*out)
	var plain Matrix
	withTier(t, &reference, func() { plain = pack(); plain.MulT(nil, want, x, rows) })
	var first []float32
	for _, pool := range pools {
		got := make([]float32, rows*out)
		withTier(t, tr, func() {
			w := pack()
			w.MulT(pool, got, x, rows)
			compareRows(t, name, plain, w)
		})
		if first == nil {
			first = got
		}
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(first[i]) {
				t.Fatalf("%s %d×%d×%d: output %d depends on the threads", name, rows, out, in, i)
			}
		}
	}
	var diff, top float64
	for i := range want {
		diff, top = max(diff, math.Abs(float64(first[i]-want[i]))), max(top, math.Abs(float64(want[i])))
	}
	if rel := diff / max(top, 1e-30); !(rel <= 3e-6) {
		t.Errorf("%s %d×%d×%d: differs by %.3g from a largest output of %.3g", name, rows, out, in, diff, top)
		return rel
	}
	return diff / max(top, 1e-30)
}

// compareRows checks that a packed matrix has the reference's weights.
func compareRows(t *testing.T, name string, want, got Matrix) {
	t.Helper()
	out, in := want.Shape()
	a, b := make([]float32, in), make([]float32, in)
	for o := range out {
		want.Row(o, a)
		got.Row(o, b)
		if !slices.Equal(a, b) {
			t.Fatalf("%s %d×%d: row %d differs", name, out, in, o)
		}
	}
}

// Denormals, infinities and NaN are treated alike in every tier.
func TestTierSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, tr := range tiers {
		if tr == &reference || !tr.usable() {
			continue
		}
		for _, name := range []string{"f32", "bf16", "int8", "int4", "int8a8"} {
			for _, special := range []float32{inf, -inf, nan, 1e-42} {
				for _, rows := range []int{1, 9} {
					f, _ := ParseFormat(name)
					const out, in = 36, 70
					x := make([]float32, rows*in)
					for i := range x {
						x[i] = float32(i%7) + 1
					}
					x[5], x[in-1] = special, special // in whole vectors and in the remainder
					multiply := func(y []float32) func() {
						return func() {
							NewMatrix(f, out, in, func(o int, dst []float32) {
								for i := range dst {
									dst[i] = float32(o+i%5) + 1
								}
							}).MulT(nil, y, x, rows)
						}
					}
					want, got := make([]float32, rows*out), make([]float32, rows*out)
					withTier(t, &reference, multiply(want))
					withTier(t, tr, multiply(got))
					for i := range want {
						if class(want[i]) != class(got[i]) {
							t.Errorf("%s %s, %d rows with %g: output %d is %g, reference %g", tr.name, name, rows, special, i, got[i], want[i])
							break
						}
					}
				}
			}
		}
	}
}

// Every tier scales weights before multiplying by the activations, so large activations overflow only if their products
// do.
func TestTierLargeActivations(t *testing.T) {
	const out, in, large = 36, 200, 1e38
	for _, name := range []string{"bf16", "int8", "int8-g64", "int4", "int4-g128", "nf4"} {
		for _, rows := range []int{1, 9} {
			x := make([]float32, rows*in)
			for i := range x {
				x[i] = large * float32(i%3-1)
			}
			for _, tr := range append(usableTiers(), &reference) {
				y := make([]float32, rows*out)
				withTier(t, tr, func() {
					w := NewMatrix(mustFormat(t, name), out, in, func(o int, dst []float32) {
						for i, v := range gaussians(uint64(o), in) {
							dst[i] = v / 10
						}
					})
					w.MulT(nil, y, x, rows)
				})
				for i, v := range y {
					if class(v) != "finite" {
						t.Fatalf("%s %s, %d rows: output %d is %g", tr.name, name, rows, i, v)
					}
				}
			}
		}
	}
}

// class distinguishes finite numbers, infinities and NaN.
func class(v float32) string {
	switch {
	case v != v:
		return "NaN"
	case math.IsInf(float64(v), 0):
		return fmt.Sprint(v)
	}
	return "finite"
}
