package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// chains builds products of a few rows that sum in the order of the tiles: one chain of multiply-adds per output, along
// k. A vector of outputs reads a square of weights, turns it in registers, and takes in its columns one after the
// other; two vectors at a time hide the latency of each other's chain. Bf16 needs it: sums in another order would round
// apart in the next layer.
func chains() {
	chainPairs()
	chainWide(avx512)
	chainWide(avx2)
}

// chain is such a product on its way: pointers to the rows of two vectors of outputs.
type chain struct {
	width
	w, second  reg.GPVirtual // first row of either vector
	ldw, ahead reg.GPVirtual // bytes to the next row, and to the one that the next call will read in its place
	x, k       reg.GPVirtual
}

// openChain loads the arguments.
func openChain(w width) *chain {
	c := &chain{width: w, k: arg("k"), w: arg("w"), ldw: arg("ldw"), x: arg("x"), second: GP64(), ahead: GP64()}
	MOVQ(c.ldw, c.second)
	shift := uint64(4)
	if w.bytes == 32 {
		shift = 3
	}
	SHLQ(Imm(shift), c.second)
	MOVQ(c.second, c.ahead)
	SHLQ(Imm(1), c.ahead)
	ADDQ(c.w, c.second)
	return c
}

// lanes is the number of dwords in a vector.
func (c *chain) lanes() int { return c.bytes / 4 }

// turn transposes a square of dwords in registers.
func (c *chain) turn(r []reg.VecVirtual) []reg.VecVirtual {
	if c.bytes == 64 {
		return turn16(r)
	}
	return turn8(r)
}

// eachSquare runs body for every square along k, which is whole squares long; weights is its width in bytes.
func (c *chain) eachSquare(weights int, body func()) {
	Label("loop")
	body()
	ADDQ(Imm(uint64(weights)), c.w)
	ADDQ(Imm(uint64(weights)), c.second)
	ADDQ(Imm(uint64(c.bytes)), c.x)
	SUBQ(Imm(uint64(c.lanes())), c.k)
	JNE(LabelRef("loop"))
}

// square loads a vector from each row from first on.
func (c *chain) square(first reg.GPVirtual, load func(m Mem, r reg.VecVirtual)) []reg.VecVirtual {
	row := GP64()
	MOVQ(first, row)
	r := make([]reg.VecVirtual, c.lanes())
	for i := range r {
		r[i] = c.reg()
		load(Mem{Base: row}, r[i])
		PREFETCHT0(Mem{Base: row, Index: c.ahead, Scale: 1})
		if i+1 < len(r) {
			ADDQ(c.ldw, row)
		}
	}
	return r
}

// chainPairs is y[32] = Σ w[32, k]·x[k] over pairs of bf16 with VDPBF16PS. k is a multiple of 16.
func chainPairs() {
	text("chainPairsAVX512", "func(k int, w *byte, ldw int, x *uint32, y *float32)")
	c := openChain(avx512)
	sums := []int{31, 28}
	const column, scalar = 30, 29
	for _, sum := range sums {
		VPXORD(physicalZ[sum], physicalZ[sum], physicalZ[sum])
	}
	c.eachSquare(64, func() {
		for i, first := range []reg.GPVirtual{c.w, c.second} {
			r := c.square(first, func(m Mem, r reg.VecVirtual) {
				VMOVDQU32(m, r)
			})
			for j, v := range c.turn(r) {
				VMOVDQA64(v, physicalZ[column])
				VPBROADCASTD(at(c.x, 4*j), physicalZ[scalar])
				vdpbf16ps(scalar, column, sums[i])
			}
		}
	})
	y := arg("y")
	VMOVUPS(physicalZ[sums[0]], at(y, 0))
	VMOVUPS(physicalZ[sums[1]], at(y, 64))
	VZEROUPPER()
	RET()
}

// chainWide is the same for bf16 weights that are widened, and x in float32, of which y has two vectors. k is a
// multiple of the vector's lanes.
func chainWide(w width) {
	text("chainWide"+w.name, "func(k int, w *byte, ldw int, x, y *float32)")
	c := openChain(w)
	sums, scalar := []reg.VecVirtual{w.reg(), w.reg()}, w.reg()
	zero(w, sums[0])
	zero(w, sums[1])
	body := func() {
		for i, first := range []reg.GPVirtual{c.w, c.second} {
			r := c.square(first, func(m Mem, r reg.VecVirtual) {
				VPMOVZXWD(m, r)
				VPSLLD(Imm(16), r, r)
			})
			for j, v := range c.turn(r) {
				VBROADCASTSS(at(c.x, 4*j), scalar)
				VFMADD231PS(scalar, v, sums[i])
			}
		}
	}
	c.eachSquare(w.bytes/2, body)
	y := arg("y")
	VMOVUPS(sums[0], at(y, 0))
	VMOVUPS(sums[1], at(y, w.bytes))
	VZEROUPPER()
	RET()
}
