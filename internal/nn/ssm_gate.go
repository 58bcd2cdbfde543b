package nn

import "github.com/archbench/archbench/internal/kernel"

// Columns returns a copy of columns [lo, hi) of x. It costs no FLOPs.
func Columns(p *Pass, x Mat, lo, hi int) Mat {
	y := p.New(x.Rows, hi-lo)
	for r := range x.Rows {
		copy(y.Row(r), x.Row(r)[lo:hi])
	}
	p.Add(0, 8*int64(len(y.Data)))
	if p.Tape != nil {
		p.Tape.Record(func() {
			p.eachRow(y, func(r int) { kernel.Axpy(1, y.rowGrad(r), x.rowGrad(r)[lo:hi]) })
		})
	}
	return y
}

// GateSiLU returns y·silu(z), where z is the columns of x from column from on. It costs 5 FLOPs per element.
func GateSiLU(p *Pass, y, x Mat, from int) Mat {
	out := p.New(y.Rows, y.Cols)
	p.byRows(rowsTask{f: gateRow, y: out, x: x, w: y.Data, parts: y.Rows, number: float64(from)})
	n := int64(len(out.Data))
	p.Add(5*n, 12*n)
	if p.Tape != nil {
		p.Tape.Record(func() {
			p.eachRow(y, func(r int) {
				kernel.SwiGLUGrad(x.rowGrad(r)[from:][:y.Cols], y.rowGrad(r), out.rowGrad(r), x.Row(r)[from:][:y.Cols], y.Row(r))
			})
		})
	}
	return out
}

func gateRow(out, x, y, _ []float32, from float64) { kernel.SwiGLU(out, x[int(from):][:len(y)], y) }
