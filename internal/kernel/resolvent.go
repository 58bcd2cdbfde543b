package kernel

import "math"

// The causal resolvent of a tridiagonal Hermitian chain H with real diagonal a, real hops c and k = c², at the
// spectral point z = x + iη with η > 0; a already holds a − x. g_i is the last diagonal entry of the resolvent of the
// leading block H_{≤i}, y_i its last row applied to the values u:
//
//	g_i = 1 / (a_i − iη − k_i g_{i−1})        g_{−1} = 0
//	y_i = g_i (u_i − c_i y_{i−1})             y_{−1} = 0
//
// Im(1/g_i) ≤ −η for every k ≥ 0, so Im g_i > 0 and |g_i| ≤ 1/η without any clamp: no denominator is ever zero. The
// recursion runs in float64, which costs nothing next to the products around it.

// ResolventStep returns g_i from g_{i−1}. It costs 9 FLOPs: two multiply-adds, |d|² in 3, two divisions.
func ResolventStep(a, eta, k float64, g complex128) complex128 {
	dr := a - k*real(g)
	di := -eta - k*imag(g)
	m := dr*dr + di*di
	return complex(dr/m, -di/m)
}

// ResolventRowStep returns one component of y_i from that of y_{i−1}. It costs 10 FLOPs: a multiply-add, a product
// (and a sign), and the complex product in 3 multiplications, a subtraction, a multiply-add and an addition.
func ResolventRowStep(g complex128, c, u float64, y complex128) complex128 {
	qr := u - c*real(y)
	qi := -c * imag(y)
	return complex(real(g)*qr-imag(g)*qi, real(g)*qi+imag(g)*qr)
}

// BornNorm returns √(η/Im g). It makes y a combination of values with weights of unit norm, since by Ward's identity
// Σ_j |R_ij|² = Im g_i/η. It costs 2 FLOPs.
func BornNorm(eta, imG float64) float64 { return math.Sqrt(eta / imG) }

// Cayley returns (g − i)/(g + i), which maps the upper half plane onto the unit disc. It costs 10 FLOPs.
func Cayley(g complex128) complex128 {
	re, im := real(g), imag(g)
	re2, d := re*re, (1+im)*(1+im)
	d += re2
	return complex((re2+im*im-1)/d, -2*re/d)
}

// Complex is a vector of complex numbers as two planes.
type Complex struct{ Re, Im []float64 }

// NewComplex returns n zeros.
func NewComplex(n int) Complex {
	planes := make([]float64, 2*n)
	return Complex{planes[:n:n], planes[n:]}
}

// Len is the number of elements.
func (v Complex) Len() int { return len(v.Re) }

// At returns element i.
func (v Complex) At(i int) complex128 { return complex(v.Re[i], v.Im[i]) }

// Set changes element i.
func (v Complex) Set(i int, z complex128) { v.Re[i], v.Im[i] = real(z), imag(z) }

// Slice returns elements lo to hi, sharing memory.
func (v Complex) Slice(lo, hi int) Complex { return Complex{v.Re[lo:hi], v.Im[lo:hi]} }

// Copy copies src, which has the same length, into v.
func (v Complex) Copy(src Complex) {
	copy(v.Re, src.Re)
	copy(v.Im, src.Im)
}

// Clone returns a copy.
func (v Complex) Clone() Complex {
	c := NewComplex(v.Len())
	c.Copy(v)
	return c
}

// Clear makes every element zero.
func (v Complex) Clear() {
	clear(v.Re)
	clear(v.Im)
}

// Resolvent advances g of several chains by one token: g ← 1/(a − iη − c² g). All have one element a chain. It costs
// 10 FLOPs each.
func Resolvent(g Complex, a, eta, hop []float32) {
	re, im := g.Re, g.Im[:len(g.Re)]
	a, eta, hop = a[:len(re)], eta[:len(re)], hop[:len(re)]
	for h := range re {
		c := float64(hop[h])
		next := ResolventStep(float64(a[h]), float64(eta[h]), c*c, complex(re[h], im[h]))
		re[h], im[h] = real(next), imag(next)
	}
}

// ResolventRow advances y of several chains by one token, given their new g: y ← g (u − c y). y and u hold an equal
// number of values for each chain, one chain after the other. It costs 10 FLOPs a value.
func ResolventRow(y, g Complex, hop, u []float32) {
	values := y.Len() / g.Len()
	for h := range g.Re {
		lo, hi := h*values, (h+1)*values
		resolventRow(y.Re[lo:hi], y.Im[lo:hi], u[lo:hi], g.At(h), float64(hop[h]))
	}
}

// resolventRow is ResolventRow of one chain.
func resolventRow(re, im []float64, u []float32, g complex128, c float64) {
	im, u = im[:len(re)], u[:len(re)]
	for j := range re {
		next := ResolventRowStep(g, c, float64(u[j]), complex(re[j], im[j]))
		re[j], im[j] = real(next), imag(next)
	}
}

// RoundComplex writes the planes of v as float32. It costs no FLOPs.
func RoundComplex(re, im []float32, v Complex) {
	round(re, v.Re, 1)
	round(im, v.Im, 1)
}

// RoundCayley writes (g − i)/(g + i) as float32. It costs 10 FLOPs an element.
func RoundCayley(re, im []float32, g Complex) {
	re, im, gi := re[:len(g.Re)], im[:len(g.Re)], g.Im[:len(g.Re)]
	for i, gr := range g.Re {
		m := Cayley(complex(gr, gi[i]))
		re[i], im[i] = float32(real(m)), float32(imag(m))
	}
}

// RoundBorn writes y √(η/Im g) as float32, with the layout of ResolventRow. It costs 2 FLOPs a chain and 2 a value.
func RoundBorn(re, im []float32, y, g Complex, eta []float32) {
	values := y.Len() / g.Len()
	for h, gi := range g.Im {
		norm, lo, hi := BornNorm(float64(eta[h]), gi), h*values, (h+1)*values
		round(re[lo:hi], y.Re[lo:hi], norm)
		round(im[lo:hi], y.Im[lo:hi], norm)
	}
}

// round writes scale·x as float32.
func round(dst []float32, x []float64, scale float64) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = float32(scale * v)
	}
}
