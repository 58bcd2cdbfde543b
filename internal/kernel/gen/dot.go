package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dots builds the inner products of decoding: four rows of weights with one row of activations, y[0..3] = w·x. The
// rows lie ldw bytes apart; ldw = 0 computes one row four times. Weights stream from memory, so the next four rows
// are prefetched while these are used.
func dots() {
	for _, w := range []width{avx512, avx2} {
		dotFloats(w)
	}
}

// rows4 addresses four rows that lie a stride apart with three registers.
type rows4 struct{ first, fourth, stride reg.GPVirtual }

// fourRows points at the rows from the parameter base, stride bytes apart.
func fourRows(base reg.GPVirtual, stride reg.GPVirtual) rows4 {
	r := rows4{first: base, fourth: GP64(), stride: stride}
	LEAQ(Mem{Base: base, Index: stride, Scale: 2}, r.fourth)
	ADDQ(stride, r.fourth)
	return r
}

// at addresses byte disp of row i.
func (r rows4) at(i, disp int) Mem {
	switch i {
	case 0:
		return Mem{Base: r.first, Disp: disp}
	case 3:
		return Mem{Base: r.fourth, Disp: disp}
	}
	return Mem{Base: r.first, Index: r.stride, Scale: uint8(i), Disp: disp}
}

// advance moves all rows by n bytes.
func (r rows4) advance(n int) {
	ADDQ(Imm(uint64(n)), r.first)
	ADDQ(Imm(uint64(n)), r.fourth)
}

// dot4 is an inner product on its way.
type dot4 struct {
	width
	w     rows4
	ahead reg.GPVirtual // the row after the four
	x     reg.GPVirtual
	acc   [4]reg.VecVirtual
}

// open loads w, ldw and x, and clears the sums.
func open(w width) *dot4 {
	d := &dot4{width: w, w: fourRows(arg("w"), arg("ldw")), ahead: GP64(), x: arg("x")}
	LEAQ(Mem{Base: d.w.first, Index: d.w.stride, Scale: 4}, d.ahead)
	d.acc = d.sums()
	return d
}

// sums returns four cleared registers.
func (d *dot4) sums() (s [4]reg.VecVirtual) {
	for i := range s {
		s[i] = d.reg()
		zero(d.width, s[i])
	}
	return s
}

// advance moves the weights and the activations by n bytes.
func (d *dot4) advance(n int) {
	d.w.advance(n)
	ADDQ(Imm(uint64(n)), d.ahead)
	ADDQ(Imm(uint64(n)), d.x)
}

// prefetch asks for the lines that the next four rows will need here.
func (d *dot4) prefetch() {
	PREFETCHT0(Mem{Base: d.ahead})
	PREFETCHT0(Mem{Base: d.ahead, Index: d.w.stride, Scale: 1})
	PREFETCHT0(Mem{Base: d.ahead, Index: d.w.stride, Scale: 2})
	PREFETCHT0(Mem{Base: d.w.fourth, Index: d.w.stride, Scale: 4})
}

// finish sums the lanes of the four accumulators and stores them at y.
func (d *dot4) finish() {
	var sum [4]reg.VecVirtual
	for i, a := range d.acc {
		if d.bytes == 64 {
			high := YMM()
			VEXTRACTF64X4(Imm(1), a, high)
			VADDPS(high, a.AsY(), a.AsY())
		}
		high := XMM()
		VEXTRACTF128(Imm(1), a.AsY(), high)
		sum[i] = XMM()
		VADDPS(high, a.AsX(), sum[i])
	}
	VHADDPS(sum[1], sum[0], sum[0])
	VHADDPS(sum[3], sum[2], sum[2])
	VHADDPS(sum[2], sum[0], sum[0])
	VMOVUPS(sum[0], Mem{Base: arg("y")})
	VZEROUPPER()
	RET()
}

// dotFloats is the product in float32. The tail of k that fills no vector is computed with a mask (AVX-512) or one by
// one (AVX2).
func dotFloats(w width) {
	text("dotF32"+w.name, "func(k int, w *byte, ldw int, x, y *float32)")
	d, k, lanes := open(w), arg("k"), w.bytes/4
	second := d.sums()
	x := w.reg()
	step := func(lane int, acc [4]reg.VecVirtual) {
		VMOVUPS(at(d.x, 4*lane), x)
		for i := range acc {
			VFMADD231PS(d.w.at(i, 4*lane), x, acc[i])
		}
	}
	Label("pair")
	CMPQ(k, Imm(uint64(2*lanes)))
	JLT(LabelRef("single"))
	d.prefetch()
	step(0, d.acc)
	step(lanes, second)
	d.advance(2 * w.bytes)
	SUBQ(Imm(uint64(2*lanes)), k)
	JMP(LabelRef("pair"))
	Label("single")
	for i := range second {
		VADDPS(second[i], d.acc[i], d.acc[i])
	}
	CMPQ(k, Imm(uint64(lanes)))
	JLT(LabelRef("tail"))
	step(0, d.acc)
	d.advance(w.bytes)
	SUBQ(Imm(uint64(lanes)), k)
	Label("tail")
	TESTQ(k, k)
	JE(LabelRef("done"))
	if w.bytes == 64 {
		d.maskedTail(k, x)
	} else {
		d.scalarTail(k)
	}
	Label("done")
	d.finish()
}

// maskedTail handles the last k < 16 elements with an AVX-512 mask.
func (d *dot4) maskedTail(k reg.GPVirtual, x reg.VecVirtual) {
	bits, mask, v := GP64(), K(), ZMM()
	MOVQ(I32(-1), bits)
	BZHIQ(k, bits, bits)
	KMOVW(bits.As32(), mask)
	VMOVUPS_Z(at(d.x, 0), mask, x)
	for i := range d.acc {
		VMOVUPS_Z(d.w.at(i, 0), mask, v)
		VFMADD231PS(x, v, d.acc[i])
	}
}

// scalarTail handles the last k < 8 elements one by one, in lane 0: the other lanes of both factors are zero.
func (d *dot4) scalarTail(k reg.GPVirtual) {
	x, v := XMM(), XMM()
	Label("one")
	VMOVSS(at(d.x, 0), x)
	for i := range d.acc {
		VMOVSS(d.w.at(i, 0), v)
		VFMADD231PS(x.AsY(), v.AsY(), d.acc[i])
	}
	d.advance(4)
	DECQ(k)
	JNE(LabelRef("one"))
}
