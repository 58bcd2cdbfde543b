package nn

import "github.com/archbench/archbench/internal/kernel"

// Elementwise layers return a new matrix and leave their operands alone.

// Add returns x + y. It costs 1 FLOP per element.
func Add(p *Pass, x, y Mat) Mat {
	sum := p.New(x.Rows, x.Cols)
	add(p, sum, x, y)
	return sum
}

// Norm is a layer that normalises each row.
type Norm interface{ Forward(p *Pass, x Mat) Mat }

// Residual returns x + f(norm(x)), one step of a pre-norm residual stream, with components "norm" and "residual" around
// those of f. It frees what norm and f have allocated. Without a tape the sum overwrites x, which the caller must not use
// again.
func Residual(p *Pass, x Mat, norm Norm, f func(x Mat) Mat) Mat {
	sum := x
	if p.Tape != nil || PoisonReleased {
		sum = p.New(x.Rows, x.Cols)
	}
	mark := p.Mark()
	p.Component("norm")
	y := f(norm.Forward(p, x))
	p.Component("residual")
	add(p, sum, x, y)
	p.Release(mark)
	if p.Tape == nil && PoisonReleased {
		poison(x.Data)
	}
	return sum
}

func add(p *Pass, sum, x, y Mat) {
	p.binary(kernel.Add, sum, x, y)
	n := int64(len(x.Data))
	p.Add(n, 12*n)
	if p.Tape != nil {
		p.Tape.Record(func() {
			kernel.Axpy(1, sum.Grad, x.Grad)
			kernel.Axpy(1, sum.Grad, y.Grad)
		})
	}
}
