package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scoreGrad turns scores p into probabilities e^(scale·p - shift), and ds into scale·p·(ds - delta), the gradient of the
// scores from that of the probabilities.
func (w width) scoreGrad() {
	text("scoreGrad"+w.name, "func(n int, p, ds *float32, scale, shift, delta float32)")
	n, p, ds := arg("n"), arg("p"), arg("ds")
	scale, shift, delta, c := w.broadcast("scale"), w.broadcast("shift"), w.broadcast("delta"), w.consts(expConsts)
	w.each(n, func(mask Op) {
		score, slope := w.load(at(p, 0), mask), w.load(at(ds, 0), mask)
		VFMSUB213PS(shift, scale, score)
		e := c.exp(score)
		w.store(e, at(p, 0), mask)
		VSUBPS(delta, slope, slope)
		VMULPS(scale, slope, slope)
		VMULPS(e, slope, slope)
		w.store(slope, at(ds, 0), mask)
	}, p, ds)
	leave()
}

// normSums returns Σ g and Σ g·h with g = dy·w and h = (x - mean)·scale.
func (w width) normSums() {
	text("normSums"+w.name, "func(n int, dy, x, w *float32, mean, scale float32) (sum, dot float32)")
	n, dy, x, weight := arg("n"), arg("dy"), arg("x"), arg("w")
	mean, scale := w.broadcast("mean"), w.broadcast("scale")
	sum, dot := make([]reg.VecVirtual, 2), make([]reg.VecVirtual, 2)
	for i := range sum {
		sum[i], dot[i] = w.reg(), w.reg()
		zero(w, sum[i])
		zero(w, dot[i])
	}
	w.eachOf(2, n, func(i int, mask Op) {
		g, h := w.load(at(dy, w.disp(i)), mask), w.load(at(x, w.disp(i)), mask)
		VMULPS(w.load(at(weight, w.disp(i)), mask), g, g) // zero beyond the mask
		VSUBPS(mean, h, h)
		VMULPS(scale, h, h)
		VADDPS(g, sum[i], sum[i])
		VFMADD231PS(g, h, dot[i])
	}, dy, x, weight)
	VADDPS(sum[1], sum[0], sum[0])
	VADDPS(dot[1], dot[0], dot[0])
	Store(w.fold(sum[0], VADDPS), Return("sum"))
	Store(w.fold(dot[0], VADDPS), Return("dot"))
	leave()
}

// normGrad is the gradient of a norm: dx += scale·(g - sum - h·dot) and dw += dy·h, with g and h as in normSums and its
// sums as means.
func (w width) normGrad() {
	text("normGrad"+w.name, "func(n int, dx, dw, dy, x, w *float32, mean, scale, sum, dot float32)")
	n, dx, dw, dy, x, weight := arg("n"), arg("dx"), arg("dw"), arg("dy"), arg("x"), arg("w")
	mean, scale, sum, dot := w.broadcast("mean"), w.broadcast("scale"), w.broadcast("sum"), w.broadcast("dot")
	w.each(n, func(mask Op) {
		slope, h := w.load(at(dy, 0), mask), w.load(at(x, 0), mask)
		VSUBPS(mean, h, h)
		VMULPS(scale, h, h)
		w.addTo(dw, mask, slope, h)
		VMULPS(w.load(at(weight, 0), mask), slope, slope)
		VSUBPS(sum, slope, slope)
		VFNMADD231PS(dot, h, slope)
		w.addTo(dx, mask, scale, slope)
	}, dx, dw, dy, x, weight)
	leave()
}
