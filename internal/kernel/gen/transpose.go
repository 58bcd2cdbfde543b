package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transpose16 writes dst[j·ldd + i] = src[i·lds + j] ^ flip for 16 × 16 dwords; the distances are in bytes.
func transpose16() {
	text("transpose16", "func(dst *uint32, ldd int, src *byte, lds int, flip uint32)")
	dst, ldd, src, lds := arg("dst"), arg("ldd"), arg("src"), arg("lds")
	var r [16]reg.VecVirtual
	flip := ZMM()
	bits := GP32()
	Load(Param("flip"), bits)
	VPBROADCASTD(bits, flip)
	for i := range r {
		r[i] = ZMM()
		VPXORD(at(src, 0), flip, r[i])
		PREFETCHT0(at(src, 256))
		ADDQ(lds, src)
	}
	for _, column := range turn16(r[:]) {
		VMOVUPS(column, at(dst, 0))
		ADDQ(ldd, dst)
	}
	VZEROUPPER()
	RET()
}

// transpose8 is transpose16 for 8 × 8 dwords with AVX2.
func transpose8() {
	text("transpose8", "func(dst *uint32, ldd int, src *byte, lds int, flip uint32)")
	dst, ldd, src, lds := arg("dst"), arg("ldd"), arg("src"), arg("lds")
	var r [8]reg.VecVirtual
	flip := YMM()
	bits := GP32()
	Load(Param("flip"), bits)
	VMOVD(bits, flip.AsX())
	VPBROADCASTD(flip.AsX(), flip)
	for i := range r {
		r[i] = YMM()
		VPXOR(at(src, 0), flip, r[i])
		ADDQ(lds, src)
	}
	for _, column := range turn8(r[:]) {
		VMOVUPS(column, at(dst, 0))
		ADDQ(ldd, dst)
	}
	VZEROUPPER()
	RET()
}

// turn16 transposes 16 × 16 dwords in registers.
func turn16(r []reg.VecVirtual) []reg.VecVirtual {
	t := fresh16()
	for i := 0; i < 16; i += 2 {
		VUNPCKLPS(r[i+1], r[i], t[i])
		VUNPCKHPS(r[i+1], r[i], t[i+1])
	}
	r = fresh16()
	for i := 0; i < 16; i += 4 { // r[4g+j]: column 4·lane+j of rows 4g to 4g+3
		VUNPCKLPD(t[i+2], t[i], r[i])
		VUNPCKHPD(t[i+2], t[i], r[i+1])
		VUNPCKLPD(t[i+3], t[i+1], r[i+2])
		VUNPCKHPD(t[i+3], t[i+1], r[i+3])
	}
	t = fresh16()
	for j := range 4 {
		VSHUFF32X4(Imm(0x88), r[4+j], r[j], t[j]) // lanes 0 and 2 of rows 0 to 7
		VSHUFF32X4(Imm(0xdd), r[4+j], r[j], t[4+j])
		VSHUFF32X4(Imm(0x88), r[12+j], r[8+j], t[8+j]) // of rows 8 to 15
		VSHUFF32X4(Imm(0xdd), r[12+j], r[8+j], t[12+j])
	}
	r = fresh16()
	for j := range 4 {
		VSHUFF32X4(Imm(0x88), t[8+j], t[j], r[j])
		VSHUFF32X4(Imm(0x88), t[12+j], t[4+j], r[4+j])
		VSHUFF32X4(Imm(0xdd), t[8+j], t[j], r[8+j])
		VSHUFF32X4(Imm(0xdd), t[12+j], t[4+j], r[12+j])
	}
	return r
}

// turn8 transposes 8 × 8 dwords in registers.
func turn8(r []reg.VecVirtual) []reg.VecVirtual {
	t := make([]reg.VecVirtual, 8)
	for i := range t {
		t[i] = YMM()
	}
	for i := 0; i < 8; i += 2 {
		VUNPCKLPS(r[i+1], r[i], t[i])
		VUNPCKHPS(r[i+1], r[i], t[i+1])
	}
	for i := 0; i < 8; i += 4 {
		VUNPCKLPD(t[i+2], t[i], r[i])
		VUNPCKHPD(t[i+2], t[i], r[i+1])
		VUNPCKLPD(t[i+3], t[i+1], r[i+2])
		VUNPCKHPD(t[i+3], t[i+1], r[i+3])
	}
	for j := range 4 {
		VPERM2F128(Imm(0x20), r[4+j], r[j], t[j])
		VPERM2F128(Imm(0x31), r[4+j], r[j], t[4+j])
	}
	return t
}

// turn4 transposes 4 × 4 dwords in each half of the registers.
func turn4(r []reg.VecVirtual) []reg.VecVirtual {
	t := []reg.VecVirtual{YMM(), YMM(), YMM(), YMM()}
	for i := 0; i < 4; i += 2 {
		VUNPCKLPS(r[i+1], r[i], t[i])
		VUNPCKHPS(r[i+1], r[i], t[i+1])
	}
	VUNPCKLPD(t[2], t[0], r[0])
	VUNPCKHPD(t[2], t[0], r[1])
	VUNPCKLPD(t[3], t[1], r[2])
	VUNPCKHPD(t[3], t[1], r[3])
	return r
}

// fresh16 returns new registers. The allocator keeps a register's colour for life, so each step of turn16 writes new
// ones.
func fresh16() []reg.VecVirtual {
	t := make([]reg.VecVirtual, 16)
	for i := range t {
		t[i] = ZMM()
	}
	return t
}
