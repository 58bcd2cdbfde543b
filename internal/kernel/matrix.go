package kernel

// Matrix is a weight matrix of shape [out, in] in some Format, the right-hand side of every linear layer.
// It is immutable and may be used by several goroutines.
type Matrix interface {
	Format() Format
	// Shape returns (out, in).
	Shape() (out, in int)
	// Bytes is the memory of weights and scales.
	Bytes() int64
	// MulT computes y[r, o] = Σ_i x[r, i]·w[o, i] for rows rows; x is [rows, in], y is [rows, out], both dense.
	// Each output has a fixed order of summation, so the result does not depend on the pool.
	MulT(pool *Pool, y, x []float32, rows int)
	// Row widens row o into dst, which has in elements.
	Row(o int, dst []float32)
}

// NewMatrix packs an [out, in] matrix in the given format. row(o, dst) writes row o; rows are asked for once, in
// order, so a matrix never has to exist in float32 as a whole.
func NewMatrix(f Format, out, in int, row func(o int, dst []float32)) Matrix {
	w := make([]float32, out*in)
	for o := range out {
		row(o, w[o*in:(o+1)*in])
	}
	return NewF32(w, out, in)
}

// F32Matrix is a Matrix of float32 over memory that the caller keeps (mapped from a file, or a tensor's backing).
type F32Matrix struct {
	w       []float32
	out, in int
}

// NewF32 wraps w, which holds [out, in] row-major, without copying it.
func NewF32(w []float32, out, in int) *F32Matrix { return &F32Matrix{w, out, in} }

// Rebind replaces the memory by another of the same length, for parameters that move when training starts. Nothing
// may use the matrix at the same time.
func (m *F32Matrix) Rebind(w []float32) { m.w = w[:m.out*m.in] }

// Format implements Matrix.
func (m *F32Matrix) Format() Format { return F32 }

// Shape implements Matrix.
func (m *F32Matrix) Shape() (out, in int) { return m.out, m.in }

// Bytes implements Matrix.
func (m *F32Matrix) Bytes() int64 { return int64(4 * len(m.w)) }

// Row implements Matrix.
func (m *F32Matrix) Row(o int, dst []float32) { copy(dst, m.w[o*m.in:(o+1)*m.in]) }

// MulT implements Matrix.
func (m *F32Matrix) MulT(pool *Pool, y, x []float32, rows int) {
	pool.Each(m.out, func(lo, hi int) {
		for r := range rows {
			xr := x[r*m.in : (r+1)*m.in]
			for o := lo; o < hi; o++ {
				w := m.w[o*m.in : (o+1)*m.in]
				var sum float32
				for i, v := range xr {
					sum += v * w[i]
				}
				y[r*m.out+o] = sum
			}
		}
	})
}
