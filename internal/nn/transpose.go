package nn

import "sync"

const (
	// transposeFloats is the largest scratch for transposing a stored [in, out] matrix.
	transposeFloats = 4 << 20
	// transposeLines is the number of stored rows transposed together, to fill whole cache lines.
	transposeLines = 16
)

// transposer reads the rows of an [out, in] matrix that is stored as [in, out]. Rows must be requested in order. Each pass
// over the stored matrix yields as many rows as fit the scratch.
type transposer struct {
	stored  func(row int, dst []float32)
	out, in int
	width   int       // outputs in the scratch
	block   []float32 // [width, in]
	turned  bool      // the scratch holds the whole matrix
}

// transposeScratch reuses the scratch between tensors.
var transposeScratch = sync.Pool{New: func() any { return new([]float32) }}

// newTransposer returns a transposer with a scratch of at most the given number of floats, but at least one row.
func newTransposer(stored func(row int, dst []float32), out, in, floats int) *transposer {
	width := max(1, min(out, floats/max(1, in)))
	block := *transposeScratch.Get().(*[]float32)
	if cap(block) < width*in {
		block = make([]float32, width*in)
	}
	return &transposer{stored: stored, out: out, in: in, width: width, block: block[:width*in]}
}

// release returns the scratch for reuse.
func (t *transposer) release() { transposeScratch.Put(&t.block) }

// row writes row o.
func (t *transposer) row(o int, dst []float32) {
	first := o - o%t.width
	if o == first && !t.turned {
		transposeColumns(t.block, t.stored, first, min(t.out, first+t.width), t.out, t.in)
	}
	copy(dst, t.block[(o-first)*t.in:(o-first+1)*t.in])
}

// transposeColumns writes columns [lo, hi) of a stored [in, out] matrix as rows of dst.
func transposeColumns(dst []float32, stored func(row int, dst []float32), lo, hi, out, in int) {
	lines := make([]float32, transposeLines*out)
	for i := 0; i < in; i += transposeLines {
		n := min(transposeLines, in-i)
		for j := range n {
			stored(i+j, lines[j*out:(j+1)*out])
		}
		for o := lo; o < hi; o++ {
			row := dst[(o-lo)*in+i:][:n]
			for j := range row {
				row[j] = lines[j*out+o]
			}
		}
	}
}
