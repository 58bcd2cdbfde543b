package nn

import (
	"math"

	"github.com/archbench/archbench/internal/kernel"
)

// Activation is a function of one variable, applied to every element of a matrix.
type Activation struct {
	Name  string // as in Hugging Face configs
	FLOPs int64  // an element
	f     func(y, x []float32)
	slope func(x float64) float64 // the derivative
}

// The activations of the shipped architectures.
var (
	// SiLU is x·σ(x): 4 FLOPs an element.
	SiLU = Activation{"silu", 4, kernel.SiLU, siluSlope}
	// GELU is x·Φ(x) with the normal distribution's Φ by erf: 5 FLOPs an element.
	GELU = Activation{"gelu", 5, kernel.GELU, geluSlope}
	// GELUNew is GPT-2's approximation ½x(1 + tanh √(2/π)(x + 0.044715x³)): 9 FLOPs an element.
	GELUNew = Activation{"gelu_new", 9, kernel.GELUNew, geluNewSlope}
	// ReLU is max(0, x): no FLOPs.
	ReLU = Activation{"relu", 0, kernel.ReLU, reluSlope}
	// Softplus is log(1 + eˣ), and x above 20: 3 FLOPs an element.
	Softplus = Activation{"softplus", 3, kernel.Softplus, sigmoid}
)

// Apply returns f(x) for every element. Without a tape the result replaces x's memory.
func (a Activation) Apply(p *Pass, x Mat) Mat {
	y := p.target(x)
	p.unary(a.f, y, x)
	n := int64(len(x.Data))
	p.Add(a.FLOPs*n, 8*n)
	if p.Tape != nil {
		recordActivation(p.Tape, a.slope, y, x)
	}
	return y
}

func recordActivation(t *Tape, slope func(float64) float64, y, x Mat) {
	t.Record(func() {
		for i, g := range y.Grad {
			x.Grad[i] += g * float32(slope(float64(x.Data[i])))
		}
	})
}

// SwiGLU returns silu(gate)·up (Shazeer 2020). Without a tape it replaces gate's memory. It costs 5 FLOPs an element.
func SwiGLU(p *Pass, gate, up Mat) Mat {
	h := p.target(gate)
	p.binary(kernel.SwiGLU, h, gate, up)
	n := int64(len(h.Data))
	p.Add(5*n, 12*n)
	if p.Tape != nil {
		recordSwiGLU(p.Tape, h, gate, up)
	}
	return h
}

func recordSwiGLU(t *Tape, h, gate, up Mat) {
	t.Record(func() {
		for i, g := range h.Grad {
			a := float64(gate.Data[i])
			gate.Grad[i] += g * up.Data[i] * float32(siluSlope(a))
			up.Grad[i] += g * float32(silu(a))
		}
	})
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func silu(x float64) float64 { return x * sigmoid(x) }

func siluSlope(x float64) float64 {
	s := sigmoid(x)
	return s * (1 + x*(1-s))
}

func geluSlope(x float64) float64 {
	density := math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
	return 0.5*(1+math.Erf(x/math.Sqrt2)) + x*density
}

// geluNewSlope differentiates x·σ(2u), which is ½x(1 + tanh u), with u = √(2/π)(x + 0.044715x³).
func geluNewSlope(x float64) float64 {
	c := math.Sqrt(2 / math.Pi)
	s := sigmoid(2 * c * (x + 0.044715*x*x*x))
	return s + 2*x*s*(1-s)*c*(1+3*0.044715*x*x)
}

func reluSlope(x float64) float64 {
	if x > 0 {
		return 1
	}
	return 0
}
