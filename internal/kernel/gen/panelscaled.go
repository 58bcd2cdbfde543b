package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scalesAhead is the prefetch distance in bytes for scales, which are stored apart from the panels.
const scalesAhead = 1024

// scaledGroups emits body for each group with the scales of its outputs.
func (f *few) scaledGroups(body func(scales []reg.VecVirtual)) {
	groups, s, lds := arg("groups"), arg("s"), GP64()
	if f.panels > 1 {
		Load(Param("lds"), lds)
	}
	at := func(v, disp int) Mem {
		m := Mem{Base: s, Disp: disp + v%2*f.bytes}
		if v >= 2 {
			m.Index, m.Scale = lds, 1
		}
		return m
	}
	Label("group")
	Load(Param("k"), f.k)
	scales := f.regs(f.vectors())
	for v, r := range scales {
		VMOVUPS(at(v, 0), r)
		PREFETCHT0(at(v, scalesAhead))
	}
	body(scales)
	ADDQ(Imm(uint64(2*f.bytes)), s)
	countDown(groups, "group")
}

// fewBytes multiplies int8 weights with float32 activations; a step is one input.
func fewBytes(f *few) {
	f.ahead = true
	f.acc = f.zeroed(f.rows)
	f.scaledGroups(func(scales []reg.VecVirtual) {
		f.loop(1, f.bytes/2, 4, func(int) {
			w := f.regs(f.vectors())
			for v, r := range w {
				VPMOVSXBD(f.weights(v, f.bytes/4, 0), r)
				VCVTDQ2PS(r, r)
				VMULPS(scales[v], r, r)
			}
			f.multiplyAdd(w, 0)
		})
	})
	f.finish()
}

// fewNibbles multiplies 4-bit weights, whose values are in a table of 16, with float32 activations; a step is two inputs.
func fewNibbles(f *few) {
	f.ahead = true
	f.acc = f.zeroed(f.rows)
	look := lookUp(f.width)
	f.scaledGroups(func(scales []reg.VecVirtual) {
		f.loop(1, f.bytes/2, 8, func(int) {
			for v, scale := range scales { // one after the other: AVX2 has no registers for two
				codes, w, x := f.reg(), f.reg(), f.reg()
				VPMOVZXBD(f.weights(v, f.bytes/4, 0), codes)
				for half := range 2 {
					if half == 1 {
						VPSRLD(Imm(4), codes, codes)
					}
					look(codes, w)
					VMULPS(scale, w, w)
					for r := range f.rows {
						VBROADCASTSS(f.row(r, 4*half), x)
						VFMADD231PS(w, x, f.acc[r][v])
					}
				}
			}
		})
	})
	f.finish()
}

// lookUp loads the parameter table, of 16 floats, and returns a lookup by the low four bits of every lane.
func lookUp(w width) func(codes, values reg.VecVirtual) {
	t := arg("table")
	if w.bytes == 64 {
		table := ZMM()
		VMOVUPS(at(t, 0), table)
		return func(codes, values reg.VecVirtual) { VPERMPS(table, codes, values) }
	}
	low, high := YMM(), YMM()
	VMOVUPS(at(t, 0), low)
	VMOVUPS(at(t, 32), high)
	return func(codes, values reg.VecVirtual) {
		bit, upper := YMM(), YMM()
		VPERMPS(low, codes, values)
		VPERMPS(high, codes, upper)
		VPSLLD(Imm(28), codes, bit) // the sign decides
		VBLENDVPS(bit, upper, values, values)
	}
}
