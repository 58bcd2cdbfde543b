package kernel

// Matrix is a weight matrix of shape [out, in] in some Format, the right-hand side of every linear layer.
// It is immutable and may be used by several goroutines.
type Matrix interface {
	Format() Format
	// Shape returns (out, in).
	Shape() (out, in int)
	// Bytes is the memory of weights and scales, without what a layout adds to fill its last vectors.
	Bytes() int64
	// MulT computes y[r, o] = Σ_i x[r, i]·w[o, i] for rows rows; x is [rows, in], y is [rows, out], both dense.
	// Each output has a fixed order of summation, so the result does not depend on the pool, nor on the other rows
	// beyond what SteadyRows says.
	MulT(pool *Pool, y, x []float32, rows int)
	// Row widens row o into dst, which has in elements.
	Row(o int, dst []float32)
	// Part returns outputs [lo, hi) as a matrix of their own that shares the memory. lo is a multiple of PartAlign.
	// Products with the parts are those with the whole.
	Part(lo, hi int) Matrix
}

// PartAlign is where the parts of a matrix may begin.
const PartAlign = 32

// NewMatrix packs an [out, in] matrix in the given format. row(o, dst) writes row o; rows are asked for once, in
// order, so a matrix never has to exist in float32 as a whole.
func NewMatrix(f Format, out, in int, row func(o int, dst []float32)) Matrix {
	return active.matrix(f, out, in, row)
}

// newMatrix is NewMatrix in the layouts of the reference.
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

// outputBlock is the number of outputs that the products compute together; threads share them in such blocks.
const outputBlock = 4

// outputBlocks is the number of blocks of out outputs.
func outputBlocks(out int) int { return (out + outputBlock - 1) / outputBlock }
