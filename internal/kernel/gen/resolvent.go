package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// resolvent builds the recursions of causal resolvents. They run in float64 on float32 inputs, of which a vector holds
// twice as many: what belongs to one vector of float32 are two of float64.
func resolvent() {
	for _, w := range []width{avx512, avx2} {
		w.resolventChains()
		w.resolventRow()
		w.resolventCayley()
		w.resolventBack()
	}
}

// A row of float64 of the kernel package's tile holds resolventLanes chains; a token has rows of Re g, Im g, the factor
// of its last row, and the hop. The state of the chains is rows of Re g, Im g and η.
const (
	chainRow   = 8 * 16
	chainToken = 4 * chainRow
)

// widen returns half i of a vector of float32 as float64.
func (w width) widen(v reg.VecVirtual, i int) reg.VecVirtual {
	wide := w.reg()
	switch {
	case i == 0 && w.bytes == 64:
		VCVTPS2PD(v.AsY(), wide)
	case i == 0:
		VCVTPS2PD(v.AsX(), wide)
	case w.bytes == 64:
		half := YMM()
		VEXTRACTF64X4(Imm(1), v, half)
		VCVTPS2PD(half, wide)
	default:
		half := XMM()
		VEXTRACTF128(Imm(1), v, half)
		VCVTPS2PD(half, wide)
	}
	return wide
}

// narrow returns two vectors of float64, or one, as one of float32.
func (w width) narrow(halves []reg.VecVirtual) reg.VecVirtual {
	if w.bytes == 64 {
		low, high := ZMM(), YMM()
		VCVTPD2PS(halves[0], low.AsY())
		if len(halves) > 1 {
			VCVTPD2PS(halves[1], high)
			VINSERTF64X4(Imm(1), high, low, low)
		}
		return low
	}
	low, high := YMM(), XMM()
	VCVTPD2PSY(halves[0], low.AsX())
	if len(halves) > 1 {
		VCVTPD2PSY(halves[1], high)
		VINSERTF128(Imm(1), high, low, low)
	}
	return low
}

// one returns 1 as float64.
func (w width) one() reg.VecVirtual { return w.widen(w.consts().copy(1), 0) }

// double loads a vector of float64.
func (w width) double(m Mem) reg.VecVirtual {
	v := w.reg()
	VMOVUPD(m, v)
	return v
}

// everyDouble returns a float64 of memory in every lane.
func (w width) everyDouble(m Mem) reg.VecVirtual {
	v := w.reg()
	VBROADCASTSD(m, v)
	return v
}

// eachChains emits body for a whole vector of float32 and its two halves, for less than that, and for no more than a half.
func (w width) eachChains(body func(mask Op, halves int, suffix string)) {
	channels := arg("channels")
	CMPQ(channels, Imm(uint64(w.lanes())))
	JLT(LabelRef("less"))
	body(nil, 2, "")
	Label("less")
	half := GP64()
	MOVQ(channels, half)
	mask := w.tail(channels)
	CMPQ(half, Imm(uint64(w.lanes()/2)))
	JLE(LabelRef("half"))
	body(mask, 2, "Less")
	Label("half")
	body(mask, 1, "Half")
}

// resolventChains advances chains over tokens: with k = hop²
//
//	1/g ← a - iη - k g
//
// and the factor √(η/Im g) if born is not 0, else 1.
func (w width) resolventChains() {
	text("resolventChains"+w.name, "func(tokens, channels, aStride, hopStride, born int, a, hop *float32, state, out *float64)")
	tokens, aStride, hopStride, born := arg("tokens"), arg("aStride"), arg("hopStride"), arg("born")
	a, hop, state, out := arg("a"), arg("hop"), arg("state"), arg("out")
	one := w.one()
	w.eachChains(func(mask Op, halves int, suffix string) {
		var re, im [2]reg.VecVirtual
		for i := range halves {
			re[i], im[i] = w.double(at(state, i*w.bytes)), w.double(at(state, chainRow+i*w.bytes))
		}
		Label("token" + suffix)
		sites, hops := w.load(at(a, 0), mask), w.load(at(hop, 0), mask)
		for i := range halves {
			c, dr, di := w.widen(hops, i), w.widen(sites, i), w.double(at(state, 2*chainRow+i*w.bytes))
			k, m := w.reg(), w.reg()
			VMOVUPD(c, at(out, 3*chainRow+i*w.bytes))
			VMULPD(c, c, k)
			VFNMADD231PD(re[i], k, dr)
			VFMADD231PD(im[i], k, di)
			VMULPD(dr, dr, m)
			VFMADD231PD(di, di, m)
			VDIVPD(m, one, m)
			VMULPD(m, dr, re[i])
			VMULPD(m, di, im[i])
			VMOVUPD(re[i], at(out, i*w.bytes))
			VMOVUPD(im[i], at(out, chainRow+i*w.bytes))
		}
		w.bornFactors(state, out, born, one, im[:halves], suffix)
		ADDQ(aStride, a)
		ADDQ(hopStride, hop)
		ADDQ(U32(chainToken), out)
		DECQ(tokens)
		JNE(LabelRef("token" + suffix))
		for i := range halves {
			VMOVUPD(re[i], at(state, i*w.bytes))
			VMOVUPD(im[i], at(state, chainRow+i*w.bytes))
		}
		leave()
	})
}

// bornFactors writes the factors of a token.
func (w width) bornFactors(state, out, born reg.GPVirtual, one reg.VecVirtual, im []reg.VecVirtual, suffix string) {
	TESTQ(born, born)
	JE(LabelRef("plain" + suffix))
	for i, v := range im {
		factor := w.double(at(state, 2*chainRow+i*w.bytes))
		VDIVPD(v, factor, factor)
		VSQRTPD(factor, factor)
		VMOVUPD(factor, at(out, 2*chainRow+i*w.bytes))
	}
	JMP(LabelRef("next" + suffix))
	Label("plain" + suffix)
	for i := range im {
		VMOVUPD(one, at(out, 2*chainRow+i*w.bytes))
	}
	Label("next" + suffix)
}

// resolventRow advances values of the row of one chain over tokens, y ← g (u - c y), and writes y times the chain's factor
// as float32. yRe and yIm have room for a whole vector.
func (w width) resolventRow() {
	text("resolventRow"+w.name, "func(tokens, channels, uStride, outStride int, chain *float64, u *float32, yRe, yIm *float64, re, im *float32)")
	tokens, uStride, outStride := arg("tokens"), arg("uStride"), arg("outStride")
	chain, u, yRe, yIm, re, im := arg("chain"), arg("u"), arg("yRe"), arg("yIm"), arg("re"), arg("im")
	w.eachLanes(func(mask Op, suffix string) {
		var yr, yi [2]reg.VecVirtual
		for i := range yr {
			yr[i], yi[i] = w.double(at(yRe, i*w.bytes)), w.double(at(yIm, i*w.bytes))
		}
		Label("token" + suffix)
		gr, gi := w.everyDouble(at(chain, 0)), w.everyDouble(at(chain, chainRow))
		factor, c := w.everyDouble(at(chain, 2*chainRow)), w.everyDouble(at(chain, 3*chainRow))
		values := w.load(at(u, 0), mask)
		zr, zi := make([]reg.VecVirtual, 2), make([]reg.VecVirtual, 2)
		for i := range yr {
			q, s := w.widen(values, i), w.reg() // q - is = u - c y
			VFNMADD231PD(yr[i], c, q)
			VMULPD(yi[i], c, s)
			VMULPD(s, gi, yr[i])
			VFMADD231PD(q, gr, yr[i])
			VMULPD(q, gi, yi[i])
			VFNMADD231PD(s, gr, yi[i])
			zr[i], zi[i] = w.reg(), w.reg()
			VMULPD(factor, yr[i], zr[i])
			VMULPD(factor, yi[i], zi[i])
		}
		w.store(w.narrow(zr), at(re, 0), mask)
		w.store(w.narrow(zi), at(im, 0), mask)
		ADDQ(U32(chainToken), chain)
		ADDQ(uStride, u)
		ADDQ(outStride, re)
		ADDQ(outStride, im)
		DECQ(tokens)
		JNE(LabelRef("token" + suffix))
		for i := range yr {
			VMOVUPD(yr[i], at(yRe, i*w.bytes))
			VMOVUPD(yi[i], at(yIm, i*w.bytes))
		}
		leave()
	})
}

// resolventCayley writes (g - i)/(g + i) of chains over tokens as float32.
func (w width) resolventCayley() {
	text("resolventCayley"+w.name, "func(tokens, channels, outStride int, chain *float64, re, im *float32)")
	tokens, outStride, chain, re, im := arg("tokens"), arg("outStride"), arg("chain"), arg("re"), arg("im")
	one, minusTwo := w.one(), w.widen(w.consts().copy(-2), 0)
	w.eachChains(func(mask Op, halves int, suffix string) {
		Label("token" + suffix)
		qr, qi := make([]reg.VecVirtual, halves), make([]reg.VecVirtual, halves)
		for i := range halves {
			gr, gi, d := w.double(at(chain, i*w.bytes)), w.double(at(chain, chainRow+i*w.bytes)), w.reg()
			qr[i], qi[i] = w.reg(), w.reg()
			VMULPD(gr, gr, qr[i])
			VADDPD(one, gi, d)
			VMULPD(d, d, d)
			VADDPD(qr[i], d, d)
			VFMADD231PD(gi, gi, qr[i])
			VSUBPD(one, qr[i], qr[i])
			VDIVPD(d, one, d)
			VMULPD(d, qr[i], qr[i])
			VMULPD(minusTwo, gr, qi[i])
			VMULPD(d, qi[i], qi[i])
		}
		w.store(w.narrow(qr), at(re, 0), mask)
		w.store(w.narrow(qi), at(im, 0), mask)
		ADDQ(U32(chainToken), chain)
		ADDQ(outStride, re)
		ADDQ(outStride, im)
		DECQ(tokens)
		JNE(LabelRef("token" + suffix))
		leave()
	})
}

// resolventBack takes n values of a row, which fill whole vectors, back over a token: with q = u - hop·y and
// b = conj(g)·d
//
//	du += Re b        before -= hop·b        to += Σ conj(q)·d        toHop += Σ Re(conj(b)·y)
func (w width) resolventBack() {
	text("resolventBack"+w.name,
		"func(n int, gRe, gIm, hop float64, u, du, yRe, yIm, dRe, dIm, beforeRe, beforeIm *float64) (toRe, toIm, toHop float64)")
	n, u, du, yRe, yIm := arg("n"), arg("u"), arg("du"), arg("yRe"), arg("yIm")
	dRe, dIm, beforeRe, beforeIm := arg("dRe"), arg("dIm"), arg("beforeRe"), arg("beforeIm")
	var every [3]reg.VecVirtual
	for i, name := range []string{"gRe", "gIm", "hop"} {
		every[i] = w.reg()
		VBROADCASTSD(NewParamAddr(name, 8+8*i), every[i])
	}
	gr, gi, hop := every[0], every[1], every[2]
	toRe, toIm, toHop := w.reg(), w.reg(), w.reg()
	for _, sum := range []reg.VecVirtual{toRe, toIm, toHop} {
		zero(w, sum)
	}
	Label("values")
	q, s, dr, di := w.double(at(u, 0)), w.reg(), w.double(at(dRe, 0)), w.double(at(dIm, 0))
	yr, yi, br, bi := w.double(at(yRe, 0)), w.double(at(yIm, 0)), w.reg(), w.reg()
	VFNMADD231PD(yr, hop, q) // q - is = u - hop·y
	VMULPD(yi, hop, s)
	VFMADD231PD(q, dr, toRe)
	VFNMADD231PD(s, di, toRe)
	VFMADD231PD(q, di, toIm)
	VFMADD231PD(s, dr, toIm)
	VMULPD(gr, dr, br)
	VFMADD231PD(gi, di, br)
	VMULPD(gr, di, bi)
	VFNMADD231PD(gi, dr, bi)
	VFMADD231PD(br, yr, toHop)
	VFMADD231PD(bi, yi, toHop)
	sum := w.reg()
	VADDPD(at(du, 0), br, sum)
	VMOVUPD(sum, at(du, 0))
	for i, p := range []reg.GPVirtual{beforeRe, beforeIm} {
		passed := w.double(at(p, 0))
		VFNMADD231PD([]reg.VecVirtual{br, bi}[i], hop, passed)
		VMOVUPD(passed, at(p, 0))
	}
	for _, p := range []reg.GPVirtual{u, du, yRe, yIm, dRe, dIm, beforeRe, beforeIm} {
		ADDQ(Imm(uint64(w.bytes)), p)
	}
	SUBQ(Imm(uint64(w.bytes/8)), n)
	JNE(LabelRef("values"))
	for i, sum := range []reg.VecVirtual{toRe, toIm, toHop} {
		Store(w.foldDoubles(sum), ReturnIndex(i))
	}
	leave()
}

// foldDoubles adds up the float64 of a vector, halves onto halves.
func (w width) foldDoubles(v reg.VecVirtual) reg.VecVirtual {
	half := v
	if w.bytes == 64 {
		half = YMM()
		VEXTRACTF64X4(Imm(1), v, half)
		VADDPD(v.AsY(), half, half)
	}
	x, t := XMM(), XMM()
	VEXTRACTF128(Imm(1), half, x)
	VADDPD(half.AsX(), x, x)
	VPERMILPD(Imm(1), x, t)
	VADDPD(t, x, x)
	return x
}
