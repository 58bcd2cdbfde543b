package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ssdTokens advances a vector of channels of one head of an SSD, whose decay is one number a token:
//
//	h[s] ← decay·h[s] + Δ·b[s]·x,    y = Σ c[s]·h[s] + d·x
//
// steps holds the decay and Δ of each token. Strides are in bytes; stride is that of rows of h.
func (w width) ssdTokens() {
	text("ssdTokens"+w.name, "func(tokens, states, channels, stride int, h, b, c, steps, x, y *float32, bStride, cStride, xStride, yStride int, d float32)")
	v := ssdVector{width: w, states: arg("states"), stride: arg("stride")}
	tokens, h := arg("tokens"), arg("h")
	v.b, v.c = arg("b"), arg("c")
	steps, x, y := arg("steps"), arg("x"), arg("y")
	v.row, v.s, v.many = GP64(), GP64(), GP64()
	MOVQ(v.states, v.many)
	ANDQ(I32(-4), v.many)
	skip := w.broadcast("d")
	w.eachLanes(func(mask Op, suffix string) {
		v.mask, v.suffix = mask, suffix
		Label("token" + suffix)
		decay, in := w.scalar(at(steps, 0)), w.load(at(x, 0), mask)
		acc := w.zeros(sums)
		VMULPS(skip, in, acc[0])
		v.decay, v.in = decay, w.times(at(steps, 4), in)
		MOVQ(h, v.row)
		v.advance(acc)
		w.store(fold4(acc, VADDPS), at(y, 0), mask)
		ADDQ(Imm(8), steps)
		for i, p := range []reg.GPVirtual{v.b, v.c, x, y} {
			ADDQ(NewParamAddr([]string{"bStride", "cStride", "xStride", "yStride"}[i], 80+8*i), p)
		}
		countDown(tokens, "token"+suffix)
		leave()
	})
}

// ssdVector is the state of a loop over a token's states for a vector of channels.
type ssdVector struct {
	width
	states, many reg.GPVirtual // how many, and that rounded down to whole fours
	stride, row  reg.GPVirtual // of the states
	s            reg.GPVirtual // the current one
	b, c         reg.GPVirtual // the maps of the token
	decay, in    reg.VecVirtual
	mask         Op
	suffix       string
}

// advance updates all states, four at a time with separate sums.
func (v *ssdVector) advance(acc []reg.VecVirtual) {
	XORQ(v.s, v.s)
	Label("four" + v.suffix)
	CMPQ(v.s, v.many)
	JGE(LabelRef("rest" + v.suffix))
	for i, sum := range acc {
		v.update(sum, i)
	}
	ADDQ(Imm(4), v.s)
	JMP(LabelRef("four" + v.suffix))
	Label("rest" + v.suffix)
	CMPQ(v.s, v.states)
	JGE(LabelRef("summed" + v.suffix))
	v.update(acc[0], 0)
	INCQ(v.s)
	JMP(LabelRef("rest" + v.suffix))
	Label("summed" + v.suffix)
}

// update advances the state i after the current one and adds its contribution to sum.
func (v *ssdVector) update(sum reg.VecVirtual, i int) {
	state := v.load(at(v.row, 0), v.mask)
	VMULPS(v.decay, state, state)
	v.addTimes(indexed(v.b, v.s, 4, 4*i), v.in, state)
	v.store(state, at(v.row, 0), v.mask)
	v.addTimes(indexed(v.c, v.s, 4, 4*i), state, sum)
	ADDQ(v.stride, v.row)
}
