package kernel

import "github.com/archbench/archbench/internal/half"

// bf16Matrix is a Matrix of bf16 weights, row-major.
type bf16Matrix struct {
	format  Format
	w       []uint16
	out, in int
}

// NewBF16 returns a matrix of w, [out, in] row-major, and reports whether it keeps w. If the tier multiplies panels,
// the matrix is a packed copy. f must be of kind bf16.
func NewBF16(f Format, w []uint16, out, in int) (m Matrix, kept bool) {
	if active.product == nil {
		return &bf16Matrix{format: f, w: w[:out*in], out: out, in: in}, true
	}
	return active.matrix(f, out, in, func(o int, dst []float32) { half.WidenBF16(dst, w[o*in:(o+1)*in]) }), false
}

// packBF16 rounds a matrix to bf16.
func packBF16(f Format, out, in int, row func(o int, dst []float32)) Matrix {
	w, line := make([]uint16, out*in), make([]float32, in)
	for o := range out {
		row(o, line)
		half.NarrowBF16(w[o*in:(o+1)*in], line)
	}
	return &bf16Matrix{format: f, w: w, out: out, in: in}
}

// Format implements Matrix.
func (m *bf16Matrix) Format() Format { return m.format }

// Shape implements Matrix.
func (m *bf16Matrix) Shape() (out, in int) { return m.out, m.in }

// Bytes implements Matrix.
func (m *bf16Matrix) Bytes() int64 { return int64(2 * len(m.w)) }

// Row implements Matrix.
func (m *bf16Matrix) Row(o int, dst []float32) { m.widen(dst, o, 0, m.in) }

// Part implements Matrix.
func (m *bf16Matrix) Part(lo, hi int) Matrix {
	return &bf16Matrix{format: m.format, w: m.w[lo*m.in : hi*m.in], out: hi - lo, in: m.in}
}

func (m *bf16Matrix) widen(dst []float32, o, lo, hi int) {
	half.WidenBF16(dst, m.w[o*m.in+lo:o*m.in+hi])
}

func (m *bf16Matrix) segment() int { return maxSegment }

// MulT implements Matrix.
func (m *bf16Matrix) MulT(pool *Pool, y, x []float32, rows int) {
	t := wideTasks.Get().(*wideTask)
	if !m.format.WideX {
		t.rounded = roundBF16(t.rounded, x[:rows*m.in])
		x = t.rounded
	}
	t.run(pool, m, y, x, rows)
}

// roundBF16 rounds every element to bf16 into dst, growing it if needed.
func roundBF16(dst, x []float32) []float32 {
	dst = grow(dst, len(x))
	for i, v := range x {
		dst[i] = half.FromBF16(half.ToBF16(v))
	}
	return dst
}

// grow returns n elements, reusing s if it is large enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
