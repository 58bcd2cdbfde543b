package nn

import (
	"math"

	"github.com/archbench/archbench/internal/kernel"
)

// EtaGate turns a linear of each token into the imaginary part of its spectral points, η = Min + softplus(x). It costs 4
// FLOPs per head and token.
type EtaGate struct{ Min float32 }

// Forward returns η for x [rows, heads].
func (g EtaGate) Forward(p *Pass, x Mat) Mat {
	y := p.New(x.Rows, x.Cols)
	p.byRows(rowsTask{f: etaGate, y: y, x: x, number: float64(g.Min)})
	n := int64(len(y.Data))
	p.Add(4*n, 8*n)
	if p.Tape != nil {
		p.Tape.Record(func() { kernel.SoftplusGrad(x.Grad, y.Grad, x.Data) })
	}
	return y
}

// etaGate writes least + softplus(x).
func etaGate(y, x, _, _ []float32, least float64) {
	kernel.Softplus(y, x)
	for i := range y {
		y[i] += float32(least)
	}
}

// unitFloor keeps the norm of a vector above zero.
const unitFloor = 1e-6

// UnitVectors returns columns [from, from+n) of each row of x divided by √(Σ x² + 1e-6), so no row is longer than 1. It
// costs 3·n + 3 FLOPs per row.
func UnitVectors(p *Pass, x Mat, from, n int) Mat {
	y, w := p.New(x.Rows, n), p.Scratch(n)
	for i := range w {
		w[i] = float32(1 / math.Sqrt(float64(n))) // with it, the root mean square becomes the length
	}
	p.byRows(rowsTask{f: unitRow, y: y, x: x, w: w, number: float64(from)})
	rows := int64(x.Rows)
	p.Add(rows*int64(3*n+3), 8*rows*int64(n))
	if p.Tape != nil {
		unused := p.Scratch(n) // the gradient of w
		p.Tape.Record(func() {
			clear(unused)
			for r := range y.Rows {
				kernel.RMSNormGrad(x.rowGrad(r)[from:from+n], unused, y.rowGrad(r), x.Row(r)[from:from+n], w, unitFloor/float64(n))
			}
		})
	}
	return y
}

func unitRow(y, x, w, _ []float32, from float64) {
	kernel.RMSNorm(y, x[int(from):][:len(y)], w, unitFloor/float64(len(y)))
}

// Join returns the columns of x, y and z side by side. It costs no FLOPs.
func Join(p *Pass, x, y, z Mat) Mat {
	all := p.New(x.Rows, x.Cols+y.Cols+z.Cols)
	for r := range all.Rows {
		row := all.Row(r)
		copy(row, x.Row(r))
		copy(row[x.Cols:], y.Row(r))
		copy(row[x.Cols+y.Cols:], z.Row(r))
	}
	p.Add(0, 8*int64(len(all.Data)))
	if p.Tape != nil {
		p.Tape.Record(func() {
			for r := range all.Rows {
				row := all.rowGrad(r)
				kernel.Axpy(1, row[:x.Cols], x.rowGrad(r))
				kernel.Axpy(1, row[x.Cols:][:y.Cols], y.rowGrad(r))
				kernel.Axpy(1, row[x.Cols+y.Cols:], z.rowGrad(r))
			}
		})
	}
	return all
}
