package nn

import (
	"math"

	"github.com/archbench/archbench/internal/kernel"
)

// Linear is y = x Wᵀ + b with W [out, in].
type Linear struct {
	In, Out int
	W       kernel.Matrix
	Weight  *Param // the same weights, where they are float32
	Bias    *Param // nil: none
}

// Linear declares name.weight [out, in], packed in the model's format, and name.bias [out] if bias is set.
func (ps *Params) Linear(name string, out, in int, bias bool, init Init) *Linear {
	l := &Linear{In: in, Out: out}
	l.Weight = ps.Tensor(name+".weight", init, out, in)
	l.W = kernel.NewF32(l.Weight.W, out, in)
	if bias {
		l.Bias = ps.Tensor(name+".bias", Const(0), out)
	}
	return l
}

// Forward returns x Wᵀ + b.
func (l *Linear) Forward(p *Pass, x Mat) Mat {
	y := p.New(x.Rows, l.Out)
	l.W.MulT(p.Pool, y.Data, x.Data, x.Rows)
	flops, bytes := 2*int64(x.Rows)*int64(l.In)*int64(l.Out), l.W.Bytes()+4*int64(x.Rows)*int64(l.In+l.Out)
	if l.Bias != nil {
		for r := range y.Rows {
			for i, b := range l.Bias.W {
				y.Data[r*y.Cols+i] += b
			}
		}
		flops += int64(x.Rows) * int64(l.Out)
		bytes += 4 * int64(l.Out)
	}
	p.Add(flops, bytes)
	return y
}

// RMSNorm is w·x/√(mean x² + eps) over each row.
type RMSNorm struct {
	Weight *Param
	Eps    float64
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

// Add returns x + y. Without a tape the sum replaces x's memory.
func Add(p *Pass, x, y Mat) Mat {
	sum := x
	if p.Tape != nil {
		sum = p.New(x.Rows, x.Cols)
	}
	for i, v := range y.Data {
		sum.Data[i] = x.Data[i] + v
	}
	p.Add(int64(len(x.Data)), 12*int64(len(x.Data)))
	if p.Tape != nil {
		p.Tape.Record(func() {
			for i, g := range sum.Grad {
				x.Grad[i] += g
				y.Grad[i] += g
			}
		})
	}
	return sum
}
