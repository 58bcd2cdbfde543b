package nn

import "github.com/archbench/archbench/internal/kernel"

// RMSNorm is w·x/√(mean x² + eps) over each row, or over each of Groups equal parts of a row (Zhang and Sennrich 2019).
type RMSNorm struct {
	Weight *Param
	Eps    float64
	Groups int
}

// RMSNorm declares name.weight [dim], initially 1. It normalises whole rows.
func (ps *Params) RMSNorm(name string, dim int, eps float64) *RMSNorm {
	return &RMSNorm{Weight: ps.tensor(name+".weight", ClassNorm, Const(1), []int{dim}), Eps: eps, Groups: 1}
}

// Forward normalises each row. It costs 4·cols + 4·groups FLOPs per row.
func (n *RMSNorm) Forward(p *Pass, x Mat) Mat {
	y := p.New(x.Rows, x.Cols)
	p.byRows(rowsTask{f: rmsNormRow, y: y.parts(n.Groups), x: x.parts(n.Groups), w: n.Weight.W, parts: n.Groups, number: n.Eps})
	p.Add(int64(x.Rows)*4*int64(x.Cols+n.Groups), 4*(2*int64(x.Rows)+1)*int64(x.Cols))
	if p.Tape != nil {
		n.record(p, y, x)
	}
	return y
}

func rmsNormRow(y, x, w, _ []float32, eps float64) { kernel.RMSNorm(y, x, w, eps) }

func (n *RMSNorm) record(p *Pass, y, x Mat) {
	dw := trainable(n.Weight, "norm")
	p.Tape.Record(func() {
		x, y, cols := x.parts(n.Groups), y.parts(n.Groups), x.Cols/n.Groups
		p.sumRows(x.Rows, dw, nil, func(r int, dw, _ []float32) {
			at := r % n.Groups * cols
			kernel.RMSNormGrad(x.rowGrad(r), dw[at:at+cols], y.rowGrad(r), x.Row(r), n.Weight.W[at:at+cols], n.Eps)
		})
	})
}

// LayerNorm is w·(x - mean)/√(var + eps) + b over each row, with the biased variance (Ba, Kiros and Hinton 2016).
type LayerNorm struct {
	Weight, Bias *Param
	Eps          float64
}

// LayerNorm declares name.weight [dim], initially 1, and name.bias [dim], initially 0.
func (ps *Params) LayerNorm(name string, dim int, eps float64) *LayerNorm {
	return &LayerNorm{
		Weight: ps.tensor(name+".weight", ClassNorm, Const(1), []int{dim}),
		Bias:   ps.tensor(name+".bias", ClassNorm, Const(0), []int{dim}),
		Eps:    eps,
	}
}

// Forward normalises each row. It costs 8·cols + 5 FLOPs per row.
func (n *LayerNorm) Forward(p *Pass, x Mat) Mat {
	y := p.New(x.Rows, x.Cols)
	p.byRows(rowsTask{f: kernel.LayerNorm, y: y, x: x, w: n.Weight.W, b: n.Bias.W, number: n.Eps})
	p.Add(int64(x.Rows)*(8*int64(x.Cols)+5), 8*(int64(x.Rows)+1)*int64(x.Cols))
	if p.Tape != nil {
		n.record(p, y, x)
	}
	return y
}

func (n *LayerNorm) record(p *Pass, y, x Mat) {
	dw, db := trainable(n.Weight, "norm"), trainable(n.Bias, "norm")
	p.Tape.Record(func() {
		p.sumRows(x.Rows, dw, db, func(r int, dw, db []float32) {
			kernel.LayerNormGrad(x.rowGrad(r), dw, db, y.rowGrad(r), x.Row(r), n.Weight.W, n.Eps)
		})
	})
}

// normBlock is the number of rows whose parameter gradients are summed together.
const normBlock = 32

// sumRows calls f for every row, with sums to which f adds the row's contribution to dw and db. Each block of normBlock rows
// has its own sums, which are added to dw and db in order, so the result does not depend on the number of threads.
func (p *Pass) sumRows(rows int, dw, db []float32, f func(r int, dw, db []float32)) {
	mark := p.Mark()
	blocks, n := (rows+normBlock-1)/normBlock, len(dw)+len(db)
	sums := p.Scratch(blocks * n)
	clear(sums)
	p.Pool.Each(blocks, func(lo, hi int) {
		for r := lo * normBlock; r < min(rows, hi*normBlock); r++ {
			sum := sums[r/normBlock*n:][:n]
			f(r, sum[:len(dw)], sum[len(dw):])
		}
	})
	for b := range blocks {
		sum := sums[b*n:][:n]
		kernel.Axpy(1, sum[:len(dw)], dw)
		kernel.Axpy(1, sum[len(dw):], db)
	}
	p.arena.release(mark) // Release would keep the sums while taping
}
