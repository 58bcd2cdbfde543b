package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Weights in panels are stored as the products read them: for every step along the input, the values of a tile's
// outputs side by side. A product of a few rows reads each panel once, from its begin to its end, and keeps one chain
// of multiply-adds per output in the order of the input, as the tiles of many rows do: a row's result does not depend
// on the number of rows.
//
// ldw and lds are the bytes from one panel, and its scales, to the next; ldx, ldg and ldy those from one row of
// activations, their scales and outputs to the next. A kernel ignores what its storage has not.
const fewSignature = "func(groups, k int, w *byte, ldw int, s *float32, lds int, x *byte, ldx int, fix *int32, " +
	"sx *float32, ldg int, y *float32, ldy int, table *float32)"

// storage is a way to keep weights in panels.
type storage struct {
	name  string
	build func(f *few)
	most  map[string]int // rows, by width
	pairs bool           // whether a single row takes two panels at a time
	fixed int            // the most rows of activations in fixed point
}

func panels() {
	storages := []storage{
		{"Floats", fewFloats, map[string]int{"AVX512": 6, "AVX2": 4}, true, 0},
		{"Pairs", fewPairs, map[string]int{"AVX512": 6}, true, 0},
		{"WidePairs", fewWidePairs, map[string]int{"AVX512": 6, "AVX2": 4}, true, 0},
		{"Bytes", fewBytes, map[string]int{"AVX512": 6, "AVX2": 4}, true, 0},
		{"Nibbles", fewNibbles, map[string]int{"AVX512": 6, "AVX2": 3}, true, 0},
		{"Quads", fewQuads, map[string]int{"AVX512": 6}, false, 2},
		{"NibbleQuads", fewNibbleQuads, map[string]int{"AVX512": 6}, false, 2},
	}
	for _, w := range []width{avx512, avx2} {
		for _, s := range storages {
			s.kernels(w)
		}
		widenPanelBytes(w)
		widenPanelNibbles(w)
		widenPanelPairs(w)
	}
	unpackNibbleQuads()
}

// kernels builds what multiplies panels of a storage, by rows.
func (s storage) kernels(w width) {
	most := s.most[w.name]
	if most == 0 {
		return
	}
	for rows := 1; rows <= most; rows++ {
		s.build(beginFew(fmt.Sprintf("few%s%s_%d", s.name, w.name, rows), w, rows, 1))
	}
	if s.pairs {
		s.build(beginFew(fmt.Sprintf("few%s%s_1x2", s.name, w.name), w, 1, 2))
	}
	for rows := 1; rows <= s.fixed; rows++ {
		f := beginFew(fmt.Sprintf("fewFixed%s%s_%d", s.name, w.name, rows), w, rows*fixedDigits, 1)
		f.digits = fixedDigits
		s.build(f)
	}
}

// few is a product of a few rows with one or two panels on its way.
type few struct {
	width
	rows, panels int
	digits       int // rows that make one of activations
	w, ldw       reg.GPVirtual
	x, third     reg.GPVirtual // rows 0 and 3 of the activations
	ldx, k       reg.GPVirtual
	acc          [][]Op // [rows][vectors]
	ahead        bool   // prefetch the panels
}

// beginFew declares a function and loads what all of them need.
func beginFew(name string, w width, rows, panels int) *few {
	text(name, fewSignature)
	f := &few{width: w, rows: rows, panels: panels, digits: 1, w: arg("w"), x: arg("x"), k: arg("k")}
	if panels > 1 {
		f.ldw = arg("ldw")
	}
	if rows > 1 {
		f.ldx = arg("ldx")
	}
	if rows > 3 {
		f.third = GP64()
		LEAQ(Mem{Base: f.x, Index: f.ldx, Scale: 2}, f.third)
		ADDQ(f.ldx, f.third)
	}
	return f
}

// vectors is the number of vectors of outputs.
func (f *few) vectors() int { return 2 * f.panels }

// weights addresses vector v of a step, of size bytes, that lies disp bytes on.
func (f *few) weights(v, size, disp int) Mem {
	m := Mem{Base: f.w, Disp: disp + v%2*size}
	if v >= 2 {
		m.Index, m.Scale = f.ldw, 1
	}
	return m
}

// row addresses byte disp of row r of the activations.
func (f *few) row(r, disp int) Mem {
	switch r {
	case 0:
		return Mem{Base: f.x, Disp: disp}
	case 1, 2, 4:
		return Mem{Base: f.x, Index: f.ldx, Scale: uint8(r), Disp: disp}
	case 3:
		return Mem{Base: f.third, Disp: disp}
	}
	return Mem{Base: f.third, Index: f.ldx, Scale: uint8(r - 3), Disp: disp}
}

// registers returns a register for every output vector of some rows.
func (f *few) registers(rows int) [][]Op {
	r := make([][]Op, rows)
	for i := range r {
		for range f.vectors() {
			r[i] = append(r[i], f.reg())
		}
	}
	return r
}

// zeroed is registers, cleared.
func (f *few) zeroed(rows int) [][]Op {
	all := f.registers(rows)
	for _, row := range all {
		for _, r := range row {
			zero(f.width, r.(reg.VecVirtual))
		}
	}
	return all
}

// loop runs body for each of the k steps, which take weights bytes of a panel and activations bytes of a row: several
// at a time, of which k is a multiple.
func (f *few) loop(several, weights, activations int, body func(i int)) {
	Label("loop")
	for i := range several {
		body(i)
	}
	weights, activations = several*weights, several*activations
	for v := 0; f.ahead && v < f.panels; v++ {
		for line := 0; line < weights; line += 64 {
			PREFETCHT0(f.weights(2*v, 0, fewAhead+line))
		}
	}
	ADDQ(U32(uint32(weights)), f.w)
	ADDQ(Imm(uint64(activations)), f.x)
	if f.rows > 3 {
		ADDQ(Imm(uint64(activations)), f.third)
	}
	SUBQ(Imm(uint64(several)), f.k)
	JNE(LabelRef("loop"))
}

// fewAhead is how many bytes ahead panels are prefetched where their codes take more than reading them: over the ends of
// pages, where the CPU's own prefetching stops. What is multiplied as fast as it is read only loses by it.
const fewAhead = 8192

// finish stores the outputs.
func (f *few) finish() {
	y, ldy, ldw := arg("y"), GP64(), 2*f.bytes
	if len(f.acc) > 1 {
		Load(Param("ldy"), ldy)
	}
	for r, row := range f.acc {
		for v, a := range row {
			VMOVUPS(a, at(y, v/2*ldw+v%2*f.bytes))
		}
		if r+1 < len(f.acc) {
			ADDQ(ldy, y)
		}
	}
	VZEROUPPER()
	RET()
}
