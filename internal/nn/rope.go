package nn

import "github.com/archbench/archbench/internal/kernel"

// RoPE rotates queries and keys by their positions (Su et al. 2021), with the half pairing of Hugging Face; see
// [kernel.Rotate].
type RoPE struct{ freq []float32 }

// NewRoPE returns rotations with one frequency per pair of components; see [kernel.RopeFrequencies].
func NewRoPE(freq []float32) *RoPE { return &RoPE{freq: freq} }

// Position is the position of the span's first token.
func (s Span) Position() int {
	if s.State == nil {
		return 0
	}
	return s.State.Len()
}

// Angles are the rotations of the rows of one batch, for all layers: cos and sin are [rows, dim/2].
type Angles struct{ cos, sin Mat }

// Angles computes the rotations of b's tokens, whose positions follow the states' lengths. It costs 3 FLOPs per pair of
// components (angle, sine, cosine).
func (r *RoPE) Angles(p *Pass, b Batch) Angles {
	half, rows := len(r.freq), len(b.Tokens)
	a := Angles{
		cos: Mat{Rows: rows, Cols: half, Data: p.Scratch(rows * half)},
		sin: Mat{Rows: rows, Cols: half, Data: p.Scratch(rows * half)},
	}
	for _, s := range b.Spans {
		pos := s.Position()
		for i := range s.Len {
			kernel.RopeAngles(a.cos.Row(s.Start+i), a.sin.Row(s.Start+i), r.freq, pos+i)
		}
	}
	n := int64(rows * half)
	p.Add(3*n, 8*n+4*int64(half))
	return a
}

// Rotate returns x with the heads of every row rotated. It costs 6 FLOPs per pair of components. The backward pass rotates
// the gradient back.
func (a Angles) Rotate(p *Pass, x Mat) Mat {
	y := p.New(x.Rows, x.Cols)
	copy(y.Data, x.Data)
	a.turn(p, y.Data, y.Cols, false)
	p.Add(3*int64(len(x.Data)), 8*int64(len(x.Data)+len(a.cos.Data)))
	if p.Tape != nil {
		p.Tape.Record(func() {
			a.turn(p, y.Grad, y.Cols, true)
			p.eachElement(len(x.Grad), func(lo, hi int) { kernel.Axpy(1, y.Grad[lo:hi], x.Grad[lo:hi]) })
		})
	}
	return y
}

// serialRotate is the number of components below which waking a thread costs more than it saves.
const serialRotate = 1 << 14

func (a Angles) turn(p *Pass, x []float32, cols int, invert bool) {
	if len(x) < serialRotate {
		a.turnRows(x, cols, 0, a.cos.Rows, invert)
		return
	}
	p.Pool.Each(a.cos.Rows, func(lo, hi int) { a.turnRows(x, cols, lo, hi, invert) })
}

func (a Angles) turnRows(x []float32, cols, lo, hi int, invert bool) {
	for r := lo; r < hi; r++ {
		kernel.Rotate(x[r*cols:(r+1)*cols], a.cos.Row(r), a.sin.Row(r), invert)
	}
}
