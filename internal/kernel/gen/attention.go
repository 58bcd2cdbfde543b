package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// attention builds the products of decoding with the keys and values of a head. They sum in the order of fma, so that
// decoding gives exactly the result of a prompt.
func attention() {
	for _, w := range []width{avx512, avx2} {
		for rows := 1; rows <= 4; rows++ {
			w.scores(rows)
		}
		weighted(w)
	}
}

// weighted is the product of one row of weights with the rows of values, c[n] += Σ_j p[j]·b[j, n]. It keeps 64 columns at a
// time in registers, each one chain of fused multiply-adds in the order of the rows.
func weighted(w width) {
	text("weighted"+w.name, "func(k int, p, b *float32, ldb int, c *float32, n int)")
	s := &weightedSum{width: w, k: arg("k"), p: arg("p"), b: arg("b"), ldb: arg("ldb"), c: arg("c"), n: arg("n")}
	SHLQ(Imm(2), s.ldb)
	s.wide()
	s.narrow()
	Label("done")
	leave()
}

// weightedSum holds the arguments, of which b, c and n advance over the columns.
type weightedSum struct {
	width
	k, p, b, ldb, c, n reg.GPVirtual
}

// rows emits body for every weight and its row, given by their addresses.
func (s *weightedSum) rows(label string, body func(weight, row Mem)) {
	k, p, b := GP64(), GP64(), GP64()
	MOVQ(s.k, k)
	MOVQ(s.p, p)
	MOVQ(s.b, b)
	Label(label)
	body(at(p, 0), at(b, 0))
	ADDQ(Imm(4), p)
	ADDQ(s.ldb, b)
	countDown(k, label)
}

// wide handles 64 columns at a time.
func (s *weightedSum) wide() {
	Label("wide")
	CMPQ(s.n, Imm(64))
	JLT(LabelRef("narrow"))
	sums := s.loads(s.c, 64/s.lanes())
	s.rows("wideRow", func(weight, row Mem) {
		x := s.scalar(weight)
		for i, sum := range sums {
			VFMADD231PS(row.Offset(s.disp(i)), x, sum)
		}
	})
	for i, sum := range sums {
		VMOVUPS(sum, at(s.c, s.disp(i)))
	}
	skipFloats(64, s.n, s.b, s.c)
	JMP(LabelRef("wide"))
}

// narrow handles the remaining columns, a vector at a time and the last with a mask.
func (s *weightedSum) narrow() {
	Label("narrow")
	TESTQ(s.n, s.n)
	JLE(LabelRef("done"))
	columns, most := GP64(), GP64()
	MOVQ(s.n, columns)
	MOVQ(U32(uint32(s.lanes())), most)
	CMPQ(columns, most)
	CMOVQGT(most, columns)
	mask := s.tail(columns)
	acc := s.load(at(s.c, 0), mask)
	s.rows("row", func(weight, row Mem) {
		VFMADD231PS(s.load(row, mask), s.scalar(weight), acc)
	})
	s.store(acc, at(s.c, 0), mask)
	skipFloats(s.lanes(), s.n, s.b, s.c)
	JMP(LabelRef("narrow"))
}

// scores is c[rows, n] = q[rows, dim]·k[n, dim]ᵀ for a vector of keys at a time: a block of keys is transposed in registers,
// and its columns extend one chain of fused multiply-adds per score, in the order of fma. n and dim are multiples of the
// lanes.
func (w width) scores(rows int) {
	text("scores"+w.name+"_"+itoa(rows), "func(n, dim int, q *float32, ldq int, k *float32, ldk int, c *float32, ldc int)")
	n, q, ldq, k, ldk, c, ldc := arg("n"), arg("q"), arg("ldq"), arg("k"), arg("ldk"), arg("c"), arg("ldc")
	for _, stride := range []reg.GPVirtual{ldq, ldk, ldc} {
		SHLQ(Imm(2), stride)
	}
	next, third := GP64(), GP64() // the keys after these, and the third row of q
	MOVQ(ldk, next)
	SHLQ(Imm(map[int]uint64{16: 4, 8: 3}[w.lanes()]), next)
	LEAQ(Mem{Base: q, Index: ldq, Scale: 2}, third)
	ADDQ(ldq, third)
	row := []Mem{{Base: q}, {Base: q, Index: ldq, Scale: 1}, {Base: q, Index: ldq, Scale: 2}, {Base: third}}
	Label("keys")
	acc := w.zeros(rows)
	block, done, left := GP64(), GP64(), arg("dim")
	MOVQ(k, block)
	XORQ(done, done)
	Label("block")
	columns := w.turnedKeys(block, ldk, next)
	for j, column := range columns {
		for r := range acc {
			w.addTimes(row[r].Offset(4*j), column, acc[r])
		}
	}
	advance(4*len(columns), block, q, third, done)
	SUBQ(Imm(uint64(len(columns))), left)
	JNE(LabelRef("block"))
	SUBQ(done, q)
	SUBQ(done, third)
	to := GP64()
	MOVQ(c, to)
	for r := range acc {
		VMOVUPS(acc[r], at(to, 0))
		if r+1 < rows {
			ADDQ(ldc, to)
		}
	}
	ADDQ(Imm(uint64(w.bytes)), c)
	ADDQ(next, k)
	SUBQ(Imm(uint64(w.lanes())), n)
	JNE(LabelRef("keys"))
	leave()
}

// turnedKeys returns the columns of a block of keys: 16 of 16 keys with AVX-512, which also prefetches the block of the next
// keys, and 4 of 8 keys with AVX2, which has no registers for more.
func (w width) turnedKeys(block, ldk, next reg.GPVirtual) []reg.VecVirtual {
	key := GP64()
	MOVQ(block, key)
	if w.bytes == 64 {
		v := avx512.regs(16)
		for i := range v {
			VMOVUPS(at(key, 0), v[i])
			PREFETCHT0(Mem{Base: key, Index: next, Scale: 1})
			if i+1 < len(v) {
				ADDQ(ldk, key)
			}
		}
		return turn16(v)
	}
	v := avx2.regs(4)
	for i := range 8 {
		if i < 4 {
			VMOVUPS(at(key, 0), v[i].AsX())
		} else {
			VINSERTF128(Imm(1), at(key, 0), v[i-4], v[i-4])
		}
		if i < 7 {
			ADDQ(ldk, key)
		}
	}
	turnFours(v, avx2.regs(4), v)
	return v
}
