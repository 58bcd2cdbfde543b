package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scan builds the recurrences of state-space models and what goes with them.
func scan() {
	scanToken()
	ssdStep()
	addMul()
}

// leastDecay is the kernel package's constant of that name.
const leastDecay = -87

// scanToken advances n channels of a selective scan over one token. The states of a channel, at most 16, are one vector:
//
//	h ← exp(delta·a)·h + (delta·u)·b,    y = Σ c·h + d·u
func scanToken() {
	text("scanTokenAVX512", "func(n, states int, h, a, b, c, delta, u, d, y *float32)")
	n, states := arg("n"), arg("states")
	h, a, delta, u, d, y := arg("h"), arg("a"), arg("delta"), arg("u"), arg("d"), arg("y")
	bits, mask := GP64(), K()
	MOVQ(I32(-1), bits)
	BZHIQ(states, bits, bits)
	KMOVW(bits.As32(), mask)
	b, c := loadVector(arg("b"), mask), loadVector(arg("c"), mask)
	exps, least := newConsts(expConsts), ZMM()
	VBROADCASTSS(constData(constName(leastDecay), leastDecay), least)
	SHLQ(Imm(2), states)

	Label("loop")
	TESTQ(n, n)
	JE(LabelRef("done"))
	step, in, decay, state := ZMM(), ZMM(), ZMM(), ZMM()
	VBROADCASTSS(at(delta, 0), step)
	VMULPS_BCST(at(u, 0), step, in)
	VMULPS(loadVector(a, mask), step, decay)
	VMAXPS(decay, least, decay) // NaN stays
	decay = exps.exp(decay)
	VMULPS(b, in, in)
	VMOVUPS_Z(at(h, 0), mask, state)
	VFMADD213PS(in, decay, state)
	storeVector(state, h, mask)
	out := XMM()
	VMULPS(c, state, state)
	lane := sumLanes(state)
	VMOVSS(at(u, 0), out)
	VFMADD132SS(at(d, 0), lane, out) // out·d + lane
	VMOVSS(out, at(y, 0))
	for _, p := range []reg.GPVirtual{delta, u, d, y} {
		ADDQ(Imm(4), p)
	}
	ADDQ(states, h)
	ADDQ(states, a)
	DECQ(n)
	JMP(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}

// sumLanes adds up the 16 lanes of v, halves onto halves, into the first lane of the result.
func sumLanes(v reg.VecVirtual) reg.VecVirtual {
	high, upper, pair := YMM(), XMM(), XMM()
	VEXTRACTF64X4(Imm(1), v, high)
	VADDPS(v.AsY(), high, high)
	VEXTRACTF32X4(Imm(1), high, upper)
	VADDPS(high.AsX(), upper, upper)
	VMOVHLPS(upper, upper, pair)
	VADDPS(upper, pair, pair)
	VMOVSHDUP(pair, upper)
	VADDSS(upper, pair, pair)
	return pair
}

// ssdStep advances the n states of one channel whose decay is one number: h ← decay·h + input·b. It returns Σ c·h.
func ssdStep() {
	text("ssdStepAVX512", "func(n int, h, b, c *float32, decay, input float32) float32")
	n, h, b, c := arg("n"), arg("h"), arg("b"), arg("c")
	decay, input, sum := ZMM(), ZMM(), ZMM()
	VBROADCASTSS(NewParamAddr("decay", 32), decay)
	VBROADCASTSS(NewParamAddr("input", 36), input)
	zero(avx512, sum)
	eachVector(n, func(mask Op) {
		state, in := loadVector(h, mask), loadVector(b, mask)
		VMULPS(input, in, in)
		VFMADD213PS(in, decay, state)
		storeVector(state, h, mask)
		VFMADD231PS(loadVector(c, mask), state, sum)
	}, h, b, c)
	storeSum(sum)
}

// addMul is y += w·x by elements.
func addMul() {
	text("addMulAVX512", "func(n int, y, w, x *float32)")
	n, y, w, x := arg("n"), arg("y"), arg("w"), arg("x")
	eachVector(n, func(mask Op) {
		sum, v := loadVector(y, mask), loadVector(x, mask)
		VFMADD231PS(loadVector(w, mask), v, sum)
		storeVector(sum, y, mask)
	}, y, w, x)
	VZEROUPPER()
	RET()
}
