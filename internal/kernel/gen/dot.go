package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dots builds the inner products of decoding: four rows of weights with one row of activations, y[0..3] = w·x. The
// rows lie ldw bytes apart; ldw = 0 computes one row four times. Weights stream from memory, so the next four rows
// are prefetched while these are used.
func dots() {
	for _, w := range []width{avx512, avx2} {
		dotFloat("F32", w, 4, func(m Mem, r reg.VecVirtual) { VMOVUPS(m, r) })
		dotFloat("BF16", w, 2, func(m Mem, r reg.VecVirtual) { VPMOVZXWD(m, r); VPSLLD(Imm(16), r, r) })
		dotInt8(w)
	}
	dotNibbles()
	dotInt8A8()
	dotInt4A8()
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

// advance moves the weights by n bytes and the activations by m.
func (d *dot4) advance(n, m int) {
	d.w.advance(n)
	ADDQ(Imm(uint64(n)), d.ahead)
	ADDQ(Imm(uint64(m)), d.x)
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

// dotFloat is the product with float weights of size bytes each, which widen loads. The tail of k that fills no
// vector is computed with a mask (AVX-512) or one by one (AVX2).
func dotFloat(name string, w width, size int, widen func(Mem, reg.VecVirtual)) {
	text(fmt.Sprintf("dot%s%s", name, w.name), "func(k int, w *byte, ldw int, x, y *float32)")
	d, k, lanes := open(w), arg("k"), w.bytes/4
	second := d.sums()
	x, v := w.reg(), w.reg()
	step := func(lane int, acc [4]reg.VecVirtual) {
		VMOVUPS(at(d.x, 4*lane), x)
		for i := range acc {
			if size == 4 {
				VFMADD231PS(d.w.at(i, 4*lane), x, acc[i])
				continue
			}
			widen(d.w.at(i, size*lane), v)
			VFMADD231PS(x, v, acc[i])
		}
	}
	Label("pair")
	CMPQ(k, Imm(uint64(2*lanes)))
	JLT(LabelRef("single"))
	d.prefetch()
	step(0, d.acc)
	step(lanes, second)
	d.advance(2*lanes*size, 2*w.bytes)
	SUBQ(Imm(uint64(2*lanes)), k)
	JMP(LabelRef("pair"))
	Label("single")
	for i := range second {
		VADDPS(second[i], d.acc[i], d.acc[i])
	}
	CMPQ(k, Imm(uint64(lanes)))
	JLT(LabelRef("tail"))
	step(0, d.acc)
	d.advance(lanes*size, w.bytes)
	SUBQ(Imm(uint64(lanes)), k)
	Label("tail")
	TESTQ(k, k)
	JE(LabelRef("done"))
	if w.bytes == 64 {
		d.maskedTail(k, size, x, v)
	} else {
		d.scalarTail(k, size)
	}
	Label("done")
	d.finish()
}

// maskedTail handles the last k < 16 elements with an AVX-512 mask.
func (d *dot4) maskedTail(k reg.GPVirtual, size int, x, v reg.VecVirtual) {
	bits, mask := GP64(), K()
	MOVQ(I32(-1), bits)
	BZHIQ(k, bits, bits)
	KMOVW(bits.As32(), mask)
	VMOVUPS_Z(at(d.x, 0), mask, x)
	for i := range d.acc {
		if size == 4 {
			VMOVUPS_Z(d.w.at(i, 0), mask, v)
		} else {
			VPMOVZXWD_Z(d.w.at(i, 0), mask, v)
			VPSLLD(Imm(16), v, v)
		}
		VFMADD231PS(x, v, d.acc[i])
	}
}

// scalarTail handles the last k < 8 elements one by one, in lane 0: the other lanes of both factors are zero.
func (d *dot4) scalarTail(k reg.GPVirtual, size int) {
	x, v, bits := XMM(), XMM(), GP32()
	Label("one")
	VMOVSS(at(d.x, 0), x)
	for i := range d.acc {
		if size == 4 {
			VMOVSS(d.w.at(i, 0), v)
		} else {
			MOVWLZX(d.w.at(i, 0), bits)
			SHLL(Imm(16), bits)
			VMOVD(bits, v)
		}
		VFMADD231PS(x.AsY(), v.AsY(), d.acc[i])
	}
	d.advance(size, 4)
	DECQ(k)
	JNE(LabelRef("one"))
}

// Products with integer weights sum over groups that share a scale: Σ_g s[g]·Σ_{k in g} q[k]·x[k]. The scales of
// the four rows lie lds apart. Activations are zero beyond the end of the row, so what lies there in the weights
// does not matter.
const groupSignature = "func(groups, steps int, w *byte, ldw int, s *float32, lds int, x, y *float32)"

// groups loops over groups of steps steps, each of which takes bytes bytes of weights and floats of activations.
func (d *dot4) groups(weights, activations int, step func(group [4]reg.VecVirtual)) {
	lds := arg("lds")
	SHLQ(Imm(2), lds)
	s, count, groups := fourRows(arg("s"), lds), GP64(), arg("groups")
	scale := d.reg()
	Label("group")
	group := d.sums()
	Load(Param("steps"), count)
	Label("step")
	step(group)
	d.advance(weights, activations)
	DECQ(count)
	JNE(LabelRef("step"))
	d.prefetch()
	for i := range group {
		VBROADCASTSS(s.at(i, 0), scale)
		VFMADD231PS(scale, group[i], d.acc[i])
	}
	s.advance(4)
	DECQ(groups)
	JNE(LabelRef("group"))
	d.finish()
}

// dotInt8 is the product with int8 weights; a step is one vector of activations.
func dotInt8(w width) {
	text("dotInt8"+w.name, groupSignature)
	d := open(w)
	x, v := w.reg(), w.reg()
	d.groups(w.bytes/4, w.bytes, func(group [4]reg.VecVirtual) {
		VMOVUPS(at(d.x, 0), x)
		for i := range group {
			VPMOVSXBD(d.w.at(i, 0), v)
			VCVTDQ2PS(v, v)
			VFMADD231PS(x, v, group[i])
		}
	})
}

// dotNibbles is the product with 4-bit weights, whose values stand in a table of 16: the integers -8..7 or the codes of
// NF4. A step is 16 bytes, 32 weights; x holds the 16 even activations of each step before the 16 odd ones.
func dotNibbles() {
	text("dotNibblesAVX512",
		"func(groups, steps int, w *byte, ldw int, s *float32, lds int, x, y, table *float32)")
	d := open(avx512)
	table, even, odd, v, value := ZMM(), ZMM(), ZMM(), ZMM(), ZMM()
	t := arg("table")
	VMOVUPS(at(t, 0), table)
	d.groups(16, 128, func(group [4]reg.VecVirtual) {
		VMOVUPS(at(d.x, 0), even)
		VMOVUPS(at(d.x, 64), odd)
		for i := range group {
			VPMOVZXBD(d.w.at(i, 0), v)
			VPERMPS(table, v, value) // the low four bits of each lane choose
			VFMADD231PS(even, value, group[i])
			VPSRLD(Imm(4), v, v)
			VPERMPS(table, v, value)
			VFMADD231PS(odd, value, group[i])
		}
	})
}

// The a8 products multiply integers: weights as unsigned bytes with an offset, activations as signed ones, and
// fix[g] = -offset·Σ x over the group undoes the offset. sx holds the scale of each group of activations.
const a8Signature = "func(groups, steps int, w *byte, ldw int, s *float32, lds int, x *int8, fix *int32, sx, y *float32)"

// groupsA8 is groups for integer activations: the sum over a group starts from fix, is exact, and is scaled by s·sx. The
// groups add up in order, one chain of fused multiply-adds per output, as in the tiles of int8Quads: a token's result
// is the same by itself and among many.
func (d *dot4) groupsA8(weights int, step func(group [4]reg.VecVirtual)) {
	lds := arg("lds")
	SHLQ(Imm(2), lds)
	s, count, fix, sx := fourRows(arg("s"), lds), GP64(), arg("fix"), arg("sx")
	groups := arg("groups")
	total, scale, scales := XMM(), XMM(), XMM()
	VXORPS(total, total, total)
	Label("group")
	var group [4]reg.VecVirtual
	for i := range group {
		group[i] = d.reg()
		VMOVD(at(fix, 0), group[i].AsX()) // the other lanes become zero
	}
	Load(Param("steps"), count)
	Label("step")
	step(group)
	d.advance(weights, d.bytes)
	DECQ(count)
	JNE(LabelRef("step"))
	d.prefetch()
	VMOVSS(s.at(0, 0), scales)
	for i := 1; i < 4; i++ {
		VINSERTPS(Imm(uint64(i<<4)), s.at(i, 0), scales, scales)
	}
	VBROADCASTSS(at(sx, 0), scale)
	VMULPS(scale, scales, scales)
	sums := sumInts(group)
	VCVTDQ2PS(sums, sums)
	VFMADD231PS(scales, sums, total)
	s.advance(4)
	ADDQ(Imm(4), fix)
	ADDQ(Imm(4), sx)
	DECQ(groups)
	JNE(LabelRef("group"))
	VMOVUPS(total, at(arg("y"), 0))
	VZEROUPPER()
	RET()
}

// sumInts returns the sums of the 16 integers of each vector.
func sumInts(v [4]reg.VecVirtual) reg.VecVirtual {
	for i := range v {
		high := YMM()
		VEXTRACTI64X4(Imm(1), v[i], high)
		VPADDD(high, v[i].AsY(), v[i].AsY())
	}
	VPHADDD(v[1].AsY(), v[0].AsY(), v[0].AsY())
	VPHADDD(v[3].AsY(), v[2].AsY(), v[2].AsY())
	VPHADDD(v[2].AsY(), v[0].AsY(), v[0].AsY())
	high := XMM()
	VEXTRACTI128(Imm(1), v[0].AsY(), high)
	VPADDD(high, v[0].AsX(), v[0].AsX())
	return v[0].AsX().(reg.VecVirtual)
}

// dotInt8A8 takes steps of 64 weights.
func dotInt8A8() {
	text("dotInt8A8VNNI", a8Signature)
	d := open(avx512)
	offset, x, v := ZMM(), ZMM(), ZMM()
	bits := GP32()
	MOVL(U32(0x80808080), bits)
	VPBROADCASTD(bits, offset)
	d.groupsA8(64, func(group [4]reg.VecVirtual) {
		VMOVDQU32(at(d.x, 0), x)
		for i := range group {
			VPXORD(d.w.at(i, 0), offset, v) // q + 128
			VPDPBUSD(x, v, group[i])
		}
	})
}

// dotInt4A8 takes steps of 64 weights, 32 bytes; x holds the 32 even activations of each step before the 32 odd ones.
func dotInt4A8() {
	text("dotInt4A8VNNI", a8Signature)
	d := open(avx512)
	mask, x, low, high := ZMM(), ZMM(), ZMM(), YMM()
	bits := GP32()
	MOVL(U32(0x0f0f0f0f), bits)
	VPBROADCASTD(bits, mask)
	d.groupsA8(32, func(group [4]reg.VecVirtual) {
		VMOVDQU32(at(d.x, 0), x)
		for i := range group {
			VMOVDQU(d.w.at(i, 0), low.AsY())
			VPSRLW(Imm(4), low.AsY(), high)
			VINSERTI64X4(Imm(1), high, low, low)
			VPANDD(mask, low, low)
			VPDPBUSD(x, low, group[i])
		}
	})
}
