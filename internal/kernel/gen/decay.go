package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// exp2Poly is the polynomial for 2ʳ, |r| ≤ ½, with the least relative error, 1.1e-7, of those that are 1 at 0. The highest
// power comes first.
var exp2Poly = []float64{0.0013264742447063327, 0.00967151764780283, 0.05550733581185341, 0.24022242426872253, 0.6931470036506653, 1}

// decays computes decays: powers of two between 2⁻¹²⁶ and infinity, within 2 ulp.
type decays struct {
	*consts
	least, top reg.VecVirtual // of the exponents; AVX-512 scales beyond the top by itself
}

// leastDecay is package kernel's constant of that name.
const leastDecay = -87

func (w width) decays() *decays {
	d := &decays{consts: w.consts(exp2Poly)}
	d.least = d.copy(leastDecay * math.Log2E)
	if w.bytes != 64 {
		d.top = d.copy(128)
	}
	return d
}

// exponent returns delta·log₂e: the decay is two to that times a.
func (d *decays) exponent(delta reg.VecVirtual) reg.VecVirtual {
	e := d.copy(math.Log2E)
	VMULPS(delta, e, e)
	return e
}

// of returns 2ˣ. NaN stays NaN.
func (d *decays) of(x reg.VecVirtual) reg.VecVirtual {
	VMAXPS(x, d.least, x)
	n, r, y := d.width.reg(), d.width.reg(), d.copy(exp2Poly[0])
	if d.bytes == 64 {
		VREDUCEPS(Imm(0), x, r)
		VSUBPS(r, x, n)
	} else {
		VMINPS(x, d.top, x)
		VROUNDPS(Imm(0), x, n)
		VSUBPS(n, x, r)
	}
	for _, c := range exp2Poly[1:] {
		VFMADD213PS(d.get(c), r, y)
	}
	if d.bytes == 64 {
		VSCALEFPS(n, y, y)
		return y
	}
	VCVTPS2DQ(n, n)
	VPSLLD(Imm(23), n, n)
	VPADDD(n, y, y)
	return y
}
