package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// elementwise builds functions of rows of float32 for both widths.
func elementwise() {
	for _, w := range []width{avx2, avx512} {
		for _, m := range mappings {
			m.build(w)
		}
		w.axpy()
		w.expAxpy()
		w.rotate()
		w.adamW()
	}
}

// mapping is dst[i] = f(inputs[i]), or with adds dst[i] += first input·f(the others).
type mapping struct {
	name   string
	inputs []string
	adds   bool
	consts []float64
	f      func(c *consts, in []reg.VecVirtual) reg.VecVirtual
}

var (
	ofX  = []string{"x"}
	ofXY = []string{"x", "y"}
	back = []string{"dy", "x"}
)

// mappings lists the functions of one element.
var mappings = []mapping{
	{"exp", ofX, false, expConsts, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.exp(in[0]) }},
	{"silu", ofX, false, sigmoidConsts, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.silu(in[0]) }},
	{"gelu", ofX, false, gaussianConsts, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.gelu(in[0]) }},
	{"geluNew", ofX, false, geluNewConsts, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.geluNew(in[0]) }},
	{"softplus", ofX, false, softplusConsts, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.softplus(in[0]) }},
	{"add", ofXY, false, nil, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { VADDPS(in[1], in[0], in[0]); return in[0] }},
	{"mul", ofXY, false, nil, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { VMULPS(in[1], in[0], in[0]); return in[0] }},
	{"addProduct", ofXY, true, nil, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return in[1] }},
	{"swiglu", []string{"gate", "up"}, false, sigmoidConsts, func(c *consts, in []reg.VecVirtual) reg.VecVirtual {
		y := c.silu(in[0])
		VMULPS(in[1], y, y)
		return y
	}},
	{"siluGrad", back, true, sigmoidConsts, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.siluSlope(in[1]) }},
	{"geluGrad", back, true, gaussianConsts, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.geluSlope(in[1]) }},
	{"geluNewGrad", back, true, geluNewConsts, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.geluNewSlope(in[1]) }},
	{"softplusGrad", back, true, sigmoidConsts, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.sigmoid(in[1]) }},
}

// build writes the function for one width.
func (m *mapping) build(w width) {
	signature := "func(n int, dst"
	for _, in := range m.inputs {
		signature += ", " + in
	}
	text(m.name+w.name, signature+" *float32)")
	n, dst := arg("n"), arg("dst")
	pointers := []reg.GPVirtual{}
	for _, in := range m.inputs {
		pointers = append(pointers, arg(in))
	}
	c := w.consts(m.consts)
	w.each(n, func(mask Op) {
		in := make([]reg.VecVirtual, len(pointers))
		for i, p := range pointers {
			in[i] = w.load(at(p, 0), mask)
		}
		y := m.f(c, in)
		if m.adds {
			sum := w.load(at(dst, 0), mask)
			VFMADD231PS(in[0], y, sum)
			y = sum
		}
		w.store(y, at(dst, 0), mask)
	}, append(pointers, dst)...)
	leave()
}

// axpy is y += a·x.
func (w width) axpy() {
	text("axpy"+w.name, "func(n int, a float32, x, y *float32)")
	n, x, y, a := arg("n"), arg("x"), arg("y"), w.broadcast("a")
	w.each(n, func(mask Op) {
		sum := w.load(at(y, 0), mask)
		VFMADD231PS(a, w.load(at(x, 0), mask), sum)
		w.store(sum, at(y, 0), mask)
	}, x, y)
	leave()
}

// expAxpy is y += a·e^(x - shift).
func (w width) expAxpy() {
	text("expAxpy"+w.name, "func(n int, a, shift float32, x, y *float32)")
	n, x, y, a, shift := arg("n"), arg("x"), arg("y"), w.broadcast("a"), w.broadcast("shift")
	c := w.consts(expConsts)
	w.each(n, func(mask Op) {
		v := w.load(at(x, 0), mask)
		VSUBPS(shift, v, v)
		sum := w.load(at(y, 0), mask)
		VFMADD231PS(a, c.exp(v), sum)
		w.store(sum, at(y, 0), mask)
	}, x, y)
	leave()
}

// rotate turns the pairs (x, y) by the angles with these cosines and sines: x·cos - y·sin and y·cos + x·sin, each product
// rounded by itself as in the reference. flip is the sign bit to turn back, or zero.
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
	leave()
}

// adamW is a step of AdamW in one pass over the weights, the gradient and both moments. rates holds β₁, 1-β₁, β₂, 1-β₂,
// what decay leaves of a weight, the step with its correction, the correction of √v, and ε.
func (w width) adamW() {
	text("adamW"+w.name, "func(n int, weights, grad, m, v, rates *float32)")
	n, weights, grad, m, v, rates := arg("n"), arg("weights"), arg("grad"), arg("m"), arg("v"), arg("rates")
	rate := make([]reg.VecVirtual, 8)
	for i := range rate {
		rate[i] = w.reg()
		VBROADCASTSS(at(rates, 4*i), rate[i])
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
	leave()
}
