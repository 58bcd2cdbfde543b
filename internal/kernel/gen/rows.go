package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rows builds sums over a row of float32, and what is computed from them, for both widths.
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
		w.scoreGrad()
		w.normSums()
		w.normGrad()
	}
}

// sums is the number of independent sums, added at the end: the latency of an addition in cycles.
const sums = 4

// giveTotal returns all lanes of four vectors, combined.
func (w width) giveTotal(acc []reg.VecVirtual, combine func(...Op)) {
	w.give(w.fold(fold4(acc, combine), combine))
}

// fold4 combines four vectors in the first, which it returns.
func fold4(acc []reg.VecVirtual, combine func(...Op)) reg.VecVirtual {
	combine(acc[1], acc[0], acc[0])
	combine(acc[3], acc[2], acc[2])
	combine(acc[2], acc[0], acc[0])
	return acc[0]
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
}

// dotProduct is Σ x·y.
func (w width) dotProduct() {
	text("dot"+w.name, "func(n int, x, y *float32) float32")
	n, x, y, acc := arg("n"), arg("x"), arg("y"), w.zeros(sums)
	w.eachOf(sums, n, func(i int, mask Op) {
		v := w.load(at(x, w.disp(i)), mask)
		if mask == nil {
			VFMADD231PS(at(y, w.disp(i)), v, acc[i])
		} else {
			VFMADD231PS(w.load(at(y, 0), mask), v, acc[i])
		}
	}, x, y)
	w.giveTotal(acc, VADDPS)
}

// give returns the lowest lane.
func (w width) give(x reg.VecVirtual) {
	Store(x, ReturnIndex(0))
	leave()
}

// rowMax returns the largest element, or any element if there is a NaN: its users sum over the row as well.
func (w width) rowMax() {
	text("rowMax"+w.name, "func(n int, x *float32) float32")
	n, x, c := arg("n"), arg("x"), w.consts([]float64{math.Inf(-1)})
	least := c.reg(math.Inf(-1))
	top := make([]reg.VecVirtual, sums)
	for i := range top {
		top[i] = c.copy(math.Inf(-1))
	}
	w.eachOf(sums, n, func(i int, mask Op) { VMAXPS(w.loadOr(at(x, w.disp(i)), mask, least), top[i], top[i]) }, x)
	w.giveTotal(top, VMAXPS)
}

// rowSum returns Σ (x - shift), or of its squares.
func (w width) rowSum(name string, square bool) {
	text(name+w.name, "func(n int, x *float32, shift float32) float32")
	n, x, shift, acc := arg("n"), arg("x"), w.broadcast("shift"), w.zeros(sums)
	w.eachOf(sums, n, func(i int, mask Op) {
		v, d := w.loadOr(at(x, w.disp(i)), mask, shift), w.reg()
		VSUBPS(shift, v, d)
		if square {
			VFMADD231PS(d, d, acc[i])
		} else {
			VADDPS(d, acc[i], acc[i])
		}
	}, x)
	w.giveTotal(acc, VADDPS)
}

// expSum returns Σ exp(x - shift) in float64, and writes the terms to dst if keep is set. It adds several vectors lane by
// lane before it widens them.
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
	w.zero(acc)
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
	w.give(w.foldDoubles(acc))
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
