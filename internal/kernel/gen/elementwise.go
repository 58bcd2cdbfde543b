package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// elementwise builds functions of rows of float32 for both widths.
func elementwise() {
	for _, w := range []width{avx2, avx512} {
		for _, f := range functions {
			w.function(f)
		}
		for _, f := range slopes {
			w.slope(f)
		}
		w.add()
		w.addProduct()
		w.relu()
		w.reluGrad()
		w.swiglu()
		w.swigluGrad()
		w.axpy()
		w.expAxpy()
		w.rotate()
		w.adamW()
	}
}

// function is a function of x and the instructions that compute it.
type function struct {
	name   string
	consts []float64
	f      func(c *consts, x reg.VecVirtual) reg.VecVirtual
}

var functions = []function{
	{"exp", expConsts, (*consts).exp},
	{"silu", sigmoidConsts, (*consts).silu},
	{"gelu", gaussianConsts, (*consts).gelu},
	{"geluNew", geluNewConsts, (*consts).geluNew},
	{"softplus", softplusConsts, (*consts).softplus},
}

// slopes are the derivatives that gradients are multiplied by.
var slopes = []function{
	{"siluGrad", sigmoidConsts, (*consts).siluSlope},
	{"geluGrad", gaussianConsts, (*consts).geluSlope},
	{"geluNewGrad", geluNewConsts, (*consts).geluNewSlope},
	{"softplusGrad", sigmoidConsts, (*consts).sigmoid},
}

// function is dst = f(x).
func (w width) function(f function) {
	text(f.name+w.name, "func(n int, dst, x *float32)")
	n, dst, x, c := arg("n"), arg("dst"), arg("x"), w.consts(f.consts)
	w.each(n, func(mask Op) { w.store(f.f(c, w.load(at(x, 0), mask)), at(dst, 0), mask) }, dst, x)
}

// slope is dst += dy·f(x).
func (w width) slope(f function) {
	text(f.name+w.name, "func(n int, dst, dy, x *float32)")
	n, dst, dy, x, c := arg("n"), arg("dst"), arg("dy"), arg("x"), w.consts(f.consts)
	w.each(n, func(mask Op) { w.addTo(dst, mask, w.load(at(dy, 0), mask), f.f(c, w.load(at(x, 0), mask))) }, dst, dy, x)
}

// addTo adds a·b to the vector at p.
func (w width) addTo(p reg.GPVirtual, mask Op, a, b reg.VecVirtual) {
	sum := w.load(at(p, 0), mask)
	VFMADD231PS(a, b, sum)
	w.store(sum, at(p, 0), mask)
}

// add is dst = x + y.
func (w width) add() {
	text("add"+w.name, "func(n int, dst, x, y *float32)")
	n, dst, x, y := arg("n"), arg("dst"), arg("x"), arg("y")
	w.each(n, func(mask Op) {
		v := w.load(at(x, 0), mask)
		VADDPS(w.load(at(y, 0), mask), v, v)
		w.store(v, at(dst, 0), mask)
	}, dst, x, y)
}

// addProduct is dst += x·y.
func (w width) addProduct() {
	text("addProduct"+w.name, "func(n int, dst, x, y *float32)")
	n, dst, x, y := arg("n"), arg("dst"), arg("x"), arg("y")
	w.each(n, func(mask Op) { w.addTo(dst, mask, w.load(at(x, 0), mask), w.load(at(y, 0), mask)) }, dst, x, y)
}

// relu is dst = max(0, x). NaN stays NaN.
func (w width) relu() {
	text("relu"+w.name, "func(n int, dst, x *float32)")
	n, dst, x, none := arg("n"), arg("dst"), arg("x"), w.zeros(1)[0]
	w.each(n, func(mask Op) {
		v := w.load(at(x, 0), mask)
		VMAXPS(v, none, v)
		w.store(v, at(dst, 0), mask)
	}, dst, x)
}

// reluGrad is dst += dy where x is positive.
func (w width) reluGrad() {
	text("reluGrad"+w.name, "func(n int, dst, dy, x *float32)")
	n, dst, dy, x, none := arg("n"), arg("dst"), arg("dy"), arg("x"), w.zeros(1)[0]
	w.each(n, func(mask Op) {
		sum, kept := w.load(at(dst, 0), mask), w.zeros(1)[0]
		w.assign(w.above(none, w.load(at(x, 0), mask)), w.load(at(dy, 0), mask), kept)
		VADDPS(kept, sum, sum)
		w.store(sum, at(dst, 0), mask)
	}, dst, dy, x)
}

// swiglu is dst = silu(gate)·up.
func (w width) swiglu() {
	text("swiglu"+w.name, "func(n int, dst, gate, up *float32)")
	n, dst, gate, up, c := arg("n"), arg("dst"), arg("gate"), arg("up"), w.consts(sigmoidConsts)
	w.each(n, func(mask Op) {
		v := c.silu(w.load(at(gate, 0), mask))
		VMULPS(w.load(at(up, 0), mask), v, v)
		w.store(v, at(dst, 0), mask)
	}, dst, gate, up)
}

// swigluGrad is dgate += dy·up·silu'(gate) and dup += dy·silu(gate).
func (w width) swigluGrad() {
	text("swigluGrad"+w.name, "func(n int, dgate, dup, dy, gate, up *float32)")
	n, dgate, dup, dy, gate, up := arg("n"), arg("dgate"), arg("dup"), arg("dy"), arg("gate"), arg("up")
	c := w.consts(sigmoidConsts)
	w.each(n, func(mask Op) {
		x, slope := w.load(at(gate, 0), mask), w.load(at(dy, 0), mask)
		s, value := c.sigmoid(x), w.reg()
		VMULPS(x, s, value)
		w.addTo(dup, mask, slope, value)
		VMULPS(w.load(at(up, 0), mask), slope, slope)
		w.addTo(dgate, mask, slope, c.siluSlopeOf(x, s))
	}, dgate, dup, dy, gate, up)
}

// axpy is y += a·x.
func (w width) axpy() {
	text("axpy"+w.name, "func(n int, a float32, x, y *float32)")
	n, x, y, a := arg("n"), arg("x"), arg("y"), w.broadcast("a")
	w.each(n, func(mask Op) {
		w.addTo(y, mask, a, w.load(at(x, 0), mask))
	}, x, y)
}

// expAxpy is y += a·e^(x - shift).
func (w width) expAxpy() {
	text("expAxpy"+w.name, "func(n int, a, shift float32, x, y *float32)")
	n, x, y, a, shift := arg("n"), arg("x"), arg("y"), w.broadcast("a"), w.broadcast("shift")
	c := w.consts(expConsts)
	w.each(n, func(mask Op) {
		v := w.load(at(x, 0), mask)
		VSUBPS(shift, v, v)
		w.addTo(y, mask, a, c.exp(v))
	}, x, y)
}

// rotate rotates the pairs (x, y) by angles given as cosines and sines: x·cos - y·sin and y·cos + x·sin, each product
// rounded as in the reference. flip is the sign bit to rotate back, else zero.
func (w width) rotate() {
	text("rotate"+w.name, "func(n int, x, y, cos, sin *float32, flip float32)")
	n, x, y, cos, sin, flip := arg("n"), arg("x"), arg("y"), arg("cos"), arg("sin"), w.broadcast("flip")
	w.each(n, func(mask Op) {
		a, b, c, s := w.load(at(x, 0), mask), w.load(at(y, 0), mask), w.load(at(cos, 0), mask), w.load(at(sin, 0), mask)
		VXORPS(flip, s, s)
		first, second := w.reg(), w.reg()
		VMULPS(a, c, first)
		VMULPS(b, c, second)
		VMULPS(b, s, b)
		VMULPS(a, s, a)
		VSUBPS(b, first, first)
		VADDPS(a, second, second)
		w.store(first, at(x, 0), mask)
		w.store(second, at(y, 0), mask)
	}, x, y, cos, sin)
}

// adamW is a step of AdamW in one pass over the weights, the gradient and both moments. rates holds β₁, 1-β₁, β₂, 1-β₂,
// the factor of weight decay, the corrected step size, the correction of √v, and ε.
func (w width) adamW() {
	text("adamW"+w.name, "func(n int, weights, grad, m, v, rates *float32)")
	n, weights, grad, m, v, rates := arg("n"), arg("weights"), arg("grad"), arg("m"), arg("v"), arg("rates")
	rate := w.regs(8)
	for i, r := range rate {
		VBROADCASTSS(at(rates, 4*i), r)
	}
	w.each(n, func(mask Op) {
		x, slope, first, second := w.load(at(weights, 0), mask), w.load(at(grad, 0), mask), w.load(at(m, 0), mask), w.load(at(v, 0), mask)
		VMULPS(rate[0], first, first)
		VFMADD231PS(rate[1], slope, first)
		VMULPS(slope, slope, slope)
		VMULPS(rate[2], second, second)
		VFMADD231PS(rate[3], slope, second)
		w.store(first, at(m, 0), mask)
		w.store(second, at(v, 0), mask)
		root := w.reg()
		VSQRTPS(second, root)
		VFMADD213PS(rate[7], rate[6], root)
		VDIVPS(root, first, first)
		VMULPS(rate[4], x, x)
		VFNMADD231PS(rate[5], first, x)
		w.store(x, at(weights, 0), mask)
	}, weights, grad, m, v)
}
