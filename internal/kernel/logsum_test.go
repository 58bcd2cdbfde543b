package kernel

import (
	"math"
	"testing"
)

// A row in pieces that start at multiples of LogSumBlock has exactly the sum of the whole row, wherever the largest
// element is; with other pieces the sum differs only by rounding.
func TestLogSumOfParts(t *testing.T) {
	const n = 5*LogSumBlock + 77
	for _, tr := range append(usableTiers(), &reference) {
		for _, top := range []int{0, LogSumBlock + 3, n - 1} {
			x := gaussians(1, n)
			x[top] = 30
			withTier(t, tr, func() {
				whole := LogSumExp(x)
				for _, size := range []int{LogSumBlock, 2 * LogSumBlock, n, 999} {
					got := logSumInParts(x, size)
					if size%LogSumBlock == 0 && got != whole || math.Abs(got-whole) > 1e-9 {
						t.Errorf("%s: parts of %d have %.17g, the row %.17g", tr.name, size, got, whole)
					}
				}
			})
		}
	}
}

func logSumInParts(x []float32, size int) float64 {
	var s LogSum
	for lo := 0; lo < len(x); lo += size {
		s.Add(x[lo:min(len(x), lo+size)])
	}
	return s.Value()
}

// The parts of a matrix have the rows and products of the whole, in every format and tier.
func TestMatrixParts(t *testing.T) {
	const out, in = 5*PartAlign + 9, 133
	for _, tr := range append(usableTiers(), &reference) {
		for _, f := range allFormats(t) {
			withTier(t, tr, func() {
				m, _ := packGaussians(f, out, in)
				for _, rows := range []int{1, 3, SteadyRows, 40} {
					compareParts(t, tr, m, rows)
				}
			})
		}
		withTier(t, tr, func() { // small parts of a large matrix in the caller's memory
			for _, rows := range []int{1, 3, SteadyRows} {
				compareParts(t, tr, NewF32(gaussians(1, 1100*in), 1100, in), rows)
			}
		})
	}
}

func compareParts(t *testing.T, tr *tier, m Matrix, rows int) {
	out, in := m.Shape()
	x, whole := gaussians(1, rows*in), make([]float32, rows*out)
	m.MulT(nil, whole, x, rows)
	want, got := make([]float32, in), make([]float32, in)
	for lo := 0; lo < out; lo += 2 * PartAlign {
		n := min(2*PartAlign, out-lo)
		part, y := m.Part(lo, lo+n), make([]float32, rows*n)
		part.MulT(nil, y, x, rows)
		m.Row(lo+n-1, want)
		part.Row(n-1, got)
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s %v: the part from row %d on has another last row", tr.name, m.Format(), lo)
			}
		}
		for i, v := range y {
			if v != whole[i/n*out+lo+i%n] {
				t.Fatalf("%s %v: output %d of %d rows is %g in a part, %g in the whole", tr.name, m.Format(), lo+i%n, rows, v, whole[i/n*out+lo+i%n])
			}
		}
	}
}
