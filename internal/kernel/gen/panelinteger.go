package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// fixedDigits is the number of base-256 digits of an activation in fixed point. Each digit, the most significant first, has
// a row of int8 of its own.
const fixedDigits = 3

// integerGroups sums the integer products of each group, starting from fix, and adds them scaled to the outputs: one fused
// multiply-add per output and group, like the tiles of int8Quads.
func (f *few) integerGroups(sum func(acc [][]Op)) {
	f.acc = f.zeroed(f.rows / f.digits)
	fix, sx, ldg, base := arg("fix"), arg("sx"), arg("ldg"), f.digitBase(f.digits)
	third := GP64()
	f.scaledGroups(func(scales []reg.VecVirtual) {
		acc := f.registers(f.rows)
		MOVQ(fix, third)
		for r := range acc {
			VPBROADCASTD(at(third, 0), acc[r][0])
			VMOVDQA64(acc[r][0], acc[r][1])
			ADDQ(ldg, third)
		}
		sum(acc)
		MOVQ(sx, third)
		for r, out := range f.acc {
			x := f.scalar(at(third, 0))
			for v := range out {
				scale := f.reg()
				number := f.number(acc[r*f.digits:][:f.digits], v, base)
				VMULPS(x, scales[v], scale)
				VFMADD231PS(number, scale, out[v])
			}
			ADDQ(ldg, third)
		}
		ADDQ(Imm(4), fix)
		ADDQ(Imm(4), sx)
	})
	f.finish()
}

// digitBase returns the base of the digits in every lane, or nil if there is one digit.
func (w width) digitBase(digits int) reg.VecVirtual {
	if digits == 1 {
		return nil
	}
	return w.scalar(constWord("digitBase", math.Float32bits(256)))
}

// number returns vector v of the digits' sums as one float32 number.
func (w width) number(digits [][]Op, v int, base reg.VecVirtual) Op {
	for _, d := range digits {
		VCVTDQ2PS(d[v], d[v])
	}
	sum := digits[0][v]
	for _, d := range digits[1:] {
		VFMADD213PS(d[v], base, sum)
	}
	return sum
}

// Where registers allow, several steps along the input have separate sums, which hides latency. Integer sums do not depend
// on their order, so the results equal those of many rows.

// chains returns separate sums for each of several steps; acc are those of the first.
func (f *few) chains(steps int, acc [][]Op) [][][]Op {
	all := [][][]Op{acc}
	for range steps - 1 {
		all = append(all, f.zeroed(f.rows))
	}
	return all
}

// join adds all chains to the first.
func (f *few) join(chains [][][]Op) {
	for _, chain := range chains[1:] {
		for r, sums := range chain {
			for v := range sums {
				VPADDD(sums[v], chains[0][r][v], chains[0][r][v])
			}
		}
	}
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
	f.ahead = f.digits > 1
	steps := 1
	if f.rows <= fixedDigits {
		steps = 2
	}
	f.integerGroups(func(acc [][]Op) {
		chains := f.chains(steps, acc)
		f.loop(steps, 128, 4, func(i int) { f.dot(f.load(VMOVDQU32, 128*i), 4*i, chains[i]) })
		f.join(chains)
	})
}

// load loads the weights of the step disp bytes ahead.
func (f *few) load(move func(...Op), disp int) []reg.VecVirtual {
	w := f.regs(f.vectors())
	for v, r := range w {
		move(f.weights(v, f.bytes, disp), r)
	}
	return w
}

// fewNibbleQuads multiplies int4 weights, stored with 8 added, with int8 activations; a step is eight inputs, the first
// four in the low nibbles. Where registers allow, the high nibbles are multiplied in place, 16 times too large, and their
// sums are shifted at the end.
func fewNibbleQuads(f *few) {
	f.ahead = true
	low, high, steps := bytesOf(0x0f), bytesOf(0xf0), 1
	if f.rows == 1 {
		steps = 2
	}
	f.integerGroups(func(acc [][]Op) {
		if f.rows > fixedDigits {
			f.loop(1, 128, 8, func(int) { f.dotNibbles(acc, low) })
			return
		}
		chains, shifted := f.chains(steps, acc), f.chains(steps, f.zeroed(f.rows))
		f.loop(steps, 128, 8, func(i int) {
			w := f.load(VMOVDQU32, 128*i)
			f.dot(f.masked(low, w), 8*i, chains[i])
			f.dot(f.masked(high, w), 8*i+4, shifted[i])
		})
		f.join(shifted)
		for _, sums := range shifted[0] {
			for _, v := range sums {
				VPSRAD(Imm(4), v, v)
			}
		}
		f.join(append(chains, shifted[0]))
	})
}

// dotNibbles adds the products of a step to acc.
func (f *few) dotNibbles(acc [][]Op, mask reg.VecVirtual) {
	w := f.load(VMOVDQU32, 0)
	f.dot(f.masked(mask, w), 0, acc)
	for _, v := range w {
		VPSRLD(Imm(4), v, v)
	}
	f.dot(f.masked(mask, w), 4, acc)
}

// masked returns the bits of the mask of each vector.
func (f *few) masked(mask reg.VecVirtual, w []reg.VecVirtual) []reg.VecVirtual {
	bits := f.regs(len(w))
	for v := range w {
		VPANDD(mask, w[v], bits[v])
	}
	return bits
}

// bytesOf fills a vector with a byte.
func bytesOf(b uint32) reg.VecVirtual {
	bits, v := GP32(), ZMM()
	MOVL(U32(b*0x01010101), bits)
	VPBROADCASTD(bits, v)
	return v
}
