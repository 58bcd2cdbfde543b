package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// elementwise builds functions of rows of float32 with AVX-512. The last vector of a row is masked.
func elementwise() {
	mapping("exp", []string{"x"}, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.exp(in[0]) })
	mapping("silu", []string{"x"}, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.silu(in[0]) })
	mapping("swiglu", []string{"gate", "up"}, func(c *consts, in []reg.VecVirtual) reg.VecVirtual {
		y := c.silu(in[0])
		VMULPS(in[1], y, y)
		return y
	})
	mapping("geluNew", []string{"x"}, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.geluNew(in[0]) })
	mapping("softplus", []string{"x"}, func(c *consts, in []reg.VecVirtual) reg.VecVirtual { return c.softplus(in[0]) })
	mapping("add", []string{"x", "y"}, func(c *consts, in []reg.VecVirtual) reg.VecVirtual {
		VADDPS(in[1], in[0], in[0])
		return in[0]
	})
	mapping("mul", []string{"x", "y"}, func(c *consts, in []reg.VecVirtual) reg.VecVirtual {
		VMULPS(in[1], in[0], in[0])
		return in[0]
	})
	affine()
	scaled(false)
	scaled(true)
	axpy()
	dotProduct()
	rowMax()
	rowSum("sum", false)
	rowSum("sumSquares", true)
	expSum(true)
	expSum(false)
}

// consts are constants that were broadcast into registers before the loop.
type consts struct{ regs map[string]reg.VecVirtual }

// get returns the register that holds v.
func (c *consts) get(v float64) reg.VecVirtual {
	r, ok := c.regs[constName(float32(v))]
	if !ok {
		panic("gen: a constant is used that was not loaded: " + constName(float32(v)))
	}
	return r
}

// newConsts broadcasts the values.
func newConsts(values ...[]float64) *consts {
	c := &consts{regs: map[string]reg.VecVirtual{}}
	for _, list := range values {
		for _, v := range list {
			name, r := constName(float32(v)), ZMM()
			c.regs[name] = r
			VBROADCASTSS(constData(name, v), r)
		}
	}
	return c
}

// constData places a constant in the file, once.
func constData(name string, v float64) Mem {
	if m, ok := placed[name]; ok {
		return m
	}
	placed[name] = ConstData(name, U32(math.Float32bits(float32(v))))
	return placed[name]
}

var placed = map[string]Mem{}

// constName names a constant by its bits.
func constName(v float32) string {
	const hex = "0123456789abcdef"
	s := []byte("f32_")
	for shift := 28; shift >= 0; shift -= 4 {
		s = append(s, hex[math.Float32bits(v)>>shift&15])
	}
	return string(s)
}

// The polynomials of exp and log, highest power first.
var (
	expPoly = []float64{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1}
	logPoly = []float64{7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
		-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1}
)

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
	v, n, r, p, r2 := ZMM(), ZMM(), ZMM(), ZMM(), ZMM()
	VMINPS(x, c.get(expLargest), v) // NaN in x stays
	VMAXPS(v, c.get(expSmallest), v)
	VMULPS(c.get(log2e), v, n)
	VRNDSCALEPS(Imm(0), n, n)
	VMOVAPS(v, r)
	VFNMADD231PS(c.get(ln2High), n, r)
	VFNMADD231PS(c.get(ln2Low), n, r)
	VMOVAPS(c.get(expPoly[0]), p)
	for _, coefficient := range expPoly[1:] {
		VFMADD213PS(c.get(coefficient), r, p)
	}
	VMULPS(r, r, r2)
	VFMADD213PS(r, r2, p)
	VADDPS(c.get(1), p, p)
	VSCALEFPS(n, p, p)
	return p
}

// silu returns x/(1 + e⁻ˣ).
func (c *consts) silu(x reg.VecVirtual) reg.VecVirtual {
	y := ZMM()
	VXORPS(c.get(math.Copysign(0, -1)), x, y)
	e := c.exp(y)
	VADDPS(c.get(1), e, e)
	VDIVPS(e, x, y)
	return y
}

// geluNew returns x/(1 + e⁻²ᵘ) with u = √(2/π)(x + 0.044715x³).
func (c *consts) geluNew(x reg.VecVirtual) reg.VecVirtual {
	y := ZMM()
	VMULPS(x, x, y)
	VFMADD213PS(c.get(geluLinear), c.get(geluCubic), y) // y·cubic + linear
	VMULPS(x, y, y)
	e := c.exp(y)
	VADDPS(c.get(1), e, e)
	VDIVPS(e, x, y)
	return y
}

var (
	geluLinear = -2 * math.Sqrt(2/math.Pi)
	geluCubic  = geluLinear * 0.044715
)

// softplus returns log(1 + t) with t = eˣ as log(u)·t/(u-1), u = 1 + t, which loses nothing for small t; x above 20.
func (c *consts) softplus(x reg.VecVirtual) reg.VecVirtual {
	t := c.exp(x)
	u, d, y, mask := ZMM(), ZMM(), ZMM(), K()
	VADDPS(c.get(1), t, u)
	VSUBPS(c.get(1), u, d)
	l := c.log(u)
	VMULPS(t, l, y)
	VDIVPS(d, y, y)
	VCMPPS(Imm(0), c.get(0), d, mask) // u rounds to 1: log(1+t) is t
	VMOVAPS(t, mask, y)
	VCMPPS(Imm(14), c.get(20), x, mask) // greater
	VMOVAPS(x, mask, y)
	VCMPPS(Imm(3), x, x, mask) // NaN
	VMOVAPS(x, mask, y)
	return y
}

var softplusConsts = append([]float64{0, 20, 0.5, math.Sqrt2}, logPoly...)

// log returns log u of a positive normal u (Cephes).
func (c *consts) log(u reg.VecVirtual) reg.VecVirtual {
	e, m, f, z, y, high := ZMM(), ZMM(), ZMM(), ZMM(), ZMM(), K()
	VGETEXPPS(u, e)
	VGETMANTPS(Imm(0), u, m) // in [1, 2), then in [√½, √2)
	VCMPPS(Imm(14), c.get(math.Sqrt2), m, high)
	VADDPS(c.get(1), e, high, e)
	VMULPS(c.get(0.5), m, high, m)
	VSUBPS(c.get(1), m, f)
	VMULPS(f, f, z)
	VMOVAPS(c.get(logPoly[0]), y)
	for _, coefficient := range logPoly[1:] {
		VFMADD213PS(c.get(coefficient), f, y)
	}
	VMULPS(f, y, y)
	VMULPS(z, y, y)
	VFMADD231PS(c.get(ln2Low), e, y)
	VFNMADD231PS(c.get(0.5), z, y)
	VADDPS(f, y, y)
	VFMADD231PS(c.get(ln2High), e, y)
	return y
}

// mapping builds dst[i] = f(in...[i]) for i < n.
func mapping(name string, inputs []string, f func(c *consts, in []reg.VecVirtual) reg.VecVirtual) {
	signature := "func(n int, dst"
	for _, in := range inputs {
		signature += ", " + in
	}
	text(name+"AVX512", signature+" *float32)")
	n, dst := arg("n"), arg("dst")
	pointers := []reg.GPVirtual{}
	for _, in := range inputs {
		pointers = append(pointers, arg(in))
	}
	c := newConsts(constsOf[name]...)
	eachVector(n, func(mask Op) {
		in := make([]reg.VecVirtual, len(pointers))
		for i, p := range pointers {
			in[i] = loadVector(p, mask)
		}
		y := f(c, in)
		storeVector(y, dst, mask)
	}, append(pointers, dst)...)
	VZEROUPPER()
	RET()
}

var constsOf = map[string][][]float64{
	"exp":      {expConsts},
	"silu":     {expConsts, {math.Copysign(0, -1)}},
	"swiglu":   {expConsts, {math.Copysign(0, -1)}},
	"geluNew":  {expConsts, {geluLinear, geluCubic}},
	"softplus": {expConsts, softplusConsts},
}

// loadVector loads a whole vector, or the lanes of mask with zeros elsewhere.
func loadVector(p reg.GPVirtual, mask Op) reg.VecVirtual {
	r := ZMM()
	if mask == nil {
		VMOVUPS(at(p, 0), r)
	} else {
		VMOVUPS_Z(at(p, 0), mask, r)
	}
	return r
}

// storeVector stores a whole vector, or the lanes of mask.
func storeVector(v reg.VecVirtual, p reg.GPVirtual, mask Op) {
	if mask == nil {
		VMOVUPS(v, at(p, 0))
	} else {
		VMOVUPS(v, mask, at(p, 0))
	}
}

// loadOr loads a whole vector, or the lanes of mask with those of other elsewhere.
func loadOr(p reg.GPVirtual, mask Op, other reg.VecVirtual) reg.VecVirtual {
	v := ZMM()
	if mask == nil {
		VMOVUPS(at(p, 0), v)
	} else {
		VMOVAPS(other, v)
		VMOVUPS(at(p, 0), mask, v)
	}
	return v
}

// eachVector runs body for every 16 of n elements, the rest with a mask. The pointers advance with it.
func eachVector(n reg.GPVirtual, body func(mask Op), pointers ...reg.GPVirtual) {
	Label("loop")
	CMPQ(n, Imm(16))
	JLT(LabelRef("tail"))
	body(nil)
	for _, p := range pointers {
		ADDQ(Imm(64), p)
	}
	SUBQ(Imm(16), n)
	JMP(LabelRef("loop"))
	Label("tail")
	TESTQ(n, n)
	JE(LabelRef("done"))
	bits, mask := GP64(), K()
	MOVQ(I32(-1), bits)
	BZHIQ(n, bits, bits)
	KMOVW(bits.As32(), mask)
	body(mask)
	Label("done")
}

// affine is dst = (x - shift)·scale·w + b, the end of a norm; without b where b is nil.
func affine() {
	text("affineAVX512", "func(n int, dst, x, w, b *float32, shift, scale float32)")
	n, dst, x, w, b := arg("n"), arg("dst"), arg("x"), arg("w"), arg("b")
	shift, scale := ZMM(), ZMM()
	VBROADCASTSS(NewParamAddr("shift", 40), shift)
	VBROADCASTSS(NewParamAddr("scale", 44), scale)
	eachVector(n, func(mask Op) {
		v, weight, bias := loadVector(x, mask), loadVector(w, mask), loadVector(b, mask)
		VSUBPS(shift, v, v)
		VMULPS(scale, v, v)
		VFMADD213PS(bias, weight, v)
		storeVector(v, dst, mask)
	}, dst, x, w, b)
	VZEROUPPER()
	RET()
}

// scaled is dst = x·scale, times w if weighted.
func scaled(weighted bool) {
	name, signature := "scaleAVX512", "func(n int, scale float32, dst, x *float32)"
	if weighted {
		name, signature = "scaleMulAVX512", "func(n int, scale float32, dst, x, w *float32)"
	}
	text(name, signature)
	n, dst, x, scale := arg("n"), arg("dst"), arg("x"), ZMM()
	pointers := []reg.GPVirtual{dst, x}
	if weighted {
		pointers = append(pointers, arg("w"))
	}
	VBROADCASTSS(NewParamAddr("scale", 8), scale)
	eachVector(n, func(mask Op) {
		v := loadVector(x, mask)
		VMULPS(scale, v, v)
		if weighted {
			VMULPS(loadVector(pointers[2], mask), v, v)
		}
		storeVector(v, dst, mask)
	}, pointers...)
	VZEROUPPER()
	RET()
}

// axpy is y += a·x.
func axpy() {
	text("axpyAVX512", "func(n int, a float32, x, y *float32)")
	n, x, y, a := arg("n"), arg("x"), arg("y"), ZMM()
	VBROADCASTSS(NewParamAddr("a", 8), a)
	eachVector(n, func(mask Op) {
		v, sum := loadVector(x, mask), loadVector(y, mask)
		VFMADD231PS(a, v, sum)
		storeVector(sum, y, mask)
	}, x, y)
	VZEROUPPER()
	RET()
}

// dotProduct is Σ x·y.
func dotProduct() {
	text("dotAVX512", "func(n int, x, y *float32) float32")
	n, x, y := arg("n"), arg("x"), arg("y")
	acc, second := ZMM(), ZMM()
	zero(avx512, acc)
	zero(avx512, second)
	Label("pair")
	CMPQ(n, Imm(32))
	JLT(LabelRef("loop"))
	for i, a := range []reg.VecVirtual{acc, second} {
		v := ZMM()
		VMOVUPS(at(x, 64*i), v)
		VFMADD231PS(at(y, 64*i), v, a)
	}
	ADDQ(Imm(128), x)
	ADDQ(Imm(128), y)
	SUBQ(Imm(32), n)
	JMP(LabelRef("pair"))
	eachVector(n, func(mask Op) {
		v, w := loadVector(x, mask), loadVector(y, mask)
		VFMADD231PS(v, w, acc)
	}, x, y)
	VADDPS(second, acc, acc)
	storeSum(acc)
}

// storeSum returns the sum of the lanes.
func storeSum(acc reg.VecVirtual) {
	y, x, t := YMM(), XMM(), XMM()
	VEXTRACTF64X4(Imm(1), acc, y)
	VADDPS(acc.AsY(), y, y)
	VEXTRACTF128(Imm(1), y, x)
	VADDPS(y.AsX(), x, x)
	VPERMILPS(Imm(0x4e), x, t)
	VADDPS(t, x, x)
	VPERMILPS(Imm(0xb1), x, t)
	VADDPS(t, x, x)
	Store(x, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// rowMax returns the largest element. Where there is a NaN it is any element: what uses it sums over the row as well.
func rowMax() {
	text("rowMaxAVX512", "func(n int, x *float32) float32")
	n, x, top := arg("n"), arg("x"), ZMM()
	c := newConsts([]float64{math.Inf(-1)})
	VMOVAPS(c.get(math.Inf(-1)), top)
	eachVector(n, func(mask Op) {
		v := loadOr(x, mask, c.get(math.Inf(-1)))
		VMAXPS(v, top, top)
	}, x)
	y, low, t := YMM(), XMM(), XMM()
	VEXTRACTF64X4(Imm(1), top, y)
	VMAXPS(top.AsY(), y, y)
	VEXTRACTF128(Imm(1), y, low)
	VMAXPS(y.AsX(), low, low)
	VPERMILPS(Imm(0x4e), low, t)
	VMAXPS(t, low, low)
	VPERMILPS(Imm(0xb1), low, t)
	VMAXPS(t, low, low)
	Store(low, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// rowSum returns Σ (x - shift), or of its squares.
func rowSum(name string, square bool) {
	text(name+"AVX512", "func(n int, x *float32, shift float32) float32")
	n, x, acc, shift := arg("n"), arg("x"), ZMM(), ZMM()
	VBROADCASTSS(NewParamAddr("shift", 16), shift)
	zero(avx512, acc)
	eachVector(n, func(mask Op) {
		v := loadOr(x, mask, shift)
		VSUBPS(shift, v, v)
		if square {
			VFMADD231PS(v, v, acc)
		} else {
			VADDPS(v, acc, acc)
		}
	}, x)
	storeSum(acc)
}

// expSum returns Σ exp(x - shift) in float64, and writes the terms to dst if keep is set.
func expSum(keep bool) {
	name, signature := "expSumAVX512", "func(n int, x *float32, shift float32) float64"
	if keep {
		name, signature = "expShiftedAVX512", "func(n int, x *float32, shift float32, dst *float32) float64"
	}
	text(name, signature)
	n, x := arg("n"), arg("x")
	pointers := []reg.GPVirtual{x}
	var dst reg.GPVirtual
	if keep {
		dst = arg("dst")
		pointers = append(pointers, dst)
	}
	shift, acc, wide := ZMM(), ZMM(), ZMM()
	VBROADCASTSS(NewParamAddr("shift", 16), shift)
	c := newConsts(expConsts, []float64{math.Inf(-1)})
	zero(avx512, acc)
	eachVector(n, func(mask Op) {
		v := loadOr(x, mask, c.get(math.Inf(-1)))
		VSUBPS(shift, v, v)
		e := c.exp(v)
		if keep {
			storeVector(e, dst, mask)
		}
		high := YMM()
		VEXTRACTF64X4(Imm(1), e, high)
		VCVTPS2PD(e.AsY(), wide)
		VADDPD(wide, acc, acc)
		VCVTPS2PD(high, wide)
		VADDPD(wide, acc, acc)
	}, pointers...)
	y, low, t := YMM(), XMM(), XMM()
	VEXTRACTF64X4(Imm(1), acc, y)
	VADDPD(acc.AsY(), y, y)
	VEXTRACTF128(Imm(1), y, low)
	VADDPD(y.AsX(), low, low)
	VPERMILPD(Imm(1), low, t)
	VADDPD(t, low, low)
	Store(low, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
