package kernel

import (
	"math"
	"slices"
	"testing"
)

// TestFixedPoint reconstructs activations from their digits: each must be within a 24-bit unit of the largest, with and
// without vector code.
func TestFixedPoint(t *testing.T) {
	if !avx512.usable() {
		t.Skip("the digits are AVX-512's")
	}
	for name, size := range map[string]float32{"usual": 1, "huge": 1e38, "small": 1e-25, "denormal": 1e-42, "zero": 0} {
		for _, n := range []int{1, 31, 32, 33, 64, 250} {
			x := gaussians(uint64(n), n+1)[1:]
			for i := range x {
				x[i] = min(x[i], 3) * size
			}
			x[0] = 3 * size
			ldd := n + 5
			digits := slices.Repeat([]int8{99}, fixedDigits*ldd)
			scale := float64(fixedPoint(digits, ldd, x))
			for i, v := range x {
				got := float64(digits[i])*65536 + float64(digits[ldd+i])*256 + float64(digits[2*ldd+i])
				if unit := math.Max(float64(absMax(x)), fixedLeast) / fixedTop; math.Abs(got*scale-float64(v)) > unit {
					t.Fatalf("%s, %d: %g became %g, units of %g", name, n, v, got*scale, unit)
				}
			}
			for d := range fixedDigits {
				if beyond := digits[d*ldd+n : (d+1)*ldd]; slices.Max(beyond) != 99 || slices.Min(beyond) != 99 {
					t.Fatalf("%s, %d: digits beyond the activations: %d", name, n, beyond)
				}
			}
		}
	}
}

// TestFixedPointOfOutliers multiplies activations of very different sizes: the error is relative to the largest in the
// group only.
func TestFixedPointOfOutliers(t *testing.T) {
	const out, in, outlier = 40, 300, 1e4
	for _, name := range []string{"int8", "int8-g32", "int4", "int4-row"} {
		m, _ := packGaussians(mustFormat(t, name), out, in)
		x, y, w := gaussians(7, in), make([]float32, out), make([]float32, in)
		x[in-1] *= outlier
		m.MulT(nil, y, x, 1)
		for o, got := range y {
			m.Row(o, w)
			var sum, weights float64
			for i, v := range x {
				sum += float64(v) * float64(w[i])
				weights += math.Abs(float64(w[i]))
			}
			if diff := math.Abs(float64(got) - sum); diff > weights*float64(absMax(x))*0x1p-23 {
				t.Errorf("%s: output %d is %g, want %g", name, o, got, sum)
			}
		}
	}
}
