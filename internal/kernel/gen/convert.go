package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// conversions builds what turns packed weights into panels, and activations into what a product multiplies. All of
// them handle n elements, a positive multiple of 32.
func conversions() {
	widenInt8()
	widenNibbles()
	widenBF16()
	unpackNibbles()
	narrowBF16()
	absMax()
	quantise()
}

// loop repeats body, which handles 32 elements, n/32 times; the pointers advance by so many bytes each time.
func loop(body func(), advance func()) {
	n := arg("n")
	Label("loop")
	body()
	advance()
	SUBQ(Imm(32), n)
	JNE(LabelRef("loop"))
}

// widenInt8 writes scale·src.
func widenInt8() {
	text("widenInt8AVX512", "func(n int, dst *float32, src *byte, scale float32)")
	dst, src, scale, v := arg("dst"), arg("src"), ZMM(), ZMM()
	VBROADCASTSS(NewParamAddr("scale", 24), scale)
	loop(func() {
		for i := range 2 {
			VPMOVSXBD(at(src, 16*i), v)
			VCVTDQ2PS(v, v)
			VMULPS(scale, v, v)
			VMOVUPS(v, at(dst, 64*i))
		}
	}, func() { ADDQ(Imm(128), dst); ADDQ(Imm(32), src) })
	VZEROUPPER()
	RET()
}

// widenNibbles writes scale·table[nibble], the low nibble of a byte first.
func widenNibbles() {
	text("widenNibblesAVX512", "func(n int, dst *float32, src *byte, table *float32, scale float32)")
	dst, src, levels := arg("dst"), arg("src"), arg("table")
	table, scale, low, high, a, b, first, second := ZMM(), ZMM(), ZMM(), ZMM(), ZMM(), ZMM(), ZMM(), ZMM()
	VBROADCASTSS(NewParamAddr("scale", 32), scale)
	VMULPS(at(levels, 0), scale, table)
	VMOVDQU32(ConstData("interleaveLow", indices(0)), first)
	VMOVDQU32(ConstData("interleaveHigh", indices(8)), second)
	loop(func() {
		VPMOVZXBD(at(src, 0), low)
		VPSRLD(Imm(4), low, high)
		VPERMPS(table, low, low)
		VPERMPS(table, high, high)
		VMOVDQA64(low, a)
		VPERMT2PS(high, first, a)
		VMOVDQA64(low, b)
		VPERMT2PS(high, second, b)
		VMOVUPS(a, at(dst, 0))
		VMOVUPS(b, at(dst, 64))
	}, func() { ADDQ(Imm(128), dst); ADDQ(Imm(16), src) })
	VZEROUPPER()
	RET()
}

// widenBF16 writes src as float32.
func widenBF16() {
	text("widenBF16AVX512", "func(n int, dst *float32, src *uint16)")
	dst, src, v := arg("dst"), arg("src"), ZMM()
	loop(func() {
		for i := range 2 {
			VPMOVZXWD(at(src, 32*i), v)
			VPSLLD(Imm(16), v, v)
			VMOVUPS(v, at(dst, 64*i))
		}
	}, func() { ADDQ(Imm(128), dst); ADDQ(Imm(64), src) })
	VZEROUPPER()
	RET()
}

// unpackNibbles writes a byte for every nibble, the low one first.
func unpackNibbles() {
	text("unpackNibblesAVX2", "func(n int, dst, src *byte)")
	dst, src, low, high, mask := arg("dst"), arg("src"), YMM(), YMM(), YMM()
	VPBROADCASTD(ConstData("nibbleMask", U32(0x0f0f0f0f)), mask)
	loop(func() {
		VPMOVZXBW(at(src, 0), low)
		VPSLLW(Imm(4), low, high)
		VPOR(low, high, low)
		VPAND(mask, low, low)
		VMOVDQU(low, at(dst, 0))
	}, func() { ADDQ(Imm(32), dst); ADDQ(Imm(16), src) })
	VZEROUPPER()
	RET()
}

// narrowBF16 rounds to bf16, half to even; a NaN stays one.
func narrowBF16() {
	text("narrowBF16AVX512", "func(n int, dst *uint16, src *float32)")
	dst, src := arg("dst"), arg("src")
	v, odd, one, half, quiet, nan := ZMM(), ZMM(), ZMM(), ZMM(), ZMM(), K()
	VPBROADCASTD(ConstData("one", U32(1)), one)
	VPBROADCASTD(ConstData("bf16Half", U32(0x7fff)), half)
	VPBROADCASTD(ConstData("quietBit", U32(0x00400000)), quiet)
	loop(func() {
		for i := range 2 {
			VMOVUPS(at(src, 64*i), v)
			VCMPPS(Imm(3), v, v, nan) // unordered
			VPSRLD(Imm(16), v, odd)
			VPANDD(one, odd, odd)
			VPADDD(half, odd, odd)
			VPADDD(odd, v, odd)
			VPORD(quiet, v, nan, odd)
			VPSRLD(Imm(16), odd, odd)
			VPMOVDW(odd, at(dst, 32*i))
		}
	}, func() { ADDQ(Imm(64), dst); ADDQ(Imm(128), src) })
	VZEROUPPER()
	RET()
}

// absMax returns the largest magnitude, NaN if there is one: as integers, the bits of NaN are above all others.
func absMax() {
	text("absMaxAVX512", "func(n int, src *float32) float32")
	src, top, v, mask := arg("src"), ZMM(), ZMM(), ZMM()
	VPXORD(top, top, top)
	VPBROADCASTD(ConstData("signless", U32(0x7fffffff)), mask)
	loop(func() {
		for i := range 2 {
			VPANDD(at(src, 64*i), mask, v)
			VPMAXUD(v, top, top)
		}
	}, func() { ADDQ(Imm(128), src) })
	h, x, y := YMM(), XMM(), XMM()
	VEXTRACTF64X4(Imm(1), top, h)
	VPMAXUD(h, top.AsY(), h)
	VEXTRACTF128(Imm(1), h, x)
	VPMAXUD(x, h.AsX(), x)
	VPERMILPS(Imm(0x4e), x, y)
	VPMAXUD(y, x, x)
	VPERMILPS(Imm(0xb1), x, y)
	VPMAXUD(y, x, x)
	Store(x, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// quantise writes round(src/scale), half to even. |src| is at most 127·scale.
func quantise() {
	text("quantiseAVX512", "func(n int, dst *int8, src *float32, scale float32)")
	dst, src, scale, v := arg("dst"), arg("src"), ZMM(), ZMM()
	VBROADCASTSS(NewParamAddr("scale", 24), scale)
	loop(func() {
		for i := range 2 {
			VMOVUPS(at(src, 64*i), v)
			VDIVPS(scale, v, v)
			VCVTPS2DQ(v, v)
			VPMOVSDB(v, at(dst, 16*i))
		}
	}, func() { ADDQ(Imm(32), dst); ADDQ(Imm(128), src) })
	VZEROUPPER()
	RET()
}

// indices is the table that interleaves lanes from first on of two registers.
func indices(first int) String {
	var s []byte
	for i := range 8 {
		s = append(s, byte(first+i), 0, 0, 0, byte(16+first+i), 0, 0, 0)
	}
	return String(s)
}
