package kernel

import (
	"fmt"
	"math"
	"math/cmplx"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/archbench/archbench/internal/safetensors"
)

// fullResolvent returns g, h, G and log det of a chain.
func fullResolvent(a, k []float64, z complex128) (g, h, full []complex128) {
	n := len(a)
	g, h, full = make([]complex128, n), make([]complex128, n), make([]complex128, n)
	FullResolvent(a, k, z, g, h, full)
	return g, h, full
}

// nearComplex fails unless got and want agree within tolerance, and logs the largest difference.
func nearComplex(t *testing.T, what string, got, want []complex128, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst, at := 0.0, 0
	for i := range got {
		if d := cmplx.Abs(got[i] - want[i]); !(d <= worst) {
			worst, at = d, i
		}
	}
	t.Logf("%s: max difference %.2g (tolerance %.0g)", what, worst, tolerance)
	if !(worst <= tolerance) {
		t.Errorf("%s: element %d is %v, want %v", what, at, got[at], want[at])
	}
}

func uniform(n int, v float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// mirror completes a palindrome of n values from its first half.
func mirror(half []complex128, n int) []complex128 {
	all := append([]complex128(nil), half...)
	for i := len(half); i < n; i++ {
		all = append(all, half[n-1-i])
	}
	return all
}

func TestFullResolventConstantChain(t *testing.T) {
	causal := []complex128{
		-0.4 + 0.2i, -0.4 + 0.3i, -0.376470588 + 0.305882353i, -0.373983740 + 0.300813008i, -0.375 + 0.3i,
	}
	full := [][]complex128{
		{-0.4 + 0.2i},
		{-0.4 + 0.3i},
		{-0.376470588 + 0.305882353i, -0.352941176 + 0.411764706i},
		{-0.373983740 + 0.300813008i, -0.325203252 + 0.406504065i},
		{-0.375 + 0.3i, -0.325 + 0.4i, -0.3 + 0.4i},
	}
	for i, half := range full {
		n := i + 1
		g, _, all := fullResolvent(uniform(n, -2), uniform(n-1, 1), 1i)
		nearComplex(t, fmt.Sprintf("g of %d sites", n), g, causal[:n], 1e-9)
		nearComplex(t, fmt.Sprintf("G of %d sites", n), all, mirror(half, n), 1e-9)
	}
	g, _, _ := fullResolvent(uniform(64, -2), uniform(63, 1), 1i)
	nearComplex(t, "limit of g", g[63:], []complex128{-0.375189466 + 0.300242590i}, 1e-9)
}

// The four-site chain used to compute this file's reference values.
var (
	chainV = []float64{0.5, -1, 2, 0.25}
	chainA = []float64{-1.5, -3, 0, -1.75}
	chainK = []float64{1, 1, 1}
	chainU = []float64{1, -1, 2, 0.5}
	chainG = []complex128{
		-0.4615384615 + 0.3076923077i, -0.3113207547 + 0.1603773585i, 0.2156862745 + 0.8039215686i, -0.2761549498 + 0.2534289813i,
	}
	chainY = []complex128{
		-0.4615384615 + 0.3076923077i, 0.2169811321 + 0.0094339623i, 0.3921568627 + 1.4313725490i, 0.3329698709 + 0.4226111908i,
	}
)

func TestFullResolventOfPotential(t *testing.T) {
	g, h, full := fullResolvent(chainA, chainK, 1i)
	nearComplex(t, "g", g, chainG, 1e-10)
	nearComplex(t, "h", h, []complex128{
		-0.4408608321 + 0.3946054519i, -0.2406557377 + 0.1272131148i, 0.2477876106 + 0.7168141593i, -0.4307692308 + 0.2461538462i,
	}, 1e-10)
	nearComplex(t, "G", full, []complex128{
		-0.4408608321 + 0.3946054519i, -0.2348923960 + 0.1706743185i, 0.2934289813 + 0.5561549498i, -0.2761549498 + 0.2534289813i,
	}, 1e-10)
	nearComplex(t, "1/(1/g + 1/h - (a - z))", full, identityOfHalves(g, h, chainA, 1i), 1e-14)
}

// identityOfHalves computes G from the two half-chains by another formula.
func identityOfHalves(g, h []complex128, a []float64, z complex128) []complex128 {
	full := make([]complex128, len(a))
	for i := range a {
		full[i] = 1 / (1/g[i] + 1/h[i] - (complex(a[i], 0) - z))
	}
	return full
}

func TestResolventRowAndBornNorm(t *testing.T) {
	born := []float64{1.80277564, 2.49705709, 1.11530374, 1.98642358}
	g, y := NewComplex(1), NewComplex(1)
	for i, v := range chainV {
		z, one := make([]float32, 2), []float32{1}
		c := Chains{
			Len: 1, Heads: 1, Values: 1, A: Rows{[]float32{float32(v - 2)}, 1}, Hop: Rows{one, 1}, Eta: one,
			U: Rows{[]float32{float32(chainU[i])}, 1}, G: g, Y: y, Born: true, ZRe: Rows{z, 2}, ZIm: Rows{z[1:], 2},
		}
		c.Run()
		nearComplex(t, fmt.Sprintf("g_%d", i), []complex128{g.At(0)}, chainG[i:i+1], 1e-10)
		nearComplex(t, fmt.Sprintf("y_%d", i), []complex128{y.At(0)}, chainY[i:i+1], 1e-10)
		nearComplex(t, fmt.Sprintf("z_%d", i), []complex128{complex(float64(z[0]), float64(z[1]))}, []complex128{complex(born[i], 0) * chainY[i]}, 1e-6)
		if n := bornNorm(1, g.Im[0]); math.Abs(n-born[i]) > 1e-8 {
			t.Errorf("born factor %d is %.9g, want %.9g", i, n, born[i])
		}
	}
}

// logDet is log det(H − z) = −Σ log g_i. Every arg g_i is in (0, π), so the branch is unambiguous.
func logDet(g []complex128) (sum complex128) {
	for _, v := range g {
		sum -= cmplx.Log(v)
	}
	return sum
}

func TestLogDetOfSpectrum(t *testing.T) {
	want := map[float64]complex128{
		-4: -0.08890609 - 0.15191099i, -2: 2.86645099 + 1.47126852i, 0: -0.95448914 + 2.73348149i, 2: -0.63968596 + 0.02796589i,
	}
	for energy, logD := range want {
		z := complex(energy, 0.1)
		with, _, _ := fullResolvent(chainA[:3], chainK[:2], z)
		without, _, _ := fullResolvent(uniform(3, -2), chainK[:2], z)
		nearComplex(t, fmt.Sprintf("log D(%g)", energy), []complex128{logDet(with) - logDet(without)}, []complex128{logD}, 1e-8)
	}
}

func TestAgainstDenseInverses(t *testing.T) {
	f, err := safetensors.Open(filepath.Join("testdata", "resolvent-chains.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, n := range []int{1, 2, 3, 8, 64, 256} {
		for i, z := range []complex128{1i, complex128(complex64(0.3 + 0.2i))} { // single precision, as in the file
			t.Run(fmt.Sprintf("n=%d/z=%v", n, z), func(t *testing.T) { againstDense(t, f, fmt.Sprintf("%d.%d.", n, i), z) })
		}
	}
}

func againstDense(t *testing.T, f *safetensors.File, prefix string, z complex128) {
	t.Helper()
	a, b, c := float64s(t, f, prefix+"a"), float64s(t, f, prefix+"b"), float64s(t, f, prefix+"c")
	k := make([]float64, len(b))
	for i := range k {
		k[i] = b[i] * c[i]
	}
	g, _, full := fullResolvent(a, k, z)
	nearComplex(t, "full diagonal", full, pairs(float64s(t, f, prefix+"dense")), 1e-13)
	nearComplex(t, "last diagonal of leading blocks", g, pairs(float64s(t, f, prefix+"causal")), 1e-13)
	y := make([]complex128, len(a))
	for i := range y {
		if i == 0 {
			y[i] = resolventRowStep(g[i], 0, a[i], 0)
		} else {
			y[i] = resolventRowStep(g[i], c[i-1], a[i], y[i-1])
		}
	}
	nearComplex(t, "last row of leading blocks times a", y, pairs(float64s(t, f, prefix+"causal_row_of_a")), 1e-13)
}

func float64s(t *testing.T, f *safetensors.File, name string) []float64 {
	t.Helper()
	v, err := f.Float64s(name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// pairs joins (re, im) pairs.
func pairs(v []float64) []complex128 {
	z := make([]complex128, len(v)/2)
	for i := range z {
		z[i] = complex(v[2*i], v[2*i+1])
	}
	return z
}

// TestInvariants checks properties that hold for every real diagonal, every k ≥ 0 and every η > 0: Im g > 0, |g| ≤ 1/η,
// the lower bound of |g|, Ward's identity, and a Cayley transform in the unit disc.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		eta := rapid.Float64Range(2e-3, 3).Draw(t, "eta")
		a := rapid.SliceOfN(rapid.Float64Range(-5, 5), n, n).Draw(t, "a")
		hop := rapid.SliceOfN(rapid.Float64Range(0, 1.5), n, n).Draw(t, "c")
		rows := make([]complex128, n) // R_ij for the current i, from a unit value at each j
		var g complex128
		for i := range n {
			k := hop[i] * hop[i]
			bound := 1 / (math.Abs(a[i]) + eta + k/eta)
			g = resolventStep(a[i], eta, k, g)
			if !(imag(g) > 0) || cmplx.Abs(g) > (1+1e-12)/eta || cmplx.Abs(g) < (1-1e-12)*bound {
				t.Fatalf("g_%d = %v leaves its bounds for eta %g", i, g, eta)
			}
			if m := cayley(g); !(cmplx.Abs(m) < 1) {
				t.Fatalf("cayley(%v) = %v leaves the unit disc", g, m)
			}
			var weight float64
			for j := range i + 1 {
				u := 0.0
				if j == i {
					u = 1
				}
				rows[j] = resolventRowStep(g, hop[i], u, rows[j])
				weight += real(rows[j])*real(rows[j]) + imag(rows[j])*imag(rows[j])
			}
			if want := imag(g) / eta; math.Abs(weight-want) > 1e-9*want {
				t.Fatalf("Ward's identity at %d: sum of squares %g, Im g/eta %g", i, weight, want)
			}
		}
	})
}

func TestCayleyIsTheQuotient(t *testing.T) {
	for _, g := range append(chainG, 0.001+200i, 5+1e-3i) {
		nearComplex(t, fmt.Sprint(g), []complex128{cayley(g)}, []complex128{(g - 1i) / (g + 1i)}, 1e-14)
	}
}
