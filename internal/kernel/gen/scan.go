package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scan builds the recurrences of state-space models and what goes with them. A vector holds channels; their states lie in
// rows of channels. Those at the end of a row are masked.
func scan() {
	for _, w := range []width{avx512, avx2} {
		w.scanTokens()
		w.ssdTokens()
		w.convolve()
		w.scanStates()
		w.scanBack()
	}
}

// eachLanes emits body for whole vectors, and once more for the first lanes of one where there are fewer channels. Labels
// in it need the suffix.
func (w width) eachLanes(body func(mask Op, suffix string)) {
	channels := arg("channels")
	CMPQ(channels, Imm(uint64(w.lanes())))
	JLT(LabelRef("masked"))
	body(nil, "")
	Label("masked")
	body(w.tail(channels), "Masked")
}

// scalar returns a number of memory in every lane.
func (w width) scalar(m Mem) reg.VecVirtual {
	v := w.reg()
	VBROADCASTSS(m, v)
	return v
}

// times returns x times a number in memory.
func (w width) times(m Mem, x reg.VecVirtual) reg.VecVirtual {
	if w.bytes == 64 {
		v := w.reg()
		VMULPS_BCST(m, x, v)
		return v
	}
	v := w.scalar(m)
	VMULPS(v, x, v)
	return v
}

// addTimes adds x times a number in memory to sum.
func (w width) addTimes(m Mem, x, sum reg.VecVirtual) {
	if w.bytes == 64 {
		VFMADD231PS_BCST(m, x, sum)
		return
	}
	VFMADD231PS(w.scalar(m), x, sum)
}

// indexed addresses element i of base, in bytes of scale.
func indexed(base, i reg.Register, scale uint8, disp int) Mem {
	return Mem{Base: base, Index: i, Scale: scale, Disp: disp}
}

// exp2Poly is a polynomial for 2ʳ, |r| ≤ ½, with the least relative error of those that are 1 at 0: 1.1e-7. Highest power
// first.
var exp2Poly = []float64{0.0013264742447063327, 0.00967151764780283, 0.05550733581185341, 0.24022242426872253, 0.6931470036506653, 1}

// decays are the constants of decays, powers of two between 2⁻¹²⁶ and infinity that are within 2 ulp.
type decays struct {
	*consts
	least, top reg.VecVirtual // of the exponents; AVX-512 scales beyond the top by itself
}

// leastDecay is the kernel package's constant of that name.
const leastDecay = -87

func (w width) decays() *decays {
	d := &decays{consts: w.consts(exp2Poly)}
	d.least = d.copy(leastDecay * math.Log2E)
	if w.bytes != 64 {
		d.top = d.copy(128)
	}
	return d
}

// exponent returns delta·log₂e, of which times a the decay is a power of two.
func (d *decays) exponent(delta reg.VecVirtual) reg.VecVirtual {
	e := d.copy(math.Log2E)
	VMULPS(delta, e, e)
	return e
}

// of returns 2ˣ. NaN stays.
func (d *decays) of(x reg.VecVirtual) reg.VecVirtual {
	VMAXPS(x, d.least, x)
	n, r, y := d.width.reg(), d.width.reg(), d.copy(exp2Poly[0])
	if d.bytes == 64 {
		VREDUCEPS(Imm(0), x, r)
		VSUBPS(r, x, n)
	} else {
		VMINPS(x, d.top, x)
		VROUNDPS(Imm(0), x, n)
		VSUBPS(n, x, r)
	}
	for _, c := range exp2Poly[1:] {
		VFMADD213PS(d.get(c), r, y)
	}
	if d.bytes == 64 {
		VSCALEFPS(n, y, y)
		return y
	}
	VCVTPS2DQ(n, n)
	VPSLLD(Imm(23), n, n)
	VPADDD(n, y, y)
	return y
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
		DECQ(tokens)
		JNE(LabelRef("token" + suffix))
		leave()
	})
}

// ssdTokens advances a vector of channels of one head of an SSD, whose decay is one number a token:
//
//	h[s] ← decay·h[s] + Δ·b[s]·x,    y = Σ c[s]·h[s] + d·x
//
// steps holds the decay and Δ of each token, one after the other. Strides are in bytes: stride that of rows of h.
func (w width) ssdTokens() {
	text("ssdTokens"+w.name, "func(tokens, states, channels, stride int, h, b, c, steps, x, y *float32, bStride, cStride, xStride, yStride int, d float32)")
	states, stride, tokens := arg("states"), arg("stride"), arg("tokens")
	h, b, c, steps, x, y := arg("h"), arg("b"), arg("c"), arg("steps"), arg("x"), arg("y")
	row, s, many := GP64(), GP64(), GP64()
	MOVQ(states, many)
	ANDQ(I32(-4), many)
	skip := w.broadcast("d")
	w.eachLanes(func(mask Op, suffix string) {
		update := func(in, decay, sum reg.VecVirtual, i int) {
			state := w.load(at(row, 0), mask)
			VMULPS(decay, state, state)
			w.addTimes(indexed(b, s, 4, 4*i), in, state)
			w.store(state, at(row, 0), mask)
			w.addTimes(indexed(c, s, 4, 4*i), state, sum)
			ADDQ(stride, row)
		}
		Label("token" + suffix)
		decay, in := w.scalar(at(steps, 0)), w.load(at(x, 0), mask)
		var sums [4]reg.VecVirtual
		for i := range sums {
			sums[i] = w.reg()
			zero(w, sums[i])
		}
		VMULPS(skip, in, sums[0])
		in = w.times(at(steps, 4), in)
		MOVQ(h, row)
		XORQ(s, s)
		Label("four" + suffix)
		CMPQ(s, many)
		JGE(LabelRef("rest" + suffix))
		for i, sum := range sums {
			update(in, decay, sum, i)
		}
		ADDQ(Imm(4), s)
		JMP(LabelRef("four" + suffix))
		Label("rest" + suffix)
		CMPQ(s, states)
		JGE(LabelRef("summed" + suffix))
		update(in, decay, sums[0], 0)
		INCQ(s)
		JMP(LabelRef("rest" + suffix))
		Label("summed" + suffix)
		VADDPS(sums[1], sums[0], sums[0])
		VADDPS(sums[3], sums[2], sums[2])
		VADDPS(sums[2], sums[0], sums[0])
		w.store(sums[0], at(y, 0), mask)
		ADDQ(Imm(8), steps)
		for i, p := range []reg.GPVirtual{b, c, x, y} {
			ADDQ(NewParamAddr([]string{"bStride", "cStride", "xStride", "yStride"}[i], 80+8*i), p)
		}
		DECQ(tokens)
		JNE(LabelRef("token" + suffix))
		leave()
	})
}

// convolve is y[t,e] = bias[e] + Σ_q w[q,e]·x[t+q,e] for n channels; strides are in bytes. The usual four taps have their
// weights in registers.
func (w width) convolve() {
	text("convolve"+w.name, "func(n, tokens, taps int, y *float32, yStride int, bias, w *float32, wStride int, x *float32, xStride int)")
	n, y, bias, weight, x, stride := arg("n"), arg("y"), arg("bias"), arg("w"), arg("x"), arg("xStride")
	c := &convolution{width: w, x: GP64(), y: GP64(), left: GP64(), stride: stride, further: GP64()}
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, c.further)
	w.each(n, func(mask Op) {
		c.mask, c.suffix = mask, ""
		if mask != nil {
			c.suffix = "Masked"
		}
		c.bias = w.load(at(bias, 0), mask)
		MOVQ(x, c.x)
		MOVQ(y, c.y)
		Load(Param("tokens"), c.left)
		c.anyTaps(weight)
		c.fourTaps(weight)
		Label("convolved" + c.suffix)
	}, y, bias, weight, x)
	leave()
}

// convolution is a vector of channels on its way through the tokens.
type convolution struct {
	width
	x, y, left      reg.GPVirtual
	stride, further reg.GPVirtual // of x, once and three times
	bias            reg.VecVirtual
	mask            Op
	suffix          string
}

// anyTaps handles other numbers of taps than four.
func (c *convolution) anyTaps(weight reg.GPVirtual) {
	four, taps, wRow, xRow := GP64(), GP64(), GP64(), GP64()
	Load(Param("taps"), four)
	CMPQ(four, Imm(4))
	JE(LabelRef("four" + c.suffix))
	Label("token" + c.suffix)
	sum := c.width.reg()
	VMOVAPS(c.bias, sum)
	MOVQ(weight, wRow)
	MOVQ(c.x, xRow)
	Load(Param("taps"), taps)
	Label("tap" + c.suffix)
	VFMADD231PS(c.load(at(wRow, 0), c.mask), c.load(at(xRow, 0), c.mask), sum)
	ADDQ(NewParamAddr("wStride", 56), wRow)
	ADDQ(c.stride, xRow)
	DECQ(taps)
	JNE(LabelRef("tap" + c.suffix))
	c.next(sum, "token")
	JMP(LabelRef("convolved" + c.suffix))
}

// fourTaps handles four.
func (c *convolution) fourTaps(weight reg.GPVirtual) {
	Label("four" + c.suffix)
	var weights [4]reg.VecVirtual
	row := GP64()
	MOVQ(weight, row)
	for i := range weights {
		weights[i] = c.load(at(row, 0), c.mask)
		ADDQ(NewParamAddr("wStride", 56), row)
	}
	Label("tokenOfFour" + c.suffix)
	sum := c.width.reg()
	VMOVAPS(c.bias, sum)
	for i, m := range []Mem{at(c.x, 0), indexed(c.x, c.stride, 1, 0), indexed(c.x, c.stride, 2, 0), indexed(c.x, c.further, 1, 0)} {
		VFMADD231PS(c.load(m, c.mask), weights[i], sum)
	}
	c.next(sum, "tokenOfFour")
}

// next stores the sum of a token and goes on with the next.
func (c *convolution) next(sum reg.VecVirtual, label string) {
	c.store(sum, at(c.y, 0), c.mask)
	ADDQ(c.stride, c.x)
	ADDQ(NewParamAddr("yStride", 32), c.y)
	DECQ(c.left)
	JNE(LabelRef(label + c.suffix))
}

// blockStride is the distance in bytes of rows of the kernel package's blocks of scanBlock channels.
const blockStride = 64

// scanStates computes the states and decays of a vector of channels of a block for the backward of a scan: h[t+1] =
// exp(Δ·a)·h[t] + Δ·b·u. The inputs of a token are its u, its Δ and three more rows.
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
	for _, p := range []reg.GPVirtual{h, decay, row} {
		ADDQ(Imm(blockStride), p)
	}
	INCQ(s)
	CMPQ(s, states)
	JLT(LabelRef("state"))
	ADDQ(U32(5*blockStride), inputs)
	ADDQ(bStride, b)
	DECQ(tokens)
	JNE(LabelRef("token"))
	leave()
}

// scanBack takes a vector of channels of a block back over one token: with g the adjoint of the states after it,
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
	zero(w, dInput)
	zero(w, dDelta)
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
	for _, p := range []reg.GPVirtual{h, decay, g, a, da} {
		ADDQ(Imm(blockStride), p)
	}
	for _, p := range []reg.GPVirtual{b, c, db, dc} {
		ADDQ(Imm(4), p)
	}
	DECQ(states)
	JNE(LabelRef("state"))
	w.store(dInput, at(token, 3*blockStride), nil)
	w.store(dDelta, at(token, 4*blockStride), nil)
	leave()
}

// addLanes adds the sum of the lanes of v to a number in memory.
func (w width) addLanes(v reg.VecVirtual, m Mem) {
	sum := w.fold(v, VADDPS)
	VADDSS(m, sum, sum)
	VMOVSS(sum, m)
}
