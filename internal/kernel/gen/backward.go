package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// backward builds the packing of panels for the products of the backward pass.
func backward() {
	for _, w := range []width{avx2, avx512} {
		strip(w, 1)
		strip(w, 2)
	}
}

// stripAhead is the binary logarithm of the prefetch distance in rows. Rows are too far apart for the hardware prefetcher.
const stripAhead = 3

// strip copies k rows of the given number of vectors, lds elements apart, to contiguous memory: a panel of a matrix whose
// inner dimension runs down its rows.
func strip(w width, vectors int) {
	text(fmt.Sprintf("strip%s_%d", w.name, vectors), "func(k int, dst, src *float32, lds int)")
	k, dst, src, lds, ahead := arg("k"), arg("dst"), arg("src"), arg("lds"), GP64()
	SHLQ(Imm(2), lds)
	MOVQ(lds, ahead)
	SHLQ(Imm(stripAhead), ahead)
	last := (vectors - 1) * w.bytes
	Label("loop")
	PREFETCHT0(Mem{Base: src, Index: ahead, Scale: 1})
	PREFETCHT0(Mem{Base: src, Index: ahead, Scale: 1, Disp: last + w.bytes - 1})
	for v := range vectors {
		r := w.reg()
		VMOVUPS(at(src, v*w.bytes), r)
		VMOVUPS(r, at(dst, v*w.bytes))
	}
	ADDQ(lds, src)
	ADDQ(Imm(uint64(vectors*w.bytes)), dst)
	countDown(k, "loop")
	leave()
}
