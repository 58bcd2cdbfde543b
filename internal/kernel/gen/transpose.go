package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transpose writes dst[j·ldd + i] = src[i·lds + j] ^ flip for as many rows and columns of dwords as a vector has lanes; the
// distances are in bytes.
func transpose(w width) {
	text("transpose"+itoa(w.lanes()), "func(dst *uint32, ldd int, src *byte, lds int, flip uint32)")
	dst, ldd, src, lds, flip, bits := arg("dst"), arg("ldd"), arg("src"), arg("lds"), w.reg(), GP32()
	turn := turn16
	Load(Param("flip"), bits)
	if w.bytes == 64 {
		VPBROADCASTD(bits, flip)
	} else {
		turn = turn8
		VMOVD(bits, flip.AsX())
		VPBROADCASTD(flip.AsX(), flip)
	}
	rows := w.regs(w.lanes())
	for _, r := range rows {
		if w.bytes == 64 {
			VPXORD(at(src, 0), flip, r)
			PREFETCHT0(at(src, 256))
		} else {
			VPXOR(at(src, 0), flip, r)
		}
		ADDQ(lds, src)
	}
	for _, column := range turn(rows) {
		VMOVUPS(column, at(dst, 0))
		ADDQ(ldd, dst)
	}
	leave()
}

// turn16 transposes 16 × 16 dwords in registers. The allocator gives a virtual register one physical register for life, so
// each step writes new ones.
func turn16(r []reg.VecVirtual) []reg.VecVirtual {
	t, fours := avx512.regs(16), avx512.regs(16)
	turnFours(r, t, fours)
	r, t = fours, avx512.regs(16)
	for j := range 4 {
		VSHUFF32X4(Imm(0x88), r[4+j], r[j], t[j]) // lanes 0 and 2 of rows 0 to 7
		VSHUFF32X4(Imm(0xdd), r[4+j], r[j], t[4+j])
		VSHUFF32X4(Imm(0x88), r[12+j], r[8+j], t[8+j]) // of rows 8 to 15
		VSHUFF32X4(Imm(0xdd), r[12+j], r[8+j], t[12+j])
	}
	r = avx512.regs(16)
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
	t := avx2.regs(8)
	turnFours(r, t, r)
	for j := range 4 {
		VPERM2F128(Imm(0x20), r[4+j], r[j], t[j])
		VPERM2F128(Imm(0x31), r[4+j], r[j], t[4+j])
	}
	return t
}

// turnFours transposes 4 × 4 dwords in each 128 bits of every four registers by way of t: to[4g+j] has column 4·lane+j of
// rows 4g to 4g+3.
func turnFours(from, t, to []reg.VecVirtual) {
	for i := 0; i < len(t); i += 2 {
		VUNPCKLPS(from[i+1], from[i], t[i])
		VUNPCKHPS(from[i+1], from[i], t[i+1])
	}
	for i := 0; i < len(t); i += 4 {
		VUNPCKLPD(t[i+2], t[i], to[i])
		VUNPCKHPD(t[i+2], t[i], to[i+1])
		VUNPCKLPD(t[i+3], t[i+1], to[i+2])
		VUNPCKHPD(t[i+3], t[i+1], to[i+3])
	}
}
