package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// conversions builds the conversions of activations to the types that products multiply. Unless stated otherwise, n is a
// positive multiple of 32.
func conversions() {
	narrowBF16()
	bf16AVX2("narrowBF16AVX2", "func(n int, dst *uint16, src *float32)", true)
	bf16AVX2("roundBF16AVX2", "func(n int, dst, src *float32)", false)
	absMax()
	quantise()
	sumBytes()
	quantiseGroups()
	digits()
}

// loop emits the rest of a function: body for both halves of 32 elements at a time, after which the pointers advance.
func loop(body func(half int), pointers ...advancing) {
	n := arg("n")
	Label("loop")
	body(0)
	body(1)
	for _, p := range pointers {
		ADDQ(Imm(p.bytes), p.reg)
	}
	SUBQ(Imm(32), n)
	JNE(LabelRef("loop"))
}

// advancing is a pointer and the bytes of 32 of its elements.
type advancing struct {
	reg   reg.GPVirtual
	bytes uint64
}

// narrowBF16 rounds to bf16, half to even. NaN stays NaN.
func narrowBF16() {
	text("narrowBF16AVX512", "func(n int, dst *uint16, src *float32)")
	dst, src := arg("dst"), arg("src")
	v, odd, one, half, quiet, nan := ZMM(), ZMM(), ZMM(), ZMM(), ZMM(), K()
	VPBROADCASTD(constWord("one", 1), one)
	VPBROADCASTD(constWord("bf16Half", 0x7fff), half)
	VPBROADCASTD(constWord("quietBit", 0x00400000), quiet)
	loop(func(i int) {
		VMOVUPS(at(src, 64*i), v)
		VCMPPS(Imm(3), v, v, nan) // unordered
		VPSRLD(Imm(16), v, odd)
		VPANDD(one, odd, odd)
		VPADDD(half, odd, odd)
		VPADDD(odd, v, odd)
		VPORD(quiet, v, nan, odd)
		VPSRLD(Imm(16), odd, odd)
		VPMOVDW(odd, at(dst, 32*i))
	}, advancing{dst, 64}, advancing{src, 128})
	leave()
}

// bf16AVX2 is narrowBF16 with AVX2; unless narrow is set, the rounded values stay float32.
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
	loop(func(i int) {
		for j, r := range rounded {
			round(2*i+j, r)
			if narrow {
				VPSRLD(Imm(16), r, r)
			} else {
				VPAND(high, r, r)
				VMOVUPS(r, at(dst, 32*(2*i+j)))
			}
		}
		if narrow {
			VPACKUSDW(rounded[1], rounded[0], v)
			VPERMQ(Imm(0xd8), v, v)
			VMOVUPS(v, at(dst, 32*i))
		}
	}, advancing{dst, map[bool]uint64{true: 64, false: 128}[narrow]}, advancing{src, 128})
	leave()
}

// absMax returns the largest magnitude, or NaN if there is one: as an integer, the bits of NaN exceed all others.
func absMax() {
	text("absMaxAVX512", "func(n int, src *float32) float32")
	src, top, v, mask := arg("src"), ZMM(), ZMM(), ZMM()
	VPXORD(top, top, top)
	VPBROADCASTD(constWord("signless", 0x7fffffff), mask)
	loop(func(i int) {
		VPANDD(at(src, 64*i), mask, v)
		VPMAXUD(v, top, top)
	}, advancing{src, 128})
	x := largestLane(top)
	Store(x, ReturnIndex(0))
	leave()
}

// largestLane returns the largest of 16 unsigned dwords.
func largestLane(v reg.VecVirtual) reg.VecVirtual {
	h, x, y := YMM(), XMM(), XMM()
	VEXTRACTF64X4(Imm(1), v, h)
	VPMAXUD(h, v.AsY(), h)
	VEXTRACTF128(Imm(1), h, x)
	VPMAXUD(x, h.AsX(), x)
	VPERMILPS(Imm(0x4e), x, y)
	VPMAXUD(y, x, x)
	VPERMILPS(Imm(0xb1), x, y)
	VPMAXUD(y, x, x)
	return x
}

// lanesSum returns the sum of 16 dwords.
func lanesSum(v reg.VecVirtual) reg.VecVirtual {
	high, x, y := YMM(), XMM(), XMM()
	VEXTRACTI64X4(Imm(1), v, high)
	VPADDD(high, v.AsY(), high)
	VEXTRACTI128(Imm(1), high, x)
	VPADDD(x, high.AsX(), x)
	VPSHUFD(Imm(0x4e), x, y)
	VPADDD(y, x, x)
	VPSHUFD(Imm(0xb1), x, y)
	VPADDD(y, x, x)
	return x
}

// quantise writes round(src/scale), half to even. |src| is at most 127·scale.
func quantise() {
	text("quantiseAVX512", "func(n int, dst *int8, src *float32, scale float32)")
	dst, src, scale, v := arg("dst"), arg("src"), ZMM(), ZMM()
	VBROADCASTSS(NewParamAddr("scale", 24), scale)
	loop(func(i int) {
		VMOVUPS(at(src, 64*i), v)
		VDIVPS(scale, v, v)
		VCVTPS2DQ(v, v)
		VPMOVSDB(v, at(dst, 16*i))
	}, advancing{dst, 32}, advancing{src, 128})
	leave()
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
	x := lanesSum(sum)
	bits := GP32()
	VMOVD(x, bits)
	Store(bits, ReturnIndex(0))
	leave()
}

// quantiseGroups quantises groups of n elements each, a multiple of 32. It writes their scales to sx, and offset times the
// sums of the quantised elements to fix. It stops at a group whose scale is zero, denormal or not finite, and returns the
// number of groups done.
func quantiseGroups() {
	text("quantiseGroupsAVX512", "func(groups, n int, dst *int8, src *float32, sx *float32, fix *int32, offset int) int")
	groups, n, dst, src, sx, fix := arg("groups"), arg("n"), arg("dst"), arg("src"), arg("sx"), arg("fix")
	const least, infinity = 0x00800000, 0x7f800000 // the bits of the usual scales' limits
	left, at0, signless, most := GP64(), GP64(), ZMM(), XMM()
	MOVQ(groups, left)
	VPBROADCASTD(constWord("signless", 0x7fffffff), signless)
	VMOVSS(constWord("int8Top", math.Float32bits(127)), most)

	Label("group")
	top := ZMM()
	VPXORD(top, top, top)
	eachHalf(n, at0, "largest", func(i int) {
		v := ZMM()
		VPANDD(indexed(src, at0, 4, 64*i), signless, v)
		VPMAXUD(v, top, top)
	})
	x, bits, scale := largestLane(top), GP32(), ZMM()
	VDIVSS(most, x, x)
	VMOVD(x, bits)
	SUBL(U32(least), bits)
	CMPL(bits, U32(infinity-least))
	JCC(LabelRef("done"))
	VMOVSS(x, at(sx, 0))
	VBROADCASTSS(x, scale)
	sum := ZMM()
	VPXORD(sum, sum, sum)
	eachHalf(n, at0, "quantise", func(i int) {
		v := ZMM()
		VMOVUPS(indexed(src, at0, 4, 64*i), v)
		VDIVPS(scale, v, v)
		VCVTPS2DQ(v, v)
		VPADDD(v, sum, sum)
		VPMOVSDB(v, indexed(dst, at0, 1, 16*i))
	})
	total, offset := GP32(), arg("offset")
	VMOVD(lanesSum(sum), total)
	IMULL(offset.As32(), total)
	MOVL(total, at(fix, 0))
	ADDQ(n, dst)
	LEAQ(indexed(src, n, 4, 0), src)
	ADDQ(Imm(4), sx)
	ADDQ(Imm(4), fix)
	countDown(left, "group")

	Label("done")
	SUBQ(left, groups)
	Store(groups, ReturnIndex(0))
	leave()
}

// eachHalf emits body for both halves of each 32 of n elements; at counts them.
func eachHalf(n, at reg.GPVirtual, label string, body func(i int)) {
	XORQ(at, at)
	Label(label)
	body(0)
	body(1)
	ADDQ(Imm(32), at)
	CMPQ(at, n)
	JNE(LabelRef(label))
}

// digits writes round(src·inverse), half to even, as fixedDigits digits from -128 to 127, the most significant first, ldd
// bytes apart.
func digits() {
	text("digitsAVX512", "func(n int, dst *int8, ldd int, src *float32, inverse float32)")
	dst, ldd, src, inverse, half := arg("dst"), arg("ldd"), arg("src"), ZMM(), ZMM()
	VBROADCASTSS(NewParamAddr("inverse", 32), inverse)
	VPBROADCASTD(constWord("halfDigit", 128), half)
	loop(func(i int) {
		v := ZMM()
		VMULPS(at(src, 64*i), inverse, v)
		VCVTPS2DQ(v, v)
		for d := fixedDigits - 1; d > 0; d-- {
			VPMOVDB(v, indexed(dst, ldd, uint8(d), 16*i))
			VPADDD(half, v, v)
			VPSRAD(Imm(8), v, v)
		}
		VPMOVDB(v, at(dst, 16*i))
	}, advancing{dst, 32}, advancing{src, 128})
	leave()
}
