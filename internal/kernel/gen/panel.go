package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Panels store weights in the order in which products read them: for every step along the input, the values of a tile's
// outputs side by side. A product of a few rows reads each panel once, front to back. Like the tiles of many rows it sums
// each output in one chain of multiply-adds in the order of the input, so a row's result does not depend on the number of
// rows.
//
// ldw and lds are the bytes from one panel to the next and from its scales to the next; ldx, ldg and ldy those between
// rows of activations, of their scales and of outputs. A kernel ignores parameters that its storage does not need.
const fewSignature = "func(groups, k int, w *byte, ldw int, s *float32, lds int, x *byte, ldx int, fix *int32, " +
	"sx *float32, ldg int, y *float32, ldy int, table *float32)"

// storage is a way to keep weights in panels.
type storage struct {
	name  string
	build func(f *few)
	most  map[string]int // largest number of rows, by width
	pairs bool           // whether a single row takes two panels at a time
	fixed int            // largest number of rows of activations in fixed point
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

// kernels builds the kernels of a storage, one for each number of rows.
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

// few is a kernel that multiplies a few rows by one or two panels.
type few struct {
	width
	rows, panels int
	digits       int // rows of digits per row of activations
	w, ldw       reg.GPVirtual
	x, third     reg.GPVirtual // rows 0 and 3 of the activations
	ldx, k       reg.GPVirtual
	acc          [][]Op // [rows][vectors]
	ahead        bool   // prefetch the panels
}

// beginFew declares a kernel and loads the arguments that every kernel needs.
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

// weights addresses vector v, of size bytes, of the step disp bytes ahead.
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

// zeroed returns cleared registers.
func (f *few) zeroed(rows int) [][]Op {
	all := f.registers(rows)
	for _, row := range all {
		for _, r := range row {
			f.zero(r)
		}
	}
	return all
}

// loop emits body for each of the k steps, several per iteration; k is a multiple of several. A step takes the given bytes
// of a panel's weights and of a row's activations.
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

// fewAhead is the prefetch distance in bytes for panels whose codes take longer to decode than to read. It reaches past the
// end of a page, where the hardware prefetcher stops. Panels multiplied as fast as they are read only lose by prefetching.
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
	leave()
}
