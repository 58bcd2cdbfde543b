package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// resolventBack is one token of the backward pass over n values of a row, which fill whole vectors: with q = u - hop·y and
// b = conj(g)·d
//
//	du += Re b        before -= hop·b        to += Σ conj(q)·d        toHop += Σ Re(conj(b)·y)
func (w width) resolventBack() {
	text("resolventBack"+w.name,
		"func(n int, gRe, gIm, hop float64, u, du, yRe, yIm, dRe, dIm, beforeRe, beforeIm *float64) (toRe, toIm, toHop float64)")
	n, u, du, yRe, yIm := arg("n"), arg("u"), arg("du"), arg("yRe"), arg("yIm")
	dRe, dIm, beforeRe, beforeIm := arg("dRe"), arg("dIm"), arg("beforeRe"), arg("beforeIm")
	v := w.rowBack()
	Label("values")
	q, s, dr, di := w.double(at(u, 0)), w.reg(), w.double(at(dRe, 0)), w.double(at(dIm, 0))
	yr, yi, br, bi := w.double(at(yRe, 0)), w.double(at(yIm, 0)), w.reg(), w.reg()
	VFNMADD231PD(yr, v.hop, q) // q - is = u - hop·y
	VMULPD(yi, v.hop, s)
	v.addToG(q, s, dr, di)
	VMULPD(v.gr, dr, br)
	VFMADD231PD(v.gi, di, br)
	VMULPD(v.gr, di, bi)
	VFNMADD231PD(v.gi, dr, bi)
	VFMADD231PD(br, yr, v.toHop)
	VFMADD231PD(bi, yi, v.toHop)
	sum := w.reg()
	VADDPD(at(du, 0), br, sum)
	VMOVUPD(sum, at(du, 0))
	v.pass(br, beforeRe)
	v.pass(bi, beforeIm)
	advance(w.bytes, u, du, yRe, yIm, dRe, dIm, beforeRe, beforeIm)
	SUBQ(Imm(uint64(w.bytes/8)), n)
	JNE(LabelRef("values"))
	for i, sum := range []reg.VecVirtual{v.toRe, v.toIm, v.toHop} {
		Store(w.foldDoubles(sum), ReturnIndex(i))
	}
	leave()
}

// rowBack holds what the values of a row share: the chain's g and hop, and the sums.
type rowBack struct {
	width
	gr, gi, hop       reg.VecVirtual
	toRe, toIm, toHop reg.VecVirtual
}

// rowBack loads g and hop, and begins the sums.
func (w width) rowBack() *rowBack {
	v := &rowBack{width: w}
	for i, r := range []*reg.VecVirtual{&v.gr, &v.gi, &v.hop} {
		*r = w.everyDouble(NewParamAddr([]string{"gRe", "gIm", "hop"}[i], 8+8*i))
	}
	sums := w.zeros(3)
	v.toRe, v.toIm, v.toHop = sums[0], sums[1], sums[2]
	return v
}

// addToG adds conj(q - is)·d to the sum for g.
func (v *rowBack) addToG(q, s, dr, di reg.VecVirtual) {
	VFMADD231PD(q, dr, v.toRe)
	VFNMADD231PD(s, di, v.toRe)
	VFMADD231PD(q, di, v.toIm)
	VFMADD231PD(s, dr, v.toIm)
}

// pass subtracts hop·b from the adjoint of the row before.
func (v *rowBack) pass(b reg.VecVirtual, before reg.GPVirtual) {
	passed := v.double(at(before, 0))
	VFNMADD231PD(b, v.hop, passed)
	VMOVUPD(passed, at(before, 0))
}
