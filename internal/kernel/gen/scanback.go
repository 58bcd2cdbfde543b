package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// blockStride is the distance in bytes between rows of package kernel's blocks of scanBlock channels.
const blockStride = 64

// scanStates computes the states and decays of a vector of a block's channels for the backward pass of a scan: h[t+1] =
// exp(Δ·a)·h[t] + Δ·b·u. The inputs of a token are u, Δ and three more rows.
func (w width) scanStates() {
	text("scanStates"+w.name, "func(tokens, states int, h, decay, a, inputs, b *float32, bStride int)")
	tokens, states := arg("tokens"), arg("states")
	h, decay, a, inputs, b, bStride := arg("h"), arg("decay"), arg("a"), arg("inputs"), arg("b"), arg("bStride")
	size, row, s := GP64(), GP64(), GP64()
	MOVQ(states, size)
	SHLQ(Imm(6), size) // the bytes of the states of a token
	d := w.decays()
	Label("token")
	in, step := w.load(at(inputs, 0), nil), w.load(at(inputs, blockStride), nil)
	VMULPS(step, in, in)
	exponent := d.exponent(step)
	XORQ(row, row)
	XORQ(s, s)
	Label("state")
	x := w.load(indexed(a, row, 1, 0), nil)
	VMULPS(exponent, x, x)
	kept := d.of(x)
	w.store(kept, at(decay, 0), nil)
	next := w.times(indexed(b, s, 4, 0), in)
	VFMADD231PS(w.load(at(h, 0), nil), kept, next)
	w.store(next, indexed(h, size, 1, 0), nil)
	advance(blockStride, h, decay, row)
	INCQ(s)
	CMPQ(s, states)
	JLT(LabelRef("state"))
	ADDQ(U32(5*blockStride), inputs)
	ADDQ(bStride, b)
	countDown(tokens, "token")
	leave()
}

// scanBack is one token of the backward pass over a vector of a block's channels: with g the adjoint of the states after it,
//
//	g += dy·c          dc += Σ dy·h after      db += Σ g·Δ·u         dInput = Σ g·b
//	kept = g·h·decay   da += kept·Δ            dΔ = Σ kept·a         g ← g·decay
//
// The rows of token are u, Δ, dy and the results dInput and dΔ.
func (w width) scanBack() {
	text("scanBack"+w.name, "func(states int, h, decay, adjoint, a, da, token, b, c, db, dc *float32)")
	states, h, decay, g := arg("states"), arg("h"), arg("decay"), arg("adjoint")
	a, da, token := arg("a"), arg("da"), arg("token")
	b, c, db, dc := arg("b"), arg("c"), arg("db"), arg("dc")
	size := GP64()
	MOVQ(states, size)
	SHLQ(Imm(6), size)
	in, delta, dy := w.load(at(token, 0), nil), w.load(at(token, blockStride), nil), w.load(at(token, 2*blockStride), nil)
	VMULPS(delta, in, in)
	dInput, dDelta := w.reg(), w.reg()
	w.zero(dInput)
	w.zero(dDelta)
	Label("state")
	adjoint, product := w.load(at(g, 0), nil), w.reg()
	w.addTimes(at(c, 0), dy, adjoint)
	VMULPS(indexed(h, size, 1, 0), dy, product)
	w.addLanes(product, at(dc, 0))
	share := w.reg()
	VMULPS(in, adjoint, share)
	w.addLanes(share, at(db, 0))
	w.addTimes(at(b, 0), adjoint, dInput)
	VMULPS(at(decay, 0), adjoint, adjoint)
	w.store(adjoint, at(g, 0), nil)
	kept, sum := w.reg(), w.load(at(da, 0), nil)
	VMULPS(at(h, 0), adjoint, kept)
	VFMADD231PS(at(a, 0), kept, dDelta)
	VFMADD231PS(delta, kept, sum)
	w.store(sum, at(da, 0), nil)
	advance(blockStride, h, decay, g, a, da)
	advance(4, b, c, db, dc)
	countDown(states, "state")
	w.store(dInput, at(token, 3*blockStride), nil)
	w.store(dDelta, at(token, 4*blockStride), nil)
	leave()
}

// addLanes adds the sum of the lanes of v to a float32 in memory.
func (w width) addLanes(v reg.VecVirtual, m Mem) {
	sum := w.fold(v, VADDPS)
	VADDSS(m, sum, sum)
	VMOVSS(sum, m)
}
