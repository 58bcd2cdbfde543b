package kernel

import (
	"math"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
)

// gradSizes are m, n, k around the tile and block sizes of every tier.
var gradSizes = [][3]int{
	{1, 1, 1}, {1, 40, 3}, {3, 1, 70}, {5, 7, 6}, {6, 16, 8}, {7, 17, 9}, {13, 31, 15}, {14, 32, 16}, {15, 33, 17}, {29, 65, 383},
	{28, 64, 384}, {30, 66, 385}, {43, 100, 770}, {2, 300, 700}, {200, 3, 90}, {97, 530, 64},
}

// Every tier's NN and TN products equal the reference over ragged sizes and any alignment, and do not depend on the
// number of threads.
func TestTierMulAdd(t *testing.T) {
	pools := []*Pool{nil, NewPool(2), NewPool(3)}
	defer func() {
		for _, p := range pools {
			p.Close()
		}
	}()
	for _, tr := range tiers {
		if !tr.usable() {
			continue
		}
		t.Run(tr.name, func(t *testing.T) {
			worst := 0.0
			for i, s := range gradSizes {
				for _, turned := range []bool{false, true} {
					worst = max(worst, compareMulAdd(t, tr, pools, s[0], s[1], s[2], i%3, turned))
				}
			}
			t.Logf("largest difference %.2g of the sum of magnitudes", worst)
		})
	}
}

// compareMulAdd returns the largest difference from a float64 product, relative to the sum of the terms' magnitudes.
func compareMulAdd(t testing.TB, tr *tier, pools []*Pool, m, n, k, offset int, turned bool) (worst float64) {
	t.Helper()
	a, b, c := gaussians(1, m*k+offset)[offset:], gaussians(2, k*n+offset)[offset:], gaussians(3, m*n)
	var first []float32
	for _, pool := range pools {
		memory := append(make([]float32, offset), c...)
		got := memory[offset:]
		tr.mulAdd(pool, got[:m*n:m*n], a, b, m, n, k, turned)
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Fatalf("%s [%d,%d,%d] turned=%v: %d threads have another result", tr.name, m, n, k, turned, pool.Threads())
		}
	}
	ai, ap := k, 1
	if turned {
		ai, ap = 1, m
	}
	for i := range m {
		for j := range n {
			want := float64(c[i*n+j])
			size := math.Abs(want)
			for p := range k {
				term := float64(a[i*ai+p*ap]) * float64(b[p*n+j])
				want, size = want+term, size+math.Abs(term)
			}
			rel := math.Abs(float64(first[i*n+j])-want) / size
			if worst = max(worst, rel); !(rel <= 1e-6) {
				t.Fatalf("%s [%d,%d,%d] turned=%v: element %d,%d is %g, want %g", tr.name, m, n, k, turned, i, j, first[i*n+j], want)
			}
		}
	}
	return worst
}

// NaN, infinities and denormals reach exactly the outputs that depend on them, in every tier.
func TestTierMulAddSpecialValues(t *testing.T) {
	const m, n, k = 17, 35, 19
	for _, special := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-42, math.MaxFloat32} {
		for _, turned := range []bool{false, true} {
			a, b, c := gaussians(1, m*k), gaussians(2, k*n), gaussians(3, m*n)
			a[5], b[7*n+34], c[40] = special, special, special
			want := slices.Clone(c)
			reference.mulAdd(nil, want, a, b, m, n, k, turned)
			for _, tr := range tiers {
				if !tr.usable() {
					continue
				}
				got := slices.Clone(c)
				tr.mulAdd(nil, got, a, b, m, n, k, turned)
				for i := range got {
					if class(got[i]) != class(want[i]) {
						t.Fatalf("%s with %g, turned=%v: element %d is %g, reference %g", tr.name, special, turned, i, got[i], want[i])
					}
				}
			}
		}
	}
}

func TestMulAddAllocatesNothing(t *testing.T) {
	const m, n, k = 33, 70, 40
	pool := NewPool(2)
	defer pool.Close()
	a, b, c := gaussians(1, m*k), gaussians(2, k*n), make([]float32, m*n)
	for name, mul := range map[string]func(*Pool, []float32, []float32, []float32, int, int, int){"NN": MulNN, "TN": MulTN} {
		mul(pool, c, a, b, m, n, k)
		if got := sharedtest.AllocsPerRun(t, 50, func() { mul(pool, c, a, b, m, n, k) }); got != 0 {
			t.Errorf("%s: %v allocations a product, want 0", name, got)
		}
	}
}
