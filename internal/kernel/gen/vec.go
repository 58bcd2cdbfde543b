package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// width is a vector register size.
type width struct {
	name  string
	bytes int
	reg   func() reg.VecVirtual
}

var (
	avx2   = width{"AVX2", 32, YMM}
	avx512 = width{"AVX512", 64, ZMM}
)

// zero clears a register.
func (w width) zero(r Op) {
	if w.bytes == 64 {
		VPXORD(r, r, r)
		return
	}
	VXORPS(r, r, r)
}

// regs returns n registers.
func (w width) regs(n int) []reg.VecVirtual {
	list := make([]reg.VecVirtual, n)
	for i := range list {
		list[i] = w.reg()
	}
	return list
}

// zeros returns n cleared registers.
func (w width) zeros(n int) []reg.VecVirtual {
	list := w.regs(n)
	for _, r := range list {
		w.zero(r)
	}
	return list
}

// arg loads a parameter into a 64-bit register.
func arg(name string) reg.GPVirtual {
	r := GP64()
	Load(Param(name), r)
	return r
}

// at addresses base + disp bytes.
func at(base reg.Register, disp int) Mem { return Mem{Base: base, Disp: disp} }

// indexed addresses element i of base, of scale bytes each, plus disp bytes.
func indexed(base, i reg.Register, scale uint8, disp int) Mem {
	return Mem{Base: base, Index: i, Scale: scale, Disp: disp}
}

// text begins a function whose pointer arguments do not escape.
func text(name, signature string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
}

// scalar broadcasts a float32 in memory.
func (w width) scalar(m Mem) reg.VecVirtual {
	v := w.reg()
	VBROADCASTSS(m, v)
	return v
}

// times returns x times a float32 in memory.
func (w width) times(m Mem, x reg.VecVirtual) reg.VecVirtual {
	if w.bytes == 64 {
		v := w.reg()
		VMULPS_BCST(m, x, v)
		return v
	}
	v := w.scalar(m)
	VMULPS(v, x, v)
	return v
}

// addTimes adds x times a float32 in memory to sum.
func (w width) addTimes(m Mem, x, sum reg.VecVirtual) {
	if w.bytes == 64 {
		VFMADD231PS_BCST(m, x, sum)
		return
	}
	VFMADD231PS(w.scalar(m), x, sum)
}
