package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// resolvent builds the recursions of causal resolvents. They run in float64 on float32 inputs, so one vector of inputs takes
// two vectors, its halves, of float64.
func resolvent() {
	for _, w := range []width{avx512, avx2} {
		w.resolventChains()
		w.resolventRow()
		w.resolventCayley()
		w.resolventBack()
	}
}

// A row of float64 of package kernel's tile holds resolventLanes chains. A token has rows of Re g, Im g, the factor of its
// last row, and the hop. The state of the chains is rows of Re g, Im g and η.
const (
	chainRow   = 8 * 16
	chainToken = 4 * chainRow
)

// eachChains emits body three times: for a whole vector of channels, for a partial one, and for at most half a vector.
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
		countDown(tokens, "token"+suffix)
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
		countDown(tokens, "token"+suffix)
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
		countDown(tokens, "token"+suffix)
		leave()
	})
}
