package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rows builds what sums over a row of float32, and what is computed from the sums.
func rows() {
	for _, w := range []width{avx2, avx512} {
		w.affine()
		w.scaled(false)
		w.scaled(true)
		w.dotProduct()
		w.rowMax()
		w.rowSum("sum", false)
		w.rowSum("sumSquares", true)
		w.expSum(true)
		w.expSum(false)
		w.swigluGrad()
		w.scoreGrad()
		w.normSums()
		w.normGrad()
	}
}

// sums is the number of sums that run side by side, to be added at the end: an addition takes as many cycles.
const sums = 4

// accumulators returns vectors of zero.
func (w width) accumulators() []reg.VecVirtual {
	acc := make([]reg.VecVirtual, sums)
	for i := range acc {
		acc[i] = w.reg()
		zero(w, acc[i])
	}
	return acc
}

// total returns the sum of all lanes of all accumulators.
func (w width) total(acc []reg.VecVirtual) reg.VecVirtual {
	VADDPS(acc[1], acc[0], acc[0])
	VADDPS(acc[3], acc[2], acc[2])
	VADDPS(acc[2], acc[0], acc[0])
	return w.fold(acc[0], VADDPS)
}

// affine is dst = (x - shift)·scale·w + b, the end of a norm.
func (w width) affine() {
	text("affine"+w.name, "func(n int, dst, x, w, b *float32, shift, scale float32)")
	n, dst, x, weight, bias := arg("n"), arg("dst"), arg("x"), arg("w"), arg("b")
	shift, scale := w.broadcast("shift"), w.broadcast("scale")
	w.each(n, func(mask Op) {
		v := w.load(at(x, 0), mask)
		VSUBPS(shift, v, v)
		VMULPS(scale, v, v)
		VFMADD213PS(w.load(at(bias, 0), mask), w.load(at(weight, 0), mask), v)
		w.store(v, at(dst, 0), mask)
	}, dst, x, weight, bias)
	leave()
}

// scaled is dst = x·scale, times w if weighted.
func (w width) scaled(weighted bool) {
	name, signature := "scale", "func(n int, scale float32, dst, x *float32)"
	if weighted {
		name, signature = "scaleMul", "func(n int, scale float32, dst, x, w *float32)"
	}
	text(name+w.name, signature)
	n, dst, x, scale := arg("n"), arg("dst"), arg("x"), w.broadcast("scale")
	pointers := []reg.GPVirtual{dst, x}
	if weighted {
		pointers = append(pointers, arg("w"))
	}
	w.each(n, func(mask Op) {
		v := w.load(at(x, 0), mask)
		VMULPS(scale, v, v)
		if weighted {
			VMULPS(w.load(at(pointers[2], 0), mask), v, v)
		}
		w.store(v, at(dst, 0), mask)
	}, pointers...)
	leave()
}

// dotProduct is Σ x·y.
func (w width) dotProduct() {
	text("dot"+w.name, "func(n int, x, y *float32) float32")
	n, x, y, acc := arg("n"), arg("x"), arg("y"), w.accumulators()
	w.eachOf(sums, n, func(i int, mask Op) {
		v := w.load(at(x, w.disp(i)), mask)
		if mask == nil {
			VFMADD231PS(at(y, w.disp(i)), v, acc[i])
		} else {
			VFMADD231PS(w.load(at(y, 0), mask), v, acc[i])
		}
	}, x, y)
	w.give(w.total(acc))
}

// give returns the lowest lane.
func (w width) give(x reg.VecVirtual) {
	Store(x, ReturnIndex(0))
	leave()
}

// rowMax returns the largest element. Where there is a NaN it is any element: what uses it sums over the row as well.
func (w width) rowMax() {
	text("rowMax"+w.name, "func(n int, x *float32) float32")
	n, x, c := arg("n"), arg("x"), w.consts([]float64{math.Inf(-1)})
	least := c.reg(math.Inf(-1))
	top := make([]reg.VecVirtual, sums)
	for i := range top {
		top[i] = c.copy(math.Inf(-1))
	}
	w.eachOf(sums, n, func(i int, mask Op) { VMAXPS(w.loadOr(at(x, w.disp(i)), mask, least), top[i], top[i]) }, x)
	VMAXPS(top[1], top[0], top[0])
	VMAXPS(top[3], top[2], top[2])
	VMAXPS(top[2], top[0], top[0])
	w.give(w.fold(top[0], VMAXPS))
}

// rowSum returns Σ (x - shift), or of its squares.
func (w width) rowSum(name string, square bool) {
	text(name+w.name, "func(n int, x *float32, shift float32) float32")
	n, x, shift, acc := arg("n"), arg("x"), w.broadcast("shift"), w.accumulators()
	w.eachOf(sums, n, func(i int, mask Op) {
		v, d := w.loadOr(at(x, w.disp(i)), mask, shift), w.reg()
		VSUBPS(shift, v, d)
		if square {
			VFMADD231PS(d, d, acc[i])
		} else {
			VADDPS(d, acc[i], acc[i])
		}
	}, x)
	w.give(w.total(acc))
}

// expSum returns Σ exp(x - shift) in float64, and writes the terms to dst if keep is set. Of several vectors it adds up
// the terms that lie in the same lane before it widens them.
func (w width) expSum(keep bool) {
	name, signature := "expSum", "func(n int, x *float32, shift float32) float64"
	if keep {
		name, signature = "expShifted", "func(n int, x *float32, shift float32, dst *float32) float64"
	}
	text(name+w.name, signature)
	n, x := arg("n"), arg("x")
	pointers := []reg.GPVirtual{x}
	if keep {
		pointers = append(pointers, arg("dst"))
	}
	shift, acc, c := w.broadcast("shift"), w.reg(), w.consts(expConsts, []float64{math.Inf(-1)})
	zero(w, acc)
	term := func(i int, v reg.VecVirtual, mask Op) reg.VecVirtual {
		VSUBPS(shift, v, v)
		e := c.exp(v)
		if keep {
			w.store(e, at(pointers[1], w.disp(i)), mask)
		}
		return e
	}
	together := func() {
		sum := term(0, w.load(at(x, 0), nil), nil)
		for i := 1; i < sums; i++ {
			VADDPS(term(i, w.load(at(x, w.disp(i)), nil), nil), sum, sum)
		}
		w.addWide(sum, acc)
	}
	w.eachTogether(sums, n, together, func(mask Op) {
		if mask == nil {
			w.addWide(term(0, w.load(at(x, 0), nil), nil), acc)
		} else {
			w.addWide(term(0, w.loadOr(at(x, 0), mask, c.reg(math.Inf(-1))), mask), acc)
		}
	}, pointers...)
	w.give(w.foldWide(acc))
}

// addWide adds the lanes of e, as float64, to acc.
func (w width) addWide(e, acc reg.VecVirtual) {
	low, wide, high := w.reg(), w.reg(), w.reg()
	if w.bytes == 64 {
		VEXTRACTF64X4(Imm(1), e, high.AsY())
		VCVTPS2PD(e.AsY(), low)
		VCVTPS2PD(high.AsY(), wide)
	} else {
		VEXTRACTF128(Imm(1), e, high.AsX())
		VCVTPS2PD(e.AsX(), low)
		VCVTPS2PD(high.AsX(), wide)
	}
	VADDPD(low, acc, acc)
	VADDPD(wide, acc, acc)
}

// foldWide returns the sum of the lanes of float64.
func (w width) foldWide(acc reg.VecVirtual) reg.VecVirtual {
	half := acc
	if w.bytes == 64 {
		half = YMM()
		VEXTRACTF64X4(Imm(1), acc, half)
		VADDPD(acc.AsY(), half, half)
	}
	x, t := XMM(), XMM()
	VEXTRACTF128(Imm(1), half, x)
	VADDPD(half.AsX(), x, x)
	VPERMILPD(Imm(1), x, t)
	VADDPD(t, x, x)
	return x
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
		sum := w.load(at(dup, 0), mask)
		VFMADD231PS(slope, value, sum)
		w.store(sum, at(dup, 0), mask)
		VMULPS(w.load(at(up, 0), mask), slope, slope)
		sum = w.load(at(dgate, 0), mask)
		VFMADD231PS(slope, c.siluSlopeOf(x, s), sum)
		w.store(sum, at(dgate, 0), mask)
	}, dgate, dup, dy, gate, up)
	leave()
}

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
	w.storeDot(dot[0])
}

func (w width) storeDot(dot reg.VecVirtual) {
	Store(w.fold(dot, VADDPS), Return("dot"))
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
		total := w.load(at(dw, 0), mask)
		VFMADD231PS(slope, h, total)
		w.store(total, at(dw, 0), mask)
		VMULPS(w.load(at(weight, 0), mask), slope, slope)
		VSUBPS(sum, slope, slope)
		VFNMADD231PS(dot, h, slope)
		total = w.load(at(dx, 0), mask)
		VFMADD231PS(scale, slope, total)
		w.store(total, at(dx, 0), mask)
	}, dx, dw, dy, x, weight)
	leave()
}
