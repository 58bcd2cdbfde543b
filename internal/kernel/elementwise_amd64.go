package kernel

import (
	"math"
	"unsafe"
)

// rowAssembly is the assembly for float32 rows at one vector width. Each pointer is to n elements.
type rowAssembly struct {
	exp, silu, gelu, geluNew, softplus, relu      func(n int, dst, x *float32)
	add, addMul, swiglu                           func(n int, dst, x, y *float32)
	siluGrad, geluGrad, geluNewGrad, softplusGrad func(n int, dst, dy, x *float32)
	reluGrad                                      func(n int, dst, dy, x *float32)
	swigluGrad                                    func(n int, dgate, dup, dy, gate, up *float32)

	dot      func(n int, x, y *float32) float32
	axpy     func(n int, a float32, x, y *float32)
	expAxpy  func(n int, a, shift float32, x, y *float32)
	rotate   func(n int, x, y, cos, sin *float32, flip float32)
	adamW    func(n int, weights, grad, m, v, rates *float32)
	scale    func(n int, scale float32, dst, x *float32)
	scaleMul func(n int, scale float32, dst, x, w *float32)
	affine   func(n int, dst, x, w, b *float32, shift, scale float32)

	rowMax     func(n int, x *float32) float32
	sum        func(n int, x *float32, shift float32) float32
	sumSquares func(n int, x *float32, shift float32) float32
	expSum     func(n int, x *float32, shift float32) float64
	expShifted func(n int, x *float32, shift float32, dst *float32) float64
	normSums   func(n int, dy, x, w *float32, mean, scale float32) (sum, dot float32)
	normGrad   func(n int, dx, dw, dy, x, w *float32, mean, scale, sum, dot float32)
	scoreGrad  func(n int, p, ds *float32, scale, shift, delta float32)
}

var rows512 = rowAssembly{
	exp: expAVX512, silu: siluAVX512, gelu: geluAVX512, geluNew: geluNewAVX512, softplus: softplusAVX512, relu: reluAVX512,
	add: addAVX512, addMul: addProductAVX512, swiglu: swigluAVX512,
	siluGrad: siluGradAVX512, geluGrad: geluGradAVX512, geluNewGrad: geluNewGradAVX512, softplusGrad: softplusGradAVX512,
	reluGrad: reluGradAVX512, swigluGrad: swigluGradAVX512, dot: dotAVX512, axpy: axpyAVX512, expAxpy: expAxpyAVX512, rotate: rotateAVX512,
	adamW: adamWAVX512, scale: scaleAVX512, scaleMul: scaleMulAVX512, affine: affineAVX512, rowMax: rowMaxAVX512,
	sum: sumAVX512, sumSquares: sumSquaresAVX512, expSum: expSumAVX512, expShifted: expShiftedAVX512,
	normSums: normSumsAVX512, normGrad: normGradAVX512, scoreGrad: scoreGradAVX512,
}

var rows256 = rowAssembly{
	exp: expAVX2, silu: siluAVX2, gelu: geluAVX2, geluNew: geluNewAVX2, softplus: softplusAVX2, relu: reluAVX2,
	add: addAVX2, addMul: addProductAVX2, swiglu: swigluAVX2,
	siluGrad: siluGradAVX2, geluGrad: geluGradAVX2, geluNewGrad: geluNewGradAVX2, softplusGrad: softplusGradAVX2,
	reluGrad: reluGradAVX2, swigluGrad: swigluGradAVX2, dot: dotAVX2, axpy: axpyAVX2, expAxpy: expAxpyAVX2, rotate: rotateAVX2,
	adamW: adamWAVX2, scale: scaleAVX2, scaleMul: scaleMulAVX2, affine: affineAVX2, rowMax: rowMaxAVX2,
	sum: sumAVX2, sumSquares: sumSquaresAVX2, expSum: expSumAVX2, expShifted: expShiftedAVX2,
	normSums: normSumsAVX2, normGrad: normGradAVX2, scoreGrad: scoreGradAVX2,
}

// vectorised replaces t's kernels for elements and rows with assembly.
func (t *tier) vectorised(a *rowAssembly) {
	t.exp, t.silu, t.gelu, t.geluNew, t.softplus = unary(a.exp), unary(a.silu), unary(a.gelu), unary(a.geluNew), unary(a.softplus)
	t.relu = unary(a.relu)
	t.add, t.addMul, t.swiglu = binary(a.add), binary(a.addMul), binary(a.swiglu)
	t.dot, t.axpy, t.expAxpy, t.rotate, t.adamW = a.dotRow, a.axpyRow, a.expAxpyRow, a.rotateRow, a.adamWRow
	t.rmsNorm, t.layerNorm = a.rmsNormRow, a.layerNormRow
	t.rowMax = func(x []float32) float32 { return a.rowMax(len(x), &x[0]) }
	t.expSum = func(x []float32, shift float32) float64 { return a.expSum(len(x), &x[0], shift) }
	t.grad = gradKernels{
		silu: binary(a.siluGrad), gelu: binary(a.geluGrad), geluNew: binary(a.geluNewGrad), softplus: binary(a.softplusGrad),
		relu: binary(a.reluGrad), swiglu: a.swigluGradRow, rmsNorm: a.rmsNormGradRow, layerNorm: a.layerNormGradRow,
	}
}

func unary(f func(n int, dst, x *float32)) func(dst, x []float32) {
	return func(dst, x []float32) {
		if len(x) > 0 {
			f(len(x), &dst[:len(x)][0], &x[0])
		}
	}
}

func binary(f func(n int, dst, x, y *float32)) func(dst, x, y []float32) {
	return func(dst, x, y []float32) {
		if len(x) > 0 {
			f(len(x), &dst[:len(x)][0], &x[0], &y[:len(x)][0])
		}
	}
}

func (a *rowAssembly) dotRow(x, y []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	return a.dot(len(x), &x[0], &y[:len(x)][0])
}

func (a *rowAssembly) axpyRow(f float32, x, y []float32) {
	if len(x) > 0 {
		a.axpy(len(x), f, &x[0], &y[:len(x)][0])
	}
}

func (a *rowAssembly) expAxpyRow(f, shift float32, x, y []float32) {
	if len(x) > 0 {
		a.expAxpy(len(x), f, shift, &x[0], &y[:len(x)][0])
	}
}

func (a *rowAssembly) rotateRow(x, y, cos, sin []float32, flip float32) {
	if n := len(x); n > 0 {
		a.rotate(n, &x[0], &y[:n][0], &cos[:n][0], &sin[:n][0], flip)
	}
}

func (a *rowAssembly) adamWRow(w, g, m, v []float32, r *adamRates) {
	if n := len(w); n > 0 {
		a.adamW(n, &w[0], &g[:n][0], &m[:n][0], &v[:n][0], (*float32)(unsafe.Pointer(r)))
	}
}

func (a *rowAssembly) swigluGradRow(dgate, dup, dy, gate, up []float32) {
	if n := len(gate); n > 0 {
		a.swigluGrad(n, &dgate[:n][0], &dup[:n][0], &dy[:n][0], &gate[0], &up[:n][0])
	}
}

func (a *rowAssembly) rmsNormRow(dst, x, w []float32, eps float64) {
	if n := len(x); n > 0 {
		a.scaleMul(n, a.rmsScale(x, eps), &dst[:n][0], &x[0], &w[:n][0])
	}
}

// rmsScale returns 1/√(mean x² + eps).
func (a *rowAssembly) rmsScale(x []float32, eps float64) float32 {
	squares := a.sumSquares(len(x), &x[0], 0)
	return float32(1 / math.Sqrt(float64(squares)/float64(len(x))+eps))
}

func (a *rowAssembly) layerNormRow(dst, x, w, b []float32, eps float64) {
	if n := len(x); n > 0 {
		mean, scale := a.moments(x, eps)
		a.affine(n, &dst[:n][0], &x[0], &w[:n][0], &b[:n][0], mean, scale)
	}
}

// moments returns the mean of x and 1/√(var + eps).
func (a *rowAssembly) moments(x []float32, eps float64) (mean, scale float32) {
	n := len(x)
	mean = a.sum(n, &x[0], 0) / float32(n)
	mean += a.sum(n, &x[0], mean) / float32(n) // corrects rounding
	variance := float64(a.sumSquares(n, &x[0], mean)) / float64(n)
	return mean, float32(1 / math.Sqrt(variance+eps))
}

func (a *rowAssembly) rmsNormGradRow(dx, dw, dy, x, w []float32, eps float64) {
	if n := len(x); n > 0 {
		scale := a.rmsScale(x, eps)
		_, dot := a.normSums(n, &dy[:n][0], &x[0], &w[:n][0], 0, scale)
		a.normGrad(n, &dx[:n][0], &dw[:n][0], &dy[0], &x[0], &w[0], 0, scale, 0, dot/float32(n))
	}
}

func (a *rowAssembly) layerNormGradRow(dx, dw, db, dy, x, w []float32, eps float64) {
	if n := len(x); n > 0 {
		mean, scale := a.moments(x, eps)
		sum, dot := a.normSums(n, &dy[:n][0], &x[0], &w[:n][0], mean, scale)
		a.normGrad(n, &dx[:n][0], &dw[:n][0], &dy[0], &x[0], &w[0], mean, scale, sum/float32(n), dot/float32(n))
		a.axpy(n, 1, &dy[0], &db[:n][0])
	}
}
