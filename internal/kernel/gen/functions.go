package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The polynomials are given with the highest power first.
var expPoly = []float64{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1}

const (
	log2e       = math.Log2E
	ln2High     = 0.693359375
	ln2Low      = -2.12194440e-4
	expLargest  = 89   // above log(MaxFloat32): the result is infinite
	expSmallest = -104 // below log of the smallest denormal: it is zero
)

var expConsts = append([]float64{log2e, ln2High, ln2Low, expLargest, expSmallest, 1}, expPoly...)

// exp returns eˣ within 2 ulp: x = n·ln 2 + r, a polynomial in r, and a scaling by 2ⁿ (Cephes).
func (c *consts) exp(x reg.VecVirtual) reg.VecVirtual {
	v, n, r, r2 := c.clamp(x, expSmallest, expLargest), c.width.reg(), c.width.reg(), c.width.reg()
	VMULPS(c.get(log2e), v, n)
	c.integer(n)
	VMOVAPS(v, r)
	VFNMADD231PS(c.get(ln2High), n, r)
	VFNMADD231PS(c.get(ln2Low), n, r)
	p := c.polynomial(expPoly, r)
	VMULPS(r, r, r2)
	VFMADD213PS(r, r2, p)
	VADDPS(c.get(1), p, p)
	c.scale(n, p)
	return p
}

// clamp returns x within limits. NaN stays NaN.
func (c *consts) clamp(x reg.VecVirtual, lowest, highest float64) reg.VecVirtual {
	v := c.width.reg()
	VMINPS(x, c.reg(highest), v)
	VMAXPS(v, c.reg(lowest), v)
	return v
}

// polynomial returns Σ coefficients·xⁱ, the highest power first.
func (c *consts) polynomial(coefficients []float64, x reg.VecVirtual) reg.VecVirtual {
	p := c.copy(coefficients[0])
	for _, coefficient := range coefficients[1:] {
		VFMADD213PS(c.get(coefficient), x, p)
	}
	return p
}

// integer rounds to the nearest integer.
func (w width) integer(x reg.VecVirtual) {
	if w.bytes == 64 {
		VRNDSCALEPS(Imm(0), x, x)
		return
	}
	VROUNDPS(Imm(0), x, x)
}

// scale multiplies p by 2ⁿ; AVX2 takes two steps, because 2ⁿ itself may be out of range.
func (c *consts) scale(n, p reg.VecVirtual) {
	if c.bytes == 64 {
		VSCALEFPS(n, p, p)
		return
	}
	whole, half := YMM(), YMM()
	VCVTPS2DQ(n, whole)
	VPSRAD(Imm(1), whole, half)
	VPSUBD(half, whole, whole)
	for _, power := range []reg.VecVirtual{whole, half} {
		VPSLLD(Imm(23), power, power)
		VPADDD(c.get(1), power, power)
		VMULPS(power, p, p)
	}
}

// sigmoid returns 1/(1 + e⁻ˣ).
func (c *consts) sigmoid(x reg.VecVirtual) reg.VecVirtual {
	y := c.width.reg()
	VDIVPS(c.onePlusExpNegative(x), c.reg(1), y)
	return y
}

// silu returns x/(1 + e⁻ˣ).
func (c *consts) silu(x reg.VecVirtual) reg.VecVirtual {
	y := c.width.reg()
	VDIVPS(c.onePlusExpNegative(x), x, y)
	return y
}

// onePlusExpNegative returns 1 + e⁻ˣ.
func (c *consts) onePlusExpNegative(x reg.VecVirtual) reg.VecVirtual {
	y := c.width.reg()
	VXORPS(c.get(signBit), x, y)
	e := c.exp(y)
	VADDPS(c.get(1), e, e)
	return e
}

var signBit = math.Copysign(0, -1)

var sigmoidConsts = append([]float64{signBit}, expConsts...)

// siluSlope returns the derivative s(1 + x(1 - s)) with s = σ(x).
func (c *consts) siluSlope(x reg.VecVirtual) reg.VecVirtual {
	return c.siluSlopeOf(x, c.sigmoid(x))
}

func (c *consts) siluSlopeOf(x, s reg.VecVirtual) reg.VecVirtual {
	y := c.copy(1)
	VSUBPS(s, y, y)
	VFMADD213PS(c.get(1), x, y)
	VMULPS(s, y, y)
	return y
}

// geluNew returns x/(1 + e⁻²ᵘ) with u = √(2/π)(x + 0.044715x³).
func (c *consts) geluNew(x reg.VecVirtual) reg.VecVirtual {
	y := c.width.reg()
	VDIVPS(c.geluNewDivisor(x), x, y)
	return y
}

func (c *consts) geluNewDivisor(x reg.VecVirtual) reg.VecVirtual {
	y, cubic := c.width.reg(), c.copy(geluCubic)
	VMULPS(x, x, y)
	VFMADD213PS(c.get(geluLinear), cubic, y) // y·cubic + linear
	VMULPS(x, y, y)
	e := c.exp(y)
	VADDPS(c.get(1), e, e)
	return e
}

// geluNewSlope returns the derivative s + x·s(1 - s)·2u' with s = σ(2u). Beyond ±10 it is 0 and 1.
func (c *consts) geluNewSlope(x reg.VecVirtual) reg.VecVirtual {
	v := c.clamp(x, -10, 10)
	s, rest, y, slope := c.width.reg(), c.copy(1), c.width.reg(), c.copy(-3*geluCubic)
	VDIVPS(c.geluNewDivisor(v), rest, s)
	VSUBPS(s, rest, rest)
	VMULPS(s, rest, rest)
	VMULPS(v, rest, rest)
	VMULPS(v, v, y)
	VFMADD213PS(c.get(-geluLinear), y, slope)
	VFMADD213PS(s, rest, slope)
	return slope
}

var (
	geluLinear    = -2 * math.Sqrt(2/math.Pi)
	geluCubic     = geluLinear * 0.044715
	geluNewConsts = append([]float64{geluLinear, geluCubic}, expConsts...)
)

// Φ(-a) is e^(-a²/2)·t·p(t) with t = 1/(1 + tailRate·a), for a from 0 to 15 within 4e-8 of itself (a polynomial with
// the least largest relative error, fitted to the complementary error function).
const tailRate = 0.35

var tailPoly = []float64{-0.02916380063, 0.1440602089, -0.2559006758, 0.1593916064, -0.02326297763, 0.1055744587, 0.1198155794,
	0.1398643257, 0.1396212589}

// gaussian returns e^(-x²/2) and the normal distribution Φ(x). The square is kept in two parts, because the exponential
// magnifies its rounding error.
func (c *consts) gaussian(x reg.VecVirtual) (density, phi reg.VecVirtual) {
	a, square, low, t := c.width.reg(), c.width.reg(), c.width.reg(), c.copy(tailRate)
	VANDPS(c.get(bits(0x7fffffff)), x, a)
	VMINPS(a, c.reg(15), a)
	VMULPS(a, a, square)
	VMOVAPS(square, low)
	VFMSUB231PS(a, a, low) // a² - square: the rounding error
	VMULPS(c.get(-0.5), square, square)
	density = c.exp(square)
	VMULPS(c.get(-0.5), low, low)
	VFMADD231PS(density, low, density)
	VFMADD213PS(c.get(1), a, t)
	VDIVPS(t, c.reg(1), t)
	phi = c.polynomial(tailPoly, t)
	VMULPS(t, phi, phi)
	VMULPS(density, phi, phi)
	upper := c.copy(1)
	VSUBPS(phi, upper, upper)
	c.assign(c.above(c.get(0), x), upper, phi)
	return density, phi
}

var gaussianConsts = append(append([]float64{1}, tailPoly...), expConsts...)

// gelu returns x·Φ(x).
func (c *consts) gelu(x reg.VecVirtual) reg.VecVirtual {
	_, y := c.gaussian(x)
	VMULPS(x, y, y)
	return y
}

// geluSlope returns the derivative Φ(x) + x·e^(-x²/2)/√(2π).
func (c *consts) geluSlope(x reg.VecVirtual) reg.VecVirtual {
	density, y := c.gaussian(x)
	VMULPS(c.get(1/math.Sqrt(2*math.Pi)), density, density)
	VFMADD231PS(x, density, y)
	return y
}

// atanhPoly is 2·atanh(s)/s in s², for s up to ⅓ within 4e-9 of itself (the least largest relative error).
var atanhPoly = []float64{0.2817838513, 0.279605914, 0.4002491109, 0.6666631466, 2.000000008}

// softplus returns max(x, 0) + log(1 + t) with t = e^-|x|, the logarithm as 2·atanh(t/(2 + t)).
func (c *consts) softplus(x reg.VecVirtual) reg.VecVirtual {
	s, square := c.width.reg(), c.width.reg()
	VORPS(c.get(signBit), x, s)
	t := c.exp(s)
	VADDPS(c.get(2), t, s)
	VDIVPS(s, t, s)
	VMULPS(s, s, square)
	y, positive := c.polynomial(atanhPoly, square), c.width.reg()
	VMAXPS(x, c.reg(0), positive)
	VFMADD213PS(positive, s, y)
	return y
}

var softplusConsts = append([]float64{signBit, 0, 2}, expConsts...)
