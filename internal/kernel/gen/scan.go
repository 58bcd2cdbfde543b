package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// scan builds the recurrences of state-space models and their convolution. A vector holds channels, whose states are stored
// in rows of channels. The last vector of a row may be masked.
func scan() {
	for _, w := range []width{avx512, avx2} {
		w.scanTokens()
		w.ssdTokens()
		w.convolve()
		w.scanStates()
		w.scanBack()
	}
}

// scanTokens advances a vector of channels of a selective scan:
//
//	h[s] ← exp(Δ·a[s])·h[s] + Δ·b[s]·u,    y = Σ c[s]·h[s] + d·u
//
// stride is the distance in bytes of the states of a channel, inStride that of its inputs and outputs.
func (w width) scanTokens() {
	text("scanTokens"+w.name, "func(tokens, states, channels, stride, inStride int, h, a, b, c, delta, u, d, y *float32, bStride, cStride int)")
	states, stride, tokens := arg("states"), arg("stride"), arg("tokens")
	h, a, b, c := arg("h"), arg("a"), arg("b"), arg("c")
	delta, u, y := arg("delta"), arg("u"), arg("y")
	exp := w.decays()
	token, row, s := GP64(), GP64(), GP64()
	XORQ(token, token)
	w.eachLanes(func(mask Op, suffix string) {
		Label("token" + suffix)
		step, in := w.load(indexed(delta, token, 1, 0), mask), w.load(indexed(u, token, 1, 0), mask)
		skip := GP64()
		Load(Param("d"), skip)
		out := w.load(at(skip, 0), mask)
		VMULPS(in, out, out)
		VMULPS(step, in, in)
		exponent := exp.exponent(step)
		XORQ(row, row)
		XORQ(s, s)
		Label("state" + suffix)
		x := w.load(indexed(a, row, 1, 0), mask)
		VMULPS(exponent, x, x)
		decay := exp.of(x)
		next := w.times(indexed(b, s, 4, 0), in)
		VFMADD231PS(w.load(indexed(h, row, 1, 0), mask), decay, next)
		w.store(next, indexed(h, row, 1, 0), mask)
		w.addTimes(indexed(c, s, 4, 0), next, out)
		ADDQ(stride, row)
		INCQ(s)
		CMPQ(s, states)
		JLT(LabelRef("state" + suffix))
		w.store(out, indexed(y, token, 1, 0), mask)
		ADDQ(NewParamAddr("inStride", 32), token)
		ADDQ(NewParamAddr("bStride", 104), b)
		ADDQ(NewParamAddr("cStride", 112), c)
		countDown(tokens, "token"+suffix)
		leave()
	})
}
