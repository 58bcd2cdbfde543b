package nn

import "math"

// Activation is a function of one variable, applied to every element of a matrix.
type Activation struct {
	Name  string
	FLOPs int64 // an element
	f     func(x float64) float64
	slope func(x float64) float64 // df/dx
}

// The activations of the shipped architectures.
var (
	// SiLU is x·σ(x): 4 FLOPs an element.
	SiLU = Activation{"silu", 4, silu, siluSlope}
	// GELU is x·Φ(x) with the normal distribution's Φ by erf: 5 FLOPs an element.
	GELU = Activation{"gelu", 5, gelu, geluSlope}
	// GELUNew is GPT-2's approximation ½x(1 + tanh √(2/π)(x + 0.044715x³)): 9 FLOPs an element.
	GELUNew = Activation{"gelu_new", 9, geluNew, geluNewSlope}
	// ReLU is max(0, x): no FLOPs.
	ReLU = Activation{"relu", 0, relu, reluSlope}
	// Softplus is log(1 + eˣ), and x above 20: 3 FLOPs an element.
	Softplus = Activation{"softplus", 3, softplus, sigmoid}
)

// Apply returns f(x) for every element. Without a tape the result replaces x's memory.
func (a Activation) Apply(p *Pass, x Mat) Mat {
	y := p.target(x)
	for i, v := range x.Data {
		y.Data[i] = float32(a.f(float64(v)))
	}
	n := int64(len(x.Data))
	p.Add(a.FLOPs*n, 8*n)
	if p.Tape != nil {
		a.record(p, y, x)
	}
	return y
}

func (a Activation) record(p *Pass, y, x Mat) {
	p.Tape.Record(func() {
		for i, g := range y.Grad {
			x.Grad[i] += g * float32(a.slope(float64(x.Data[i])))
		}
	})
}

// SwiGLU returns silu(gate)·up (Shazeer 2020). Without a tape it replaces gate's memory. It costs 5 FLOPs an element.
func SwiGLU(p *Pass, gate, up Mat) Mat {
	h := p.target(gate)
	for i, v := range gate.Data {
		h.Data[i] = float32(silu(float64(v))) * up.Data[i]
	}
	n := int64(len(h.Data))
	p.Add(5*n, 12*n)
	if p.Tape != nil {
		recordSwiGLU(p, h, gate, up)
	}
	return h
}

func recordSwiGLU(p *Pass, h, gate, up Mat) {
	p.Tape.Record(func() {
		for i, g := range h.Grad {
			a := float64(gate.Data[i])
			gate.Grad[i] += g * up.Data[i] * float32(siluSlope(a))
			up.Grad[i] += g * float32(silu(a))
		}
	})
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func silu(x float64) float64 { return x / (1 + math.Exp(-x)) }

func siluSlope(x float64) float64 {
	s := sigmoid(x)
	return s * (1 + x*(1-s))
}

func gelu(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) }

func geluSlope(x float64) float64 {
	density := math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
	return 0.5*(1+math.Erf(x/math.Sqrt2)) + x*density
}

// geluNew uses ½(1 + tanh u) = σ(2u).
func geluNew(x float64) float64 { return x * sigmoid(2*geluNewArg(x)) }

func geluNewArg(x float64) float64 { return math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x) }

func geluNewSlope(x float64) float64 {
	s := sigmoid(2 * geluNewArg(x))
	return s + x*2*s*(1-s)*math.Sqrt(2/math.Pi)*(1+3*0.044715*x*x)
}

func relu(x float64) float64 { return max(0, x) }

func reluSlope(x float64) float64 {
	if x > 0 {
		return 1
	}
	return 0
}

func softplus(x float64) float64 {
	if x > 20 {
		return x
	}
	return math.Log1p(math.Exp(x))
}
