package nn

import "github.com/archbench/archbench/internal/kernel"

// RMSNorm is w·x/√(mean x² + eps) over each row (Zhang and Sennrich 2019).
type RMSNorm struct {
	Weight *Param
	Eps    float64
}

// RMSNorm declares name.weight [dim], initially 1.
func (ps *Params) RMSNorm(name string, dim int, eps float64) *RMSNorm {
	return &RMSNorm{Weight: ps.tensor(name+".weight", ClassNorm, Const(1), []int{dim}), Eps: eps}
}

// Forward normalises each row. It costs 4·cols + 4 FLOPs a row.
func (n *RMSNorm) Forward(p *Pass, x Mat) Mat {
	y := p.New(x.Rows, x.Cols)
	p.byRows(rowsTask{f: rmsNorm, y: y, x: x, w: n.Weight.W, eps: n.Eps})
	p.Add(int64(x.Rows)*(4*int64(x.Cols)+4), 4*(2*int64(x.Rows)+1)*int64(x.Cols))
	if p.Tape != nil {
		n.record(p.Tape, y, x)
	}
	return y
}

func rmsNorm(y, x, w, _ []float32, eps float64) { kernel.RMSNorm(y, x, w, eps) }

func (n *RMSNorm) record(t *Tape, y, x Mat) {
	dw := trainable(n.Weight, "norm")
	t.Record(func() {
		for r := range x.Rows {
			kernel.RMSNormGrad(x.rowGrad(r), dw, y.rowGrad(r), x.Row(r), n.Weight.W, n.Eps)
		}
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

// Forward normalises each row. It costs 8·cols + 5 FLOPs a row.
func (n *LayerNorm) Forward(p *Pass, x Mat) Mat {
	y := p.New(x.Rows, x.Cols)
	p.byRows(rowsTask{f: kernel.LayerNorm, y: y, x: x, w: n.Weight.W, b: n.Bias.W, eps: n.Eps})
	p.Add(int64(x.Rows)*(8*int64(x.Cols)+5), 8*(int64(x.Rows)+1)*int64(x.Cols))
	if p.Tape != nil {
		n.record(p.Tape, y, x)
	}
	return y
}

func (n *LayerNorm) record(t *Tape, y, x Mat) {
	dw, db := trainable(n.Weight, "norm"), trainable(n.Bias, "norm")
	t.Record(func() {
		for r := range x.Rows {
			kernel.LayerNormGrad(x.rowGrad(r), dw, db, y.rowGrad(r), x.Row(r), n.Weight.W, n.Eps)
		}
	})
}
