package nn

import "github.com/archbench/archbench/internal/kernel"

// target is where an elementwise layer with first operand x writes: over x, which the caller must not use afterwards,
// or while taping a new matrix.
func (p *Pass) target(x Mat) Mat {
	if p.Tape == nil {
		return x
	}
	return p.New(x.Rows, x.Cols)
}

// Add returns x + y. Without a tape the sum replaces x's memory. It costs 1 FLOP an element.
func Add(p *Pass, x, y Mat) Mat {
	sum := p.target(x)
	p.binary(kernel.Add, sum, x, y)
	n := int64(len(x.Data))
	p.Add(n, 12*n)
	if p.Tape != nil {
		recordAdd(p.Tape, sum, x, y)
	}
	return sum
}

func recordAdd(t *Tape, sum, x, y Mat) {
	t.Record(func() {
		kernel.Axpy(1, sum.Grad, x.Grad)
		kernel.Axpy(1, sum.Grad, y.Grad)
	})
}
