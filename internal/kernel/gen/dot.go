package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dots builds the products of decoding with float32 rows: y[n] = w[n, k]·x. The rows are read sequentially, which is fastest
// for memory.
func dots() {
	dotRows(avx512)
	dotRows(avx2)
}

// dotSums is the number of sums per row, which hide each other's latency. With this many, prefetching would only cost time.
const dotSums = 8

// dotRow is the state of a row's product: pointers that advance, and what is left of k.
type dotRow struct {
	width
	w, x, left reg.GPVirtual
	acc        []reg.VecVirtual
}

// dotRows multiplies n rows that are ldw bytes apart.
func dotRows(w width) {
	text("dotRows"+w.name, "func(n, k int, w *byte, ldw int, x, y *float32)")
	n, k, first, ldw, x, y := arg("n"), arg("k"), arg("w"), arg("ldw"), arg("x"), arg("y")
	Label("row")
	d := &dotRow{width: w, w: GP64(), x: GP64(), left: GP64()}
	MOVQ(first, d.w)
	MOVQ(x, d.x)
	MOVQ(k, d.left)
	d.acc = w.zeros(dotSums)
	d.blocks()
	d.vectors()
	if w.bytes == 64 {
		d.maskedTail()
	} else {
		d.scalarTail()
	}
	Label("sum")
	VMOVSS(d.sum(), at(y, 0))
	ADDQ(Imm(4), y)
	ADDQ(ldw, first)
	countDown(n, "row")
	leave()
}

// step adds the products of n vectors.
func (d *dotRow) step(n int) {
	for i := range n {
		v := d.reg()
		VMOVUPS(at(d.x, i*d.bytes), v)
		VFMADD231PS(at(d.w, i*d.bytes), v, d.acc[i])
	}
}

// blocks adds one vector to every sum per iteration.
func (d *dotRow) blocks() {
	block := dotSums * d.bytes / 4
	Label("block")
	CMPQ(d.left, U32(uint32(block)))
	JLT(LabelRef("vector"))
	d.step(dotSums)
	skipFloats(block, d.left, d.w, d.x)
	JMP(LabelRef("block"))
}

// vectors adds the remaining whole vectors.
func (d *dotRow) vectors() {
	Label("vector")
	CMPQ(d.left, U32(uint32(d.bytes/4)))
	JLT(LabelRef("tail"))
	d.step(1)
	skipFloats(d.bytes/4, d.left, d.w, d.x)
	JMP(LabelRef("vector"))
}

// maskedTail adds the last floats, fewer than 16.
func (d *dotRow) maskedTail() {
	Label("tail")
	TESTQ(d.left, d.left)
	JE(LabelRef("sum"))
	mask := d.tail(d.left)
	x := d.load(at(d.x, 0), mask)
	VFMADD231PS(x, d.load(at(d.w, 0), mask), d.acc[0])
}

// scalarTail adds the last floats, fewer than 8, one by one in lane 0; the other lanes of both factors are zero.
func (d *dotRow) scalarTail() {
	Label("tail")
	TESTQ(d.left, d.left)
	JE(LabelRef("sum"))
	x, w := XMM(), XMM()
	VMOVSS(at(d.x, 0), x)
	VMOVSS(at(d.w, 0), w)
	VFMADD231PS(x.AsY(), w.AsY(), d.acc[0])
	skipFloats(1, d.left, d.w, d.x)
	JMP(LabelRef("tail"))
}

// sum returns the sum of all lanes.
func (d *dotRow) sum() reg.VecVirtual {
	a := d.acc
	for n := dotSums / 2; n > 0; n /= 2 {
		for i := range n {
			VADDPS(a[i+n], a[i], a[i])
		}
	}
	if d.bytes == 64 {
		high := YMM()
		VEXTRACTF64X4(Imm(1), a[0], high)
		VADDPS(high, a[0].AsY(), a[0].AsY())
	}
	high, sum := XMM(), XMM()
	VEXTRACTF128(Imm(1), a[0].AsY(), high)
	VADDPS(high, a[0].AsX(), sum)
	VHADDPS(sum, sum, sum)
	VHADDPS(sum, sum, sum)
	return sum
}
