package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// integerGroups sums integer products over each group, from fix on, and adds them scaled to the outputs: one fused
// multiply-add per output and group, as the tiles of int8Quads do.
func (f *few) integerGroups(sum func(acc [][]Op)) {
	f.acc = f.zeroed()
	fix, sx, ldg := arg("fix"), arg("sx"), arg("ldg")
	third := GP64()
	f.scaledGroups(func(scales []reg.VecVirtual) {
		acc := f.registers()
		MOVQ(fix, third)
		for r := range acc {
			VPBROADCASTD(at(third, 0), acc[r][0])
			for v := 1; v < f.vectors(); v++ {
				VMOVDQA64(acc[r][0], acc[r][v])
			}
			ADDQ(ldg, third)
		}
		sum(acc)
		MOVQ(sx, third)
		for r := range acc {
			x := f.reg()
			VBROADCASTSS(at(third, 0), x)
			for v := range acc[r] {
				scale := f.reg()
				VCVTDQ2PS(acc[r][v], acc[r][v])
				VMULPS(x, scales[v], scale)
				VFMADD231PS(acc[r][v], scale, f.acc[r][v])
			}
			ADDQ(ldg, third)
		}
		ADDQ(Imm(4), fix)
		ADDQ(Imm(4), sx)
	})
	f.finish()
}

// dot adds the products of dword disp of every row with a vector of unsigned weights each.
func (f *few) dot(w []reg.VecVirtual, disp int, acc [][]Op) {
	for r := range acc {
		if f.rows == 1 && f.panels == 1 {
			for v := range w {
				VPDPBUSD_BCST(f.row(r, disp), w[v], acc[r][v])
			}
			continue
		}
		x := f.reg()
		VPBROADCASTD(f.row(r, disp), x)
		for v := range w {
			VPDPBUSD(x, w[v], acc[r][v])
		}
	}
}

// fewQuads multiplies int8 weights, stored with 128 added, with int8 activations; a step is four inputs.
func fewQuads(f *few) {
	f.integerGroups(func(acc [][]Op) {
		f.loop(128, 4, func() {
			w := make([]reg.VecVirtual, f.vectors())
			for v := range w {
				w[v] = f.reg()
				VMOVDQU32(f.weights(v, 64, 0), w[v])
			}
			f.dot(w, 0, acc)
		})
	})
}

// fewNibbleQuads multiplies int4 weights, stored with 8 added, with int8 activations; a step is eight inputs, the first
// four in the low nibbles.
func fewNibbleQuads(f *few) {
	f.ahead = true
	mask, bits := ZMM(), GP32()
	MOVL(U32(0x0f0f0f0f), bits)
	VPBROADCASTD(bits, mask)
	f.integerGroups(func(acc [][]Op) {
		f.loop(128, 8, func() {
			low, high := make([]reg.VecVirtual, f.vectors()), make([]reg.VecVirtual, f.vectors())
			for v := range low {
				w := f.reg()
				low[v], high[v] = f.reg(), f.reg()
				VMOVDQU32(f.weights(v, 64, 0), w)
				VPANDD(mask, w, low[v])
				VPSRLD(Imm(4), w, w)
				VPANDD(mask, w, high[v])
			}
			f.dot(low, 0, acc)
			f.dot(high, 4, acc)
		})
	})
}
