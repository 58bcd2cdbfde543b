package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// peaks builds loops that run one kind of instruction as fast as the CPU can: the ceilings of the other kernels.
func peaks() {
	multiplyAdd := func(x, sum reg.VecVirtual) { VFMADD231PS(x, x, sum) }
	peak("fmaPeak", avx512, 28, multiplyAdd)
	peak("fmaPeak", avx2, 12, multiplyAdd)
	peak("vnniPeak", avx512, 28, func(x, sum reg.VecVirtual) { VPDPBUSD(x, x, sum) })
	bf16Peak()
	readPeak(avx512)
	readPeak(avx2)
}

// repeated emits the rest of a function, which runs body n times.
func repeated(body func()) {
	n := arg("n")
	Label("loop")
	body()
	countDown(n, "loop")
	leave()
}

// peak runs n rounds of independent products on registers that hold zeros.
func peak(name string, w width, chains int, product func(x, sum reg.VecVirtual)) {
	text(name+w.name, "func(n int)")
	x, acc := w.zeros(1)[0], w.zeros(chains)
	repeated(func() {
		for _, sum := range acc {
			product(x, sum)
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
	p, v := arg("p"), w.regs(8)
	repeated(func() {
		for i := range v {
			VMOVUPS(at(p, i*w.bytes), v[i])
		}
		ADDQ(U32(8*w.bytes), p)
	})
}
