package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// fewFloats multiplies float32 weights; a step is one input.
func fewFloats(f *few) {
	f.acc = f.zeroed(f.rows)
	f.loop(1, 2*f.bytes, 4, func(int) {
		f.multiplyAdd(f.load(VMOVUPS, 0), 0)
	})
	f.finish()
}

// fewPairs multiplies bf16 with VDPBF16PS; a step is two inputs. The registers are fixed, since the instruction is
// spelled in bytes.
func fewPairs(f *few) {
	for r := range f.rows {
		f.acc = append(f.acc, nil)
		for v := range f.vectors() {
			z := physicalZ[r*f.vectors()+v]
			VPXORD(z, z, z)
			f.acc[r] = append(f.acc[r], z)
		}
	}
	const first, x = 26, 31
	f.loop(1, 128, 4, func(int) {
		for v := range f.vectors() {
			VMOVDQU32(f.weights(v, 64, 0), physicalZ[first+v])
		}
		for r := range f.rows {
			VPBROADCASTD(f.row(r, 0), physicalZ[x])
			for v := range f.vectors() {
				vdpbf16ps(x, first+v, r*f.vectors()+v)
			}
		}
	})
	f.finish()
}

// fewWidePairs multiplies bf16 weights with float32 activations; a step is two inputs.
func fewWidePairs(f *few) {
	f.acc = f.zeroed(f.rows)
	f.loop(1, 2*f.bytes, 8, func(int) {
		w, even := make([]reg.VecVirtual, f.vectors()), make([]reg.VecVirtual, f.vectors())
		for v := range w {
			w[v], even[v] = f.reg(), f.reg()
			VMOVUPS(f.weights(v, f.bytes, 0), w[v])
			VPSLLD(Imm(16), w[v], even[v])
		}
		f.multiplyAdd(even, 0)
		for v := range w {
			VPSRLD(Imm(16), w[v], w[v])
			VPSLLD(Imm(16), w[v], w[v])
		}
		f.multiplyAdd(w, 4)
	})
	f.finish()
}

// multiplyAdd adds the products of activation disp of every row with a vector of weights each.
func (f *few) multiplyAdd(w []reg.VecVirtual, disp int) {
	x := f.reg()
	for r := range f.rows {
		VBROADCASTSS(f.row(r, disp), x)
		for v := range w {
			VFMADD231PS(w[v], x, f.acc[r][v])
		}
	}
}
