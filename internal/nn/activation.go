package nn

import "github.com/archbench/archbench/internal/kernel"

// Activation is a function of one variable, applied to every element of a matrix.
type Activation struct {
	Name  string // as in Hugging Face configs
	FLOPs int64  // per element
	f     func(y, x []float32)
	grad  func(dx, dy, x []float32) // adds dy·f'(x) to dx
}

// The activations of the shipped architectures.
var (
	// SiLU is x·σ(x): 4 FLOPs per element.
	SiLU = Activation{"silu", 4, kernel.SiLU, kernel.SiLUGrad}
	// GELU is x·Φ(x) with the normal distribution's Φ by erf: 5 FLOPs per element.
	GELU = Activation{"gelu", 5, kernel.GELU, kernel.GELUGrad}
	// GELUNew is GPT-2's approximation ½x(1 + tanh √(2/π)(x + 0.044715x³)): 9 FLOPs per element.
	GELUNew = Activation{"gelu_new", 9, kernel.GELUNew, kernel.GELUNewGrad}
	// ReLU is max(0, x): no FLOPs.
	ReLU = Activation{"relu", 0, kernel.ReLU, kernel.ReLUGrad}
	// Softplus is log(1 + eˣ), and x above 20: 3 FLOPs per element.
	Softplus = Activation{"softplus", 3, kernel.Softplus, kernel.SoftplusGrad}
)

// Apply returns f(x) for every element.
func (a Activation) Apply(p *Pass, x Mat) Mat {
	y := p.New(x.Rows, x.Cols)
	p.unary(a.f, y, x)
	n := int64(len(x.Data))
	p.Add(a.FLOPs*n, 8*n)
	if p.Tape != nil {
		p.Tape.Record(func() {
			p.eachElement(len(x.Data), func(lo, hi int) { a.grad(x.Grad[lo:hi], y.Grad[lo:hi], x.Data[lo:hi]) })
		})
	}
	return y
}

// SwiGLU returns silu(gate)·up (Shazeer 2020). It costs 5 FLOPs per element.
func SwiGLU(p *Pass, gate, up Mat) Mat {
	h := p.New(gate.Rows, gate.Cols)
	p.binary(kernel.SwiGLU, h, gate, up)
	n := int64(len(h.Data))
	p.Add(5*n, 12*n)
	if p.Tape != nil {
		p.Tape.Record(func() {
			p.eachElement(len(h.Data), func(lo, hi int) {
				kernel.SwiGLUGrad(gate.Grad[lo:hi], up.Grad[lo:hi], h.Grad[lo:hi], gate.Data[lo:hi], up.Data[lo:hi])
			})
		})
	}
	return h
}
