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
		recordColumns(p, y, x, lo)
	}
	return y
}

func recordColumns(p *Pass, y, x Mat, lo int) {
	p.Tape.Record(func() {
		for i, g := range y.Grad {
			x.Grad[i/y.Cols*x.Cols+lo+i%y.Cols] += g
		}
	})
}

// GateSiLU returns y·silu(z), where z is the last y.Cols columns of xz. Without a tape it replaces y's memory. It
// costs 5 FLOPs an element.
func GateSiLU(p *Pass, y, xz Mat) Mat {
	out := p.target(y)
	for r := range y.Rows {
		kernel.SwiGLU(out.Row(r), xz.Row(r)[xz.Cols-y.Cols:], y.Row(r))
	}
	n := int64(len(out.Data))
	p.Add(5*n, 12*n)
	if p.Tape != nil {
		recordGateSiLU(p, out, y, xz)
	}
	return out
}

func recordGateSiLU(p *Pass, out, y, xz Mat) {
	p.Tape.Record(func() {
		for i, g := range out.Grad {
			at := i/y.Cols*xz.Cols + xz.Cols - y.Cols + i%y.Cols
			z := float64(xz.Data[at])
			y.Grad[i] += g * float32(silu(z))
			xz.Grad[at] += g * y.Data[i] * float32(siluSlope(z))
		}
	})
}
