package kernel

// Matrix is a weight matrix of shape [out, in] in some Format, the right-hand side of every linear layer. It is
// immutable and safe for concurrent use.
type Matrix interface {
	Format() Format
	// Shape returns (out, in).
	Shape() (out, in int)
	// Bytes is the memory of weights and scales, without padding.
	Bytes() int64
	// MulT computes y[r, o] = Σ_i x[r, i]·w[o, i] for rows rows; x is [rows, in] and y is [rows, out], both dense. Each
	// output has a fixed order of summation, so the result depends neither on the pool nor, apart from the exception in
	// SteadyRows, on the number of rows.
	MulT(pool *Pool, y, x []float32, rows int)
	// Row widens row o into dst, which has in elements.
	Row(o int, dst []float32)
	// Part returns outputs [lo, hi) as a matrix that shares the memory. lo must be a multiple of PartAlign. Products
	// with the parts equal products with the whole.
	Part(lo, hi int) Matrix
}

// PartAlign is the alignment of matrix parts.
const PartAlign = 32

// NewMatrix packs an [out, in] matrix in the given format. row(o, dst) writes row o; rows are requested once, in order,
// so the matrix never exists in float32 as a whole.
func NewMatrix(f Format, out, in int, row func(o int, dst []float32)) Matrix {
	return active.matrix(f, out, in, row)
}

// newMatrix is NewMatrix with the reference's layouts.
func newMatrix(f Format, out, in int, row func(o int, dst []float32)) Matrix {
	switch {
	case f.Kind == KindF32:
		w := make([]float32, out*in)
		for o := range out {
			row(o, w[o*in:(o+1)*in])
		}
		return NewF32(w, out, in)
	case f.Kind == KindBF16:
		return packBF16(f, out, in, row)
	case f.A8:
		return &a8Matrix{packCodes(f, out, in, row)}
	default:
		return packCodes(f, out, in, row)
	}
}

// outputBlock is the number of outputs computed together; threads share work in such blocks.
const outputBlock = 4

// outputBlocks is the number of blocks of out outputs.
func outputBlocks(out int) int { return (out + outputBlock - 1) / outputBlock }
