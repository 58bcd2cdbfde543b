package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// scoreGrad turns scores p into probabilities e^(scale·p - shift), and the gradient ds of the probabilities into that of the
// scores, scale·p·(ds - delta).
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
}

// normSums returns Σ g and Σ g·h with g = dy·w and h = (x - mean)·scale.
func (w width) normSums() {
	text("normSums"+w.name, "func(n int, dy, x, w *float32, mean, scale float32) (sum, dot float32)")
	n, dy, x, weight := arg("n"), arg("dy"), arg("x"), arg("w")
	mean, scale := w.broadcast("mean"), w.broadcast("scale")
	acc := w.zeros(4) // Σ g, Σ g·h and both again, for every other vector
	w.eachOf(2, n, func(i int, mask Op) {
		g, h := w.load(at(dy, w.disp(i)), mask), w.load(at(x, w.disp(i)), mask)
		VMULPS(w.load(at(weight, w.disp(i)), mask), g, g) // zero beyond the mask
		VSUBPS(mean, h, h)
		VMULPS(scale, h, h)
		VADDPS(g, acc[2*i], acc[2*i])
		VFMADD231PS(g, h, acc[2*i+1])
	}, dy, x, weight)
	VADDPS(acc[2], acc[0], acc[0])
	VADDPS(acc[3], acc[1], acc[1])
	Store(w.fold(acc[0], VADDPS), Return("sum"))
	Store(w.fold(acc[1], VADDPS), Return("dot"))
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
}
