package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// attention builds the product of one row of weights with the rows of values, c[n] += Σ_j p[j]·b[j, n]: what decoding
// does with the values of a head. Columns are kept in registers, 64 at a time. Each has one chain of fused multiply-adds
// in the order of the rows, as in fma, so that decoding gives the very result of a prompt.
func attention() {
	for rows := 1; rows <= 4; rows++ {
		scores(rows)
	}
	text("weightedAVX512", "func(k int, p, b *float32, ldb int, c *float32, n int)")
	w := &weighted{k: arg("k"), p: arg("p"), b: arg("b"), ldb: arg("ldb"), c: arg("c"), n: arg("n")}
	SHLQ(Imm(2), w.ldb)
	w.wide()
	w.narrow()
	Label("done")
	VZEROUPPER()
	RET()
}

// weighted holds the arguments, of which b, c and n advance over the columns.
type weighted struct{ k, p, b, ldb, c, n reg.GPVirtual }

// start points at the first weight and row.
func (w *weighted) start() (k, p, b reg.GPVirtual) {
	k, p, b = GP64(), GP64(), GP64()
	MOVQ(w.k, k)
	MOVQ(w.p, p)
	MOVQ(w.b, b)
	return k, p, b
}

// wide handles 64 columns at a time.
func (w *weighted) wide() {
	Label("wide")
	CMPQ(w.n, Imm(64))
	JLT(LabelRef("narrow"))
	var sums [4]reg.VecVirtual
	for i := range sums {
		sums[i] = ZMM()
		VMOVUPS(at(w.c, 64*i), sums[i])
	}
	k, p, b := w.start()
	x := ZMM()
	Label("wideRow")
	VBROADCASTSS(at(p, 0), x)
	for i, sum := range sums {
		VFMADD231PS(at(b, 64*i), x, sum)
	}
	ADDQ(Imm(4), p)
	ADDQ(w.ldb, b)
	DECQ(k)
	JNE(LabelRef("wideRow"))
	for i, sum := range sums {
		VMOVUPS(sum, at(w.c, 64*i))
	}
	w.advance(64)
	JMP(LabelRef("wide"))
}

// narrow handles what is left, 16 columns at a time and the last with a mask.
func (w *weighted) narrow() {
	Label("narrow")
	TESTQ(w.n, w.n)
	JLE(LabelRef("done"))
	bits, mask, acc, v, x := GP64(), K(), ZMM(), ZMM(), ZMM()
	MOVQ(I32(-1), bits)
	CMPQ(w.n, Imm(16))
	JGE(LabelRef("full"))
	BZHIQ(w.n, bits, bits)
	Label("full")
	KMOVW(bits.As32(), mask)
	VMOVUPS_Z(at(w.c, 0), mask, acc)
	k, p, b := w.start()
	Label("row")
	VMOVUPS_Z(at(b, 0), mask, v)
	VBROADCASTSS(at(p, 0), x)
	VFMADD231PS(v, x, acc)
	ADDQ(Imm(4), p)
	ADDQ(w.ldb, b)
	DECQ(k)
	JNE(LabelRef("row"))
	VMOVUPS(acc, mask, at(w.c, 0))
	w.advance(16)
	JMP(LabelRef("narrow"))
}

// advance moves on by n columns.
func (w *weighted) advance(n uint32) {
	ADDQ(U32(4*n), w.b)
	ADDQ(U32(4*n), w.c)
	SUBQ(U32(n), w.n)
}

// scores is c[rows, n] = q[rows, dim]·k[n, dim]ᵀ for 16 keys at a time: a square of the keys is turned in registers, and
// its columns go into one chain of fused multiply-adds per score, in the order of fma. n and dim are multiples of 16.
func scores(rows int) {
	text("scoresAVX512_"+itoa(rows), "func(n, dim int, q *float32, ldq int, k *float32, ldk int, c *float32, ldc int)")
	n, q, ldq, k, ldk, c, ldc := arg("n"), arg("q"), arg("ldq"), arg("k"), arg("ldk"), arg("c"), arg("ldc")
	for _, stride := range []reg.GPVirtual{ldq, ldk, ldc} {
		SHLQ(Imm(2), stride)
	}
	next, third := GP64(), GP64() // the keys after these, and the third row of q
	MOVQ(ldk, next)
	SHLQ(Imm(4), next)
	LEAQ(Mem{Base: q, Index: ldq, Scale: 2}, third)
	ADDQ(ldq, third)
	row := []Mem{{Base: q}, {Base: q, Index: ldq, Scale: 1}, {Base: q, Index: ldq, Scale: 2}, {Base: third}}
	acc := make([]reg.VecVirtual, rows)
	Label("keys")
	for r := range acc {
		acc[r] = ZMM()
		VPXORD(acc[r], acc[r], acc[r])
	}
	square, at16, left := GP64(), GP64(), arg("dim")
	MOVQ(k, square)
	XORQ(at16, at16)
	Label("square")
	scoreSquare(square, ldk, next, row, acc)
	for _, p := range []reg.GPVirtual{square, q, third, at16} {
		ADDQ(Imm(64), p)
	}
	SUBQ(Imm(16), left)
	JNE(LabelRef("square"))
	SUBQ(at16, q)
	SUBQ(at16, third)
	to := GP64()
	MOVQ(c, to)
	for r := range acc {
		VMOVUPS(acc[r], at(to, 0))
		if r+1 < rows {
			ADDQ(ldc, to)
		}
	}
	ADDQ(Imm(64), c)
	ADDQ(next, k)
	SUBQ(Imm(16), n)
	JNE(LabelRef("keys"))
	VZEROUPPER()
	RET()
}

// scoreSquare adds the products of 16 columns of the queries with a square of keys, and asks for the square of the next
// keys.
func scoreSquare(square, ldk, next reg.GPVirtual, queries []Mem, acc []reg.VecVirtual) {
	key := GP64()
	MOVQ(square, key)
	v := fresh16()
	for i := range v {
		VMOVUPS(at(key, 0), v[i])
		PREFETCHT0(Mem{Base: key, Index: next, Scale: 1})
		if i+1 < len(v) {
			ADDQ(ldk, key)
		}
	}
	for j, column := range turn16(v) {
		for r := range acc {
			m := queries[r]
			m.Disp = 4 * j
			VFMADD231PS_BCST(m, column, acc[r])
		}
	}
}
