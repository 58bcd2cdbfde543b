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
			VMOVDQA64(acc[r][0], acc[r][1])
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
		if f.rows == 1 {
			f.quadChains(acc[0])
			return
		}
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

// A single row has registers for several chains of sums, which hide each other's latency. Integer sums do not depend
// on their order, so they are those of many rows. fewChains is the number of steps along the input at a time.
const fewChains = 2

// quadChains adds one row's products to acc.
func (f *few) quadChains(acc []Op) {
	chains := append([][]Op{acc}, f.zeroed()...)
	f.loopOf(fewChains, 128, 4, func() {
		for i, chain := range chains {
			x := f.reg()
			VPBROADCASTD(f.row(0, 4*i), x)
			for v := range chain {
				w := f.reg()
				VMOVDQU32(f.weights(v, 64, 128*i), w)
				VPDPBUSD(x, w, chain[v])
			}
		}
	})
	f.join(chains)
}

// join adds all chains to the first.
func (f *few) join(chains [][]Op) {
	for _, chain := range chains[1:] {
		for v := range chain {
			VPADDD(chain[v], chains[0][v], chains[0][v])
		}
	}
}

// bytesOf fills a vector with a byte.
func bytesOf(b uint32) reg.VecVirtual {
	bits, v := GP32(), ZMM()
	MOVL(U32(b*0x01010101), bits)
	VPBROADCASTD(bits, v)
	return v
}

// fewNibbleQuads multiplies int4 weights, stored with 8 added, with int8 activations; a step is eight inputs, the first
// four in the low nibbles.
func fewNibbleQuads(f *few) {
	f.ahead = true
	mask := bytesOf(0x0f)
	if f.rows == 1 {
		high := bytesOf(0xf0)
		f.integerGroups(func(acc [][]Op) { f.nibbleChains(acc[0], mask, high) })
		return
	}
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

// nibbleChains adds one row's products to acc. The high nibbles are multiplied where they stand: their sums, 16 times
// too large, are shifted at the end.
func (f *few) nibbleChains(acc []Op, lowMask, highMask reg.VecVirtual) {
	low, high := append([][]Op{acc}, f.zeroed()...), append(f.zeroed(), f.zeroed()...)
	f.loopOf(fewChains, 128, 8, func() {
		for i := range fewChains {
			x, y := f.reg(), f.reg()
			VPBROADCASTD(f.row(0, 8*i), x)
			VPBROADCASTD(f.row(0, 8*i+4), y)
			for v := range acc {
				w, l := f.reg(), f.reg()
				VMOVDQU32(f.weights(v, 64, 128*i), w)
				VPANDD(w, lowMask, l)
				VPANDD(w, highMask, w)
				VPDPBUSD(x, l, low[i][v])
				VPDPBUSD(y, w, high[i][v])
			}
		}
	})
	f.join(high)
	for _, h := range high[0] {
		VPSRAD(Imm(4), h, h)
	}
	f.join(append(low, high[0]))
}
