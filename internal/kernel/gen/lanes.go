package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Rows of float32 are processed a vector at a time. A mask selects the lanes of a partial last vector: a mask register of
// AVX-512, a vector of AVX2. A nil mask selects all lanes.

// lanes is the number of float32 in a vector.
func (w width) lanes() int { return w.bytes / 4 }

// each emits the rest of a function: body for every vector of n elements, the last with a mask. The pointers advance with
// it.
func (w width) each(n reg.GPVirtual, body func(mask Op), pointers ...reg.GPVirtual) {
	w.eachOf(1, n, func(_ int, mask Op) { body(mask) }, pointers...)
	leave()
}

// eachOf is each with a loop of several vectors before that of one: body handles the i-th at w.disp(i).
func (w width) eachOf(several int, n reg.GPVirtual, body func(i int, mask Op), pointers ...reg.GPVirtual) {
	together := func() {
		for i := range several {
			body(i, nil)
		}
	}
	w.eachTogether(several, n, together, func(mask Op) { body(0, mask) }, pointers...)
}

// eachTogether emits together, which handles several vectors, and one for each vector that is left.
func (w width) eachTogether(several int, n reg.GPVirtual, together func(), one func(mask Op), pointers ...reg.GPVirtual) {
	if several > 1 {
		w.round("several", "loop", several, n, together, pointers)
	}
	w.round("loop", "tail", 1, n, func() { one(nil) }, pointers)
	Label("tail")
	TESTQ(n, n)
	JE(LabelRef("done"))
	one(w.tail(n))
	Label("done")
}

// round is a loop whose body handles the given number of vectors. It jumps to next when fewer are left.
func (w width) round(name, next string, vectors int, n reg.GPVirtual, body func(), pointers []reg.GPVirtual) {
	Label(name)
	CMPQ(n, immediate(vectors*w.lanes()))
	JLT(LabelRef(next))
	body()
	advance(vectors*w.bytes, pointers...)
	SUBQ(immediate(vectors*w.lanes()), n)
	JMP(LabelRef(name))
}

// eachLanes emits body twice: for a whole vector of channels, and masked for fewer channels. Labels in it need the suffix.
func (w width) eachLanes(body func(mask Op, suffix string)) {
	channels := arg("channels")
	CMPQ(channels, Imm(uint64(w.lanes())))
	JLT(LabelRef("masked"))
	body(nil, "")
	Label("masked")
	body(w.tail(channels), "Masked")
}

// immediate is n as wide as the instructions take it: a byte or a dword.
func immediate(n int) Op {
	if n < 1<<8 {
		return Imm(uint64(n))
	}
	return U32(n)
}

// disp is where the i-th of several vectors lies.
func (w width) disp(i int) int { return i * w.bytes }

// tail returns the mask of the first n lanes. It overwrites n.
func (w width) tail(n reg.GPVirtual) Op {
	if w.bytes == 64 {
		bits, mask := GP64(), K()
		MOVQ(I32(-1), bits)
		BZHIQ(n, bits, bits)
		KMOVW(bits.As32(), mask)
		return mask
	}
	table, mask := GP64(), YMM()
	LEAQ(laneMasks(), table)
	NEGQ(n)
	VMOVUPS(Mem{Base: table, Index: n, Scale: 4, Disp: 32}, mask)
	return mask
}

// laneMasks is the table of AVX2 masks: eight set lanes, then eight clear ones.
func laneMasks() Mem {
	m, ok := placed["laneMasks"]
	if !ok {
		m = table("laneMasks", 16, func(i int) uint32 {
			if i < 8 {
				return 1<<32 - 1
			}
			return 0
		})
	}
	return m
}

// table places n dwords in the file, once.
func table(name string, n int, value func(i int) uint32) Mem {
	m := GLOBL(name, attr.RODATA|attr.NOPTR)
	for i := range n {
		DATA(4*i, U32(value(i)))
	}
	placed[name] = m
	return m
}

// loads loads n vectors that lie side by side.
func (w width) loads(p reg.Register, n int) []reg.VecVirtual {
	list := w.regs(n)
	for i, r := range list {
		VMOVUPS(at(p, w.disp(i)), r)
	}
	return list
}

// load loads a vector, zero beyond the mask.
func (w width) load(m Mem, mask Op) reg.VecVirtual {
	r := w.reg()
	switch {
	case mask == nil:
		VMOVUPS(m, r)
	case w.bytes == 64:
		VMOVUPS_Z(m, mask, r)
	default:
		VMASKMOVPS(m, mask, r)
	}
	return r
}

// loadOr loads a vector and takes the lanes beyond the mask from other.
func (w width) loadOr(m Mem, mask Op, other reg.VecVirtual) reg.VecVirtual {
	v := w.load(m, mask)
	if mask == nil {
		return v
	}
	r := w.reg()
	VMOVAPS(other, r)
	w.assign(mask, v, r)
	return r
}

// store stores the lanes of the mask.
func (w width) store(v reg.VecVirtual, m Mem, mask Op) {
	switch {
	case mask == nil:
		VMOVUPS(v, m)
	case w.bytes == 64:
		VMOVUPS(v, mask, m)
	default:
		VMASKMOVPS(v, mask, m)
	}
}

// above returns the mask of the lanes where y > x.
func (w width) above(x Op, y reg.VecVirtual) Op {
	var mask reg.Register = YMM()
	if w.bytes == 64 {
		mask = K()
	}
	VCMPPS(Imm(14), x, y, mask)
	return mask
}

// assign copies the lanes of the mask.
func (w width) assign(mask Op, from, to reg.VecVirtual) {
	if w.bytes == 64 {
		VMOVAPS(from, mask, to)
		return
	}
	VBLENDVPS(mask, from, to, to)
}

// broadcast fills a vector with a parameter.
func (w width) broadcast(param string) reg.VecVirtual {
	r := w.reg()
	p, err := Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(p.Addr, r)
	return r
}

// fold combines the lanes of acc in pairs and returns a vector with the result in its lowest lane.
func (w width) fold(acc reg.VecVirtual, combine func(...Op)) reg.VecVirtual {
	half := acc
	if w.bytes == 64 {
		half = YMM()
		VEXTRACTF64X4(Imm(1), acc, half)
		combine(acc.AsY(), half, half)
	}
	x, t := XMM(), XMM()
	VEXTRACTF128(Imm(1), half, x)
	combine(half.AsX(), x, x)
	VPERMILPS(Imm(0x4e), x, t)
	combine(t, x, x)
	VPERMILPS(Imm(0xb1), x, t)
	combine(t, x, x)
	return x
}

// leave clears the upper halves of the vector registers, which would slow down SSE code, and returns.
func leave() {
	VZEROUPPER()
	RET()
}

// advance adds bytes to each pointer.
func advance(bytes int, pointers ...reg.GPVirtual) {
	for _, p := range pointers {
		ADDQ(immediate(bytes), p)
	}
}

// skipFloats moves pointers by n floats and takes them off the number left.
func skipFloats(n int, left reg.GPVirtual, pointers ...reg.GPVirtual) {
	for _, p := range pointers {
		ADDQ(U32(uint32(4*n)), p)
	}
	SUBQ(U32(uint32(n)), left)
}

// countDown closes a loop that starts at label and runs n times.
func countDown(n Op, label string) {
	DECQ(n)
	JNE(LabelRef(label))
}
