package kernel

import "math"

// The gradient functions add to dx, given the gradient dy of an operation's result and its operand x. Slices have the
// same length; dx must not be dy or x. The references compute slopes in float64 and round once.

// gradKernels are a tier's gradients.
type gradKernels struct {
	silu      func(dx, dy, x []float32)
	gelu      func(dx, dy, x []float32)
	geluNew   func(dx, dy, x []float32)
	softplus  func(dx, dy, x []float32)
	relu      func(dx, dy, x []float32)
	swiglu    func(dgate, dup, dy, gate, up []float32)
	rmsNorm   func(dx, dw, dy, x, w []float32, eps float64)
	layerNorm func(dx, dw, db, dy, x, w []float32, eps float64)
}

var gradReference = gradKernels{
	silu:      func(dx, dy, x []float32) { addSlopes(dx, dy, x, siluSlope) },
	gelu:      func(dx, dy, x []float32) { addSlopes(dx, dy, x, geluSlope) },
	geluNew:   func(dx, dy, x []float32) { addSlopes(dx, dy, x, geluNewSlope) },
	softplus:  func(dx, dy, x []float32) { addSlopes(dx, dy, x, sigmoid) },
	relu:      reluGradReference,
	swiglu:    swigluGradReference,
	rmsNorm:   rmsNormGradReference,
	layerNorm: layerNormGradReference,
}

// SiLUGrad adds dy·silu'(x) to dx.
func SiLUGrad(dx, dy, x []float32) { active.grad.silu(dx, dy, x) }

// GELUGrad adds dy·(Φ(x) + x·φ(x)) to dx, with the normal distribution Φ and its density φ.
func GELUGrad(dx, dy, x []float32) { active.grad.gelu(dx, dy, x) }

// GELUNewGrad adds the gradient of [GELUNew] to dx.
func GELUNewGrad(dx, dy, x []float32) { active.grad.geluNew(dx, dy, x) }

// SoftplusGrad adds dy·σ(x) to dx.
func SoftplusGrad(dx, dy, x []float32) { active.grad.softplus(dx, dy, x) }

// ReLUGrad adds dy to dx where x is positive.
func ReLUGrad(dx, dy, x []float32) { active.grad.relu(dx, dy, x) }

func reluGradReference(dx, dy, x []float32) {
	for i, v := range x {
		if v > 0 {
			dx[i] += dy[i]
		}
	}
}

// SwiGLUGrad adds dy·up·silu'(gate) to dgate and dy·silu(gate) to dup.
func SwiGLUGrad(dgate, dup, dy, gate, up []float32) { active.grad.swiglu(dgate, dup, dy, gate, up) }

// RMSNormGrad adds the gradients of [RMSNorm] for one row: with s = 1/√(mean x² + eps), h = x·s and g = dy·w,
// dx = s·(g - h·mean(g·h)) and dw = dy·h.
func RMSNormGrad(dx, dw, dy, x, w []float32, eps float64) { active.grad.rmsNorm(dx, dw, dy, x, w, eps) }

// LayerNormGrad adds the gradients of [LayerNorm] for one row: with s = 1/√(var + eps), h = (x - mean)·s and g = dy·w,
// dx = s·(g - mean g - h·mean(g·h)), dw = dy·h and db = dy.
func LayerNormGrad(dx, dw, db, dy, x, w []float32, eps float64) {
	active.grad.layerNorm(dx, dw, db, dy, x, w, eps)
}

// NLLGrad adds scale·(softmax(logits) - onehot(target)) to grad for one row, whose LogSumExp is total: the gradient of
// scale·NLL.
func NLLGrad(grad, logits []float32, total float64, target int32, scale float32) {
	AddSoftmax(grad, logits, total, scale)
	grad[target] -= scale
}

// AddSoftmax adds scale·softmax(logits) to y for one row, whose LogSumExp is total.
func AddSoftmax(y, logits []float32, total float64, scale float32) {
	shift := float32(total)
	active.expAxpy(float32(float64(scale)*math.Exp(float64(shift)-total)), shift, logits, y)
}

func addSlopes(dx, dy, x []float32, slope func(float64) float64) {
	dx, dy = dx[:len(x)], dy[:len(x)]
	for i, v := range x {
		dx[i] += dy[i] * float32(slope(float64(v)))
	}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func siluSlope(x float64) float64 {
	s := sigmoid(x)
	return s * (1 + x*(1-s))
}

func geluSlope(x float64) float64 {
	density := math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
	return 0.5*math.Erfc(-x/math.Sqrt2) + x*density
}

// geluNewSlope is the derivative of x·σ(2u), which is ½x(1 + tanh u), with u = √(2/π)(x + 0.044715x³). Below -10 it is
// 0 and above 10 it is 1 in float32.
func geluNewSlope(x float64) float64 {
	x = max(-10, min(10, x))
	c := math.Sqrt(2 / math.Pi)
	s := sigmoid(2 * c * (x + 0.044715*x*x*x))
	return s + 2*x*s*(1-s)*c*(1+3*0.044715*x*x)
}

func expAxpyReference(a, shift float32, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += float32(float64(a) * math.Exp(float64(v)-float64(shift)))
	}
}

func swigluGradReference(dgate, dup, dy, gate, up []float32) {
	dgate, dup, dy, up = dgate[:len(gate)], dup[:len(gate)], dy[:len(gate)], up[:len(gate)]
	for i, v := range gate {
		dgate[i] += dy[i] * up[i] * float32(siluSlope(float64(v)))
		dup[i] += dy[i] * float32(silu(float64(v)))
	}
}

func rmsNormGradReference(dx, dw, dy, x, w []float32, eps float64) {
	var squares, dot float64
	for i, v := range x {
		squares += float64(v) * float64(v)
		dot += float64(dy[i]) * float64(w[i]) * float64(v)
	}
	n := float64(len(x))
	scale := 1 / math.Sqrt(squares/n+eps)
	for i, v := range x {
		g, h := float64(dy[i])*float64(w[i]), float64(v)*scale
		dx[i] += float32(scale * (g - h*scale*dot/n))
		dw[i] += dy[i] * float32(h)
	}
}

func layerNormGradReference(dx, dw, db, dy, x, w []float32, eps float64) {
	mean, scale := moments(x, eps)
	var sum, dot float64
	for i, v := range x {
		g := float64(dy[i]) * float64(w[i])
		sum += g
		dot += g * (float64(v) - mean) * scale
	}
	n := float64(len(x))
	for i, v := range x {
		g, h := float64(dy[i])*float64(w[i]), (float64(v)-mean)*scale
		dx[i] += float32(scale * (g - sum/n - h*dot/n))
		dw[i] += dy[i] * float32(h)
		db[i] += dy[i]
	}
}
