package nn

import "math"

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
	for r := range x.Rows {
		in, out := x.Row(r), y.Row(r)
		var sum float64
		for _, v := range in {
			sum += float64(v) * float64(v)
		}
		scale := float32(1 / math.Sqrt(sum/float64(x.Cols)+n.Eps))
		for i, v := range in {
			out[i] = v * scale * n.Weight.W[i]
		}
	}
	p.Add(int64(x.Rows)*(4*int64(x.Cols)+4), 4*(2*int64(x.Rows)+1)*int64(x.Cols))
	return y
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
	for r := range x.Rows {
		in, out := x.Row(r), y.Row(r)
		var sum, squares float64
		for _, v := range in {
			sum += float64(v)
		}
		mean := sum / float64(len(in))
		for _, v := range in {
			squares += (float64(v) - mean) * (float64(v) - mean)
		}
		scale := 1 / math.Sqrt(squares/float64(len(in))+n.Eps)
		for i, v := range in {
			out[i] = float32((float64(v)-mean)*scale)*n.Weight.W[i] + n.Bias.W[i]
		}
	}
	p.Add(int64(x.Rows)*(8*int64(x.Cols)+5), 8*(int64(x.Rows)+1)*int64(x.Cols))
	return y
}
