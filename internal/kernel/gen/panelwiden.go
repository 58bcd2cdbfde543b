package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// For the tiles of many rows, panels that are multiplied as float32 are widened to [k, 2 vectors].

// widenPanelBytes widens k steps of int8 weights times the scales s of their outputs.
func widenPanelBytes(w width) {
	text("widenPanelBytes"+w.name, "func(k int, dst *float32, src *byte, s, table *float32)")
	k, dst, src, scales := arg("k"), arg("dst"), arg("src"), w.loads(arg("s"), 2)
	Label("loop")
	for v, scale := range scales {
		x := w.reg()
		VPMOVSXBD(at(src, v*w.bytes/4), x)
		VCVTDQ2PS(x, x)
		VMULPS(scale, x, x)
		VMOVUPS(x, at(dst, v*w.bytes))
	}
	nextPanelStep(k, dst, src, 2*w.bytes, w.bytes/2)
}

// nextPanelStep closes the loop over the steps of a panel.
func nextPanelStep(k, dst, src reg.GPVirtual, written, read int) {
	ADDQ(U32(uint32(written)), dst)
	ADDQ(U32(uint32(read)), src)
	countDown(k, "loop")
	leave()
}

// widenPanelNibbles widens k steps of two 4-bit weights, whose values are in a table, times the scales.
func widenPanelNibbles(w width) {
	text("widenPanelNibbles"+w.name, "func(k int, dst *float32, src *byte, s, table *float32)")
	k, dst, src, s := arg("k"), arg("dst"), arg("src"), arg("s")
	look, scales := lookUp(w), w.loads(s, 2)
	Label("loop")
	for v, scale := range scales {
		codes := w.reg()
		VPMOVZXBD(at(src, v*w.bytes/4), codes)
		for half := range 2 {
			x := w.reg()
			if half == 1 {
				VPSRLD(Imm(4), codes, codes)
			}
			look(codes, x)
			VMULPS(scale, x, x)
			VMOVUPS(x, at(dst, half*2*w.bytes+v*w.bytes))
		}
	}
	nextPanelStep(k, dst, src, 4*w.bytes, w.bytes/2)
}

// widenPanelPairs widens k steps of two bf16 weights.
func widenPanelPairs(w width) {
	text("widenPanelPairs"+w.name, "func(k int, dst *float32, src *byte, s, table *float32)")
	k, dst, src := arg("k"), arg("dst"), arg("src")
	Label("loop")
	for v := range 2 {
		x, even := w.reg(), w.reg()
		VMOVUPS(at(src, v*w.bytes), x)
		VPSLLD(Imm(16), x, even)
		VMOVUPS(even, at(dst, v*w.bytes))
		VPSRLD(Imm(16), x, x)
		VPSLLD(Imm(16), x, x)
		VMOVUPS(x, at(dst, 2*w.bytes+v*w.bytes))
	}
	nextPanelStep(k, dst, src, 4*w.bytes, 2*w.bytes)
}

// unpackNibbleQuads writes k steps of eight 4-bit weights as two steps of four bytes each.
func unpackNibbleQuads() {
	text("unpackNibbleQuadsAVX512", "func(k int, dst *uint32, src *byte)")
	k, dst, src, mask := arg("k"), arg("dst"), arg("src"), bytesOf(0x0f)
	Label("loop")
	for v := range 2 {
		x, low := ZMM(), ZMM()
		VMOVDQU32(at(src, 64*v), x)
		VPANDD(mask, x, low)
		VMOVDQU32(low, at(dst, 64*v))
		VPSRLD(Imm(4), x, x)
		VPANDD(mask, x, x)
		VMOVDQU32(x, at(dst, 128+64*v))
	}
	nextPanelStep(k, dst, src, 256, 128)
}
