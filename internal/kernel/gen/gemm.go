package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gemm builds the micro-kernels of matrix products and the transposition that packs their panels. The unit is the
// dword: one float32, a pair of bf16 or four int8 along the inner dimension, so one transposition packs all three.
func gemm() {
	for rows := 1; rows <= 14; rows++ {
		fma(avx512, rows)
	}
	for rows := 1; rows <= 6; rows++ {
		fma(avx2, rows)
	}
	for rows := 1; rows <= 14; rows++ {
		bf16Pairs(rows)
		int8Quads(fmt.Sprintf("int8AVX512_%d", rows), rows, 1)
	}
	for rows := 1; rows <= 14/fixedDigits; rows++ {
		int8Quads(fmt.Sprintf("fixedAVX512_%d", rows), rows, fixedDigits)
	}
	transpose(avx512)
	transpose(avx2)
}

// tile is a micro-kernel: rows × 2 vectors of accumulators, and pointers to panels a, b and the result c.
type tile struct {
	width
	rows       int
	k, a, b, c reg.Register
	ldc        reg.Register
	acc        [][2]Op
	ahead      bool // prefetch the outputs of the next panel
}

// fma is c[rows, 2w] (+)= a[k, w]ᵀ·b[k, 2w] in float32, of which the first rows columns of a count: one chain of fused
// multiply-adds per output, in the order of k, whatever the number of rows.
func fma(w width, rows int) {
	t := begin(fmt.Sprintf("fma%s_%d", w.name, rows), "func(k int, a, b, c *float32, ldc int, first bool)", w, rows)
	for range rows {
		t.acc = append(t.acc, [2]Op{w.reg(), w.reg()})
	}
	t.ahead = true
	t.load()
	Label("loop")
	b0, b1, x := w.reg(), w.reg(), w.reg()
	VMOVUPS(at(t.b, 0), b0)
	VMOVUPS(at(t.b, w.bytes), b1)
	t.prefetch()
	for i, acc := range t.acc {
		VBROADCASTSS(at(t.a, 4*i), x)
		VFMADD231PS(x, b0, acc[0])
		VFMADD231PS(x, b1, acc[1])
	}
	t.next()
	t.store()
}

// begin declares a function and loads its arguments.
func begin(name, signature string, w width, rows int) *tile {
	text(name, signature)
	t := &tile{width: w, rows: rows, k: arg("k"), a: arg("a"), b: arg("b"), c: arg("c"), ldc: arg("ldc")}
	SHLQ(Imm(2), t.ldc)
	return t
}

// load starts the accumulators from zero, or from c unless this is the first block of k.
func (t *tile) load() {
	first := GP8()
	Load(Param("first"), first)
	for _, acc := range t.acc {
		t.width.zero(acc[0])
		t.width.zero(acc[1])
	}
	TESTB(first, first)
	JNE(LabelRef("loop"))
	row := GP64()
	MOVQ(t.c, row)
	for _, acc := range t.acc {
		VMOVUPS(at(row, 0), acc[0])
		VMOVUPS(at(row, t.bytes), acc[1])
		if t.ahead {
			PREFETCHT0(at(row, 2*t.bytes))
			PREFETCHT0(at(row, 3*t.bytes))
		}
		ADDQ(t.ldc, row)
	}
}

// prefetch fetches the panels some steps ahead. Those of a come from the last cache or from memory each time, those of b
// from the second-level cache.
func (t *tile) prefetch() {
	PREFETCHT0(at(t.a, 128*t.bytes))
	PREFETCHT0(at(t.b, 16*t.bytes))
	PREFETCHT0(at(t.b, 17*t.bytes))
}

// next advances the panels by one dword of k and closes the loop.
func (t *tile) next() {
	ADDQ(Imm(uint64(2*t.bytes)), t.b)
	ADDQ(Imm(uint64(t.bytes)), t.a) // panels of a are a vector wide, whatever the rows
	countDown(t.k, "loop")
}

// store writes the accumulators to c.
func (t *tile) store() {
	for _, acc := range t.acc {
		VMOVUPS(acc[0], at(t.c, 0))
		VMOVUPS(acc[1], at(t.c, t.bytes))
		ADDQ(t.ldc, t.c)
	}
	leave()
}

// bf16Pairs is the same product on pairs of bf16 with VDPBF16PS. Neither avo nor the Go assembler supports it, so it is
// emitted as bytes, on fixed registers: Z0..Z27 accumulate, Z28 and Z29 hold b, Z30 a.
func bf16Pairs(rows int) {
	t := begin(fmt.Sprintf("bf16AVX512_%d", rows), "func(k int, a, b *uint32, c *float32, ldc int, first bool)", avx512, rows)
	for i := range rows {
		t.acc = append(t.acc, [2]Op{physicalZ[2*i], physicalZ[2*i+1]})
	}
	t.load()
	Label("loop")
	VMOVUPS(at(t.b, 0), physicalZ[28])
	VMOVUPS(at(t.b, 64), physicalZ[29])
	t.prefetch()
	for i := range rows {
		VBROADCASTSS(at(t.a, 4*i), physicalZ[30])
		vdpbf16ps(30, 28, 2*i)
		vdpbf16ps(30, 29, 2*i+1)
	}
	t.next()
	t.store()
}

// int8Quads is c[rows, 32] += Σ_g sx[g, row]·sw[g, 32]·(Σ_{k in g} a[k, row]·b[k, 32]) over groups groups of k quads:
// b holds weights plus 128 as unsigned bytes, a signed activations, and fix[g, row] = -128·Σ a undoes the offset.
// With offset 8 it serves int4 as well. sx and fix are 16 wide, like a. A row may take several columns of a and fix, one per
// digit.
func int8Quads(name string, rows, digits int) {
	w := avx512
	text(name, "func(groups, k int, a, b *uint32, c *float32, ldc int, fix *int32, sx, sw *float32)")
	t := &tile{width: w, rows: rows, a: arg("a"), b: arg("b"), c: arg("c"), ldc: arg("ldc")}
	groups, k, fix, sx, sw := arg("groups"), arg("k"), arg("fix"), arg("sx"), arg("sw")
	SHLQ(Imm(2), t.ldc)
	acc, base := make([][]Op, rows*digits), w.digitBase(digits)
	Label("group")
	for i := range acc {
		for range 2 {
			sum := w.reg()
			w.zero(sum)
			acc[i] = append(acc[i], sum)
		}
	}
	t.k = GP64()
	MOVQ(k, t.k)
	Label("loop")
	b0, b1, x := w.reg(), w.reg(), w.reg()
	VMOVDQU32(at(t.b, 0), b0)
	VMOVDQU32(at(t.b, 64), b1)
	t.prefetch()
	for i := range acc {
		VPBROADCASTD(at(t.a, 4*i), x)
		VPDPBUSD(x, b0, acc[i][0])
		VPDPBUSD(x, b1, acc[i][1])
	}
	t.next()
	t.addScaled(acc, fix, sx, sw, base)
	ADDQ(Imm(64), fix)
	ADDQ(Imm(64), sx)
	ADDQ(Imm(128), sw)
	countDown(groups, "group")
	leave()
}

// addScaled adds the sums of a group, times the scales of their row and column, to c. The offset is added last: starting the
// sums from it takes longer.
func (t *tile) addScaled(acc [][]Op, fix, sx, sw reg.GPVirtual, base reg.VecVirtual) {
	for i, sums := range acc {
		for _, sum := range sums {
			VPADDD_BCST(at(fix, 4*i), sum, sum)
		}
	}
	w0, w1, s := t.width.reg(), t.width.reg(), t.width.reg()
	VMOVUPS(at(sw, 0), w0)
	VMOVUPS(at(sw, 64), w1)
	row := GP64()
	MOVQ(t.c, row)
	sum := t.width.reg()
	for i := range t.rows {
		VBROADCASTSS(at(sx, 4*i), s)
		digits := len(acc) / t.rows
		for v, weight := range []reg.VecVirtual{w0, w1} {
			number := t.number(acc[i*digits:][:digits], v, base)
			VMULPS(s, weight, sum)
			VFMADD213PS(at(row, 64*v), number, sum)
			VMOVUPS(sum, at(row, 64*v))
		}
		ADDQ(t.ldc, row)
	}
}
