package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// conversions builds what turns activations into what a product multiplies. Unless they say otherwise, they handle n
// elements, a positive multiple of 32.
func conversions() {
	narrowBF16()
	bf16AVX2("narrowBF16AVX2", "func(n int, dst *uint16, src *float32)", true)
	bf16AVX2("roundBF16AVX2", "func(n int, dst, src *float32)", false)
	absMax()
	quantise()
	sumBytes()
	digits()
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

// narrowBF16 rounds to bf16, half to even; a NaN stays one.
func narrowBF16() {
	text("narrowBF16AVX512", "func(n int, dst *uint16, src *float32)")
	dst, src := arg("dst"), arg("src")
	v, odd, one, half, quiet, nan := ZMM(), ZMM(), ZMM(), ZMM(), ZMM(), K()
	VPBROADCASTD(constWord("one", 1), one)
	VPBROADCASTD(constWord("bf16Half", 0x7fff), half)
	VPBROADCASTD(constWord("quietBit", 0x00400000), quiet)
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

// bf16AVX2 is narrowBF16 with AVX2, or leaves what it rounds in float32.
func bf16AVX2(name, signature string, narrow bool) {
	text(name, signature)
	dst, src := arg("dst"), arg("src")
	one, half, quiet, high := YMM(), YMM(), YMM(), YMM()
	VPBROADCASTD(constWord("one", 1), one)
	VPBROADCASTD(constWord("bf16Half", 0x7fff), half)
	VPBROADCASTD(constWord("quietBit", 0x00400000), quiet)
	VPBROADCASTD(constWord("bf16High", 0xffff0000), high)
	v, odd, nan, rounded := YMM(), YMM(), YMM(), []reg.VecVirtual{YMM(), YMM()}
	round := func(i int, to reg.VecVirtual) {
		VMOVUPS(at(src, 32*i), v)
		VCMPPS(Imm(3), v, v, nan) // unordered
		VPSRLD(Imm(16), v, odd)
		VPAND(one, odd, odd)
		VPADDD(half, odd, odd)
		VPADDD(odd, v, odd)
		VPOR(quiet, v, v)
		VBLENDVPS(nan, v, odd, to)
	}
	loop(func() {
		for i := 0; i < 4; i += 2 {
			for j, r := range rounded {
				round(i+j, r)
				if narrow {
					VPSRLD(Imm(16), r, r)
				} else {
					VPAND(high, r, r)
					VMOVUPS(r, at(dst, 32*(i+j)))
				}
			}
			if narrow {
				VPACKUSDW(rounded[1], rounded[0], v)
				VPERMQ(Imm(0xd8), v, v)
				VMOVUPS(v, at(dst, 16*i))
			}
		}
	}, func() {
		size := map[bool]uint64{true: 64, false: 128}
		ADDQ(Imm(size[narrow]), dst)
		ADDQ(Imm(128), src)
	})
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

// sumBytes returns the sum of n signed bytes, a positive multiple of 64.
func sumBytes() {
	text("sumBytesVNNI", "func(n int, src *int8) int32")
	n, src, sum, ones := arg("n"), arg("src"), ZMM(), ZMM()
	VPXORD(sum, sum, sum)
	VPBROADCASTD(ConstData("oneBytes", U32(0x01010101)), ones)
	Label("loop")
	VPDPBUSD(at(src, 0), ones, sum)
	ADDQ(Imm(64), src)
	SUBQ(Imm(64), n)
	JNE(LabelRef("loop"))
	high, x, y := YMM(), XMM(), XMM()
	VEXTRACTI64X4(Imm(1), sum, high)
	VPADDD(high, sum.AsY(), high)
	VEXTRACTI128(Imm(1), high, x)
	VPADDD(x, high.AsX(), x)
	VPSHUFD(Imm(0x4e), x, y)
	VPADDD(y, x, x)
	VPSHUFD(Imm(0xb1), x, y)
	VPADDD(y, x, x)
	bits := GP32()
	VMOVD(x, bits)
	Store(bits, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// digits writes round(src·inverse), half to even, in fixedDigits digits from -128 to 127, the largest first, which lie
// ldd bytes apart.
func digits() {
	text("digitsAVX512", "func(n int, dst *int8, ldd int, src *float32, inverse float32)")
	dst, ldd, src, inverse, half := arg("dst"), arg("ldd"), arg("src"), ZMM(), ZMM()
	VBROADCASTSS(NewParamAddr("inverse", 32), inverse)
	VPBROADCASTD(constWord("halfDigit", 128), half)
	loop(func() {
		for i := range 2 {
			v := ZMM()
			VMULPS(at(src, 64*i), inverse, v)
			VCVTPS2DQ(v, v)
			for d := fixedDigits - 1; d >= 0; d-- {
				to := at(dst, 16*i)
				if d > 0 {
					to = indexed(dst, ldd, uint8(d), 16*i)
				}
				VPMOVDB(v, to)
				if d > 0 {
					VPADDD(half, v, v)
					VPSRAD(Imm(8), v, v)
				}
			}
		}
	}, func() { ADDQ(Imm(32), dst); ADDQ(Imm(128), src) })
	VZEROUPPER()
	RET()
}
