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

// Residual returns x + f(s, norm(x)), one step of a pre-norm residual stream, with components "norm" and "residual" around
// those of f. It frees what norm and f have allocated. Without a tape the sum overwrites x, which the caller must not use
// again. f is a method expression, such as Block.attention, rather than a closure: a closure would be allocated for every
// token, because the backward pass may call f again.
func Residual[S any](p *Pass, x Mat, norm Norm, s S, f func(s S, p *Pass, x Mat) Mat) Mat {
	sum := x
	if p.Tape != nil || PoisonReleased {
		sum = p.New(x.Rows, x.Cols)
	}
	if p.Tape != nil && p.Recompute {
		again := s
		recompute(p, sum, x, norm, func(x Mat) Mat { return f(again, p, x) })
		return sum
	}
	mark := p.Mark()
	p.Component("norm")
	y := f(s, p, norm.Forward(p, x))
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
			p.eachElement(len(sum.Grad), func(lo, hi int) {
				kernel.Axpy(1, sum.Grad[lo:hi], x.Grad[lo:hi])
				kernel.Axpy(1, sum.Grad[lo:hi], y.Grad[lo:hi])
			})
		})
	}
}
