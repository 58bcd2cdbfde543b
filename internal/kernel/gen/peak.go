package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// peaks builds loops that do nothing but what their name says, as fast as the CPU can: the ceilings of the others.
func peaks() {
	fmaPeak(avx512, 28)
	fmaPeak(avx2, 12)
	vnniPeak()
	bf16Peak()
	readPeak(avx512)
	readPeak(avx2)
}

// repeated runs body n times.
func repeated(body func()) {
	n := arg("n")
	Label("loop")
	body()
	DECQ(n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// fmaPeak runs n rounds of independent multiply-adds on registers that hold zeros.
func fmaPeak(w width, chains int) {
	text("fmaPeak"+w.name, "func(n int)")
	acc, x := make([]reg.VecVirtual, chains), w.reg()
	zero(w, x)
	for i := range acc {
		acc[i] = w.reg()
		zero(w, acc[i])
	}
	repeated(func() {
		for _, a := range acc {
			VFMADD231PS(x, x, a)
		}
	})
}

// vnniPeak runs n rounds of 28 products of 64 bytes.
func vnniPeak() {
	text("vnniPeakAVX512", "func(n int)")
	acc, x := make([]reg.VecVirtual, 28), ZMM()
	zero(avx512, x)
	for i := range acc {
		acc[i] = ZMM()
		zero(avx512, acc[i])
	}
	repeated(func() {
		for _, a := range acc {
			VPDPBUSD(x, x, a)
		}
	})
}

// bf16Peak runs n rounds of 28 products of 32 bf16.
func bf16Peak() {
	text("bf16PeakAVX512", "func(n int)")
	for _, z := range physicalZ[:29] {
		VPXORD(z, z, z)
	}
	repeated(func() {
		for i := range 28 {
			vdpbf16ps(28, 28, i)
		}
	})
}

// readPeak loads n blocks of eight vectors.
func readPeak(w width) {
	text("read"+w.name, "func(n int, p *byte)")
	p := arg("p")
	v := make([]reg.VecVirtual, 8)
	for i := range v {
		v[i] = w.reg()
	}
	repeated(func() {
		for i := range v {
			VMOVUPS(at(p, i*w.bytes), v[i])
		}
		ADDQ(U32(8*w.bytes), p)
	})
}
