package kernel

import (
	"math"

	"github.com/archbench/archbench/internal/half"
)

// The elementwise functions write dst[i] = f(x[i]) for every i. dst and the operands have the same length and may
// overlap completely. The references compute in float64 and round once.

// Add writes x + y.
func Add(dst, x, y []float32) { active.add(dst, x, y) }

// Axpy adds a·x to y.
func Axpy(a float32, x, y []float32) { active.axpy(a, x, y) }

// Exp writes eˣ.
func Exp(dst, x []float32) { active.exp(dst, x) }

// SiLU writes x/(1 + e⁻ˣ).
func SiLU(dst, x []float32) { active.silu(dst, x) }

// GELU writes x·Φ(x), where Φ is the normal distribution computed from the error function.
func GELU(dst, x []float32) { active.gelu(dst, x) }

// GELUNew writes GPT-2's approximation ½x(1 + tanh √(2/π)(x + 0.044715x³)).
func GELUNew(dst, x []float32) { active.geluNew(dst, x) }

// ReLU writes max(0, x).
func ReLU(dst, x []float32) { active.relu(dst, x) }

// Softplus writes log(1 + eˣ), and x itself above 20.
func Softplus(dst, x []float32) { active.softplus(dst, x) }

// SwiGLU writes silu(gate)·up.
func SwiGLU(dst, gate, up []float32) { active.swiglu(dst, gate, up) }

// reference is the tier of the plain-Go kernels, which define every operation.
var reference = tier{
	name:      "reference",
	usable:    func() bool { return true },
	matrix:    newMatrix,
	panel:     panelOutputs,
	narrow:    half.NarrowBF16,
	turn:      turnReference,
	mulT:      mulT,
	mulAdd:    mulAddReference,
	dot:       dotReference,
	axpy:      axpyReference,
	add:       addReference,
	addMul:    addMulReference,
	expAxpy:   expAxpyReference,
	exp:       func(dst, x []float32) { apply(dst, x, math.Exp) },
	silu:      func(dst, x []float32) { apply(dst, x, silu) },
	gelu:      func(dst, x []float32) { apply(dst, x, gelu) },
	geluNew:   func(dst, x []float32) { apply(dst, x, geluNew) },
	softplus:  func(dst, x []float32) { apply(dst, x, softplus) },
	relu:      reluReference,
	swiglu:    swigluReference,
	rowMax:    rowMax,
	expSum:    expSumReference,
	rmsNorm:   rmsNormReference,
	layerNorm: layerNormReference,
	rotate:    rotateReference,
	grad:      gradReference,
	adamW:     adamWReference,
	ceilings:  referenceCeilings,
	read:      readReference,
	attention: attentionReference,
	scan:      scanReference,
	resolvent: resolventReference,
}

func apply(dst, x []float32, f func(float64) float64) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = float32(f(float64(v)))
	}
}

func silu(x float64) float64 { return x / (1 + math.Exp(-x)) }

func gelu(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) }

// geluNew uses ½(1 + tanh u) = 1/(1 + e⁻²ᵘ).
func geluNew(x float64) float64 {
	return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

func softplus(x float64) float64 {
	if x > 20 {
		return x
	}
	return math.Log1p(math.Exp(x))
}

func reluReference(dst, x []float32) {
	for i, v := range x {
		dst[i] = max(0, v)
	}
}

func swigluReference(dst, gate, up []float32) {
	dst, up = dst[:len(gate)], up[:len(gate)]
	for i, v := range gate {
		dst[i] = float32(silu(float64(v))) * up[i]
	}
}

func addReference(dst, x, y []float32) {
	dst, y = dst[:len(x)], y[:len(x)]
	for i, v := range x {
		dst[i] = v + y[i]
	}
}

func axpyReference(a float32, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += a * v
	}
}

// dotReference sums four interleaved parts, combined as ((0+2)+(1+3)).
func dotReference(x, y []float32) float32 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a, b := x[i:i+4], y[i:i+4]
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
	}
	for ; i < len(x); i++ {
		s0 += x[i] * y[i]
	}
	return (s0 + s2) + (s1 + s3)
}
