package kernel

import "math"

// The causal resolvent of a tridiagonal Hermitian chain H with real diagonal a, real hops c and k = c², at the spectral
// point z = x + iη with η > 0; a already holds a − x. g_i is the last diagonal entry of the resolvent of the leading
// block H_{≤i}, y_i its last row applied to the values u:
//
//	g_i = 1 / (a_i − iη − k_i g_{i−1})        g_{−1} = 0
//	y_i = g_i (u_i − c_i y_{i−1})             y_{−1} = 0
//
// Im(1/g_i) ≤ −η for every k ≥ 0, so Im g_i > 0 and |g_i| ≤ 1/η without clamping: no denominator is ever zero. The
// recursion runs in float64, which costs nothing next to the products around it.

// resolventStep returns g_i from g_{i−1}. It costs 9 FLOPs: two multiply-adds, |d|² in 3, two divisions.
func resolventStep(a, eta, k float64, g complex128) complex128 {
	dr := a - k*real(g)
	di := -eta - k*imag(g)
	m := dr*dr + di*di
	return complex(dr/m, -di/m)
}

// resolventRowStep returns one component of y_i from that of y_{i−1}. It costs 10 FLOPs: a multiply-add 2, a product
// and its sign 2, a complex product 6.
func resolventRowStep(g complex128, c, u float64, y complex128) complex128 {
	qr := u - c*real(y)
	qi := -c * imag(y)
	return complex(real(g)*qr-imag(g)*qi, real(g)*qi+imag(g)*qr)
}

// bornNorm returns √(η/Im g). It makes y a combination of values with weights of unit norm, because Ward's identity
// says Σ_j |R_ij|² = Im g_i/η. It costs 2 FLOPs.
func bornNorm(eta, imG float64) float64 { return math.Sqrt(eta / imG) }

// cayley returns (g − i)/(g + i), which maps the upper half-plane to the unit disc. It costs 10 FLOPs.
func cayley(g complex128) complex128 {
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

// Set sets element i.
func (v Complex) Set(i int, z complex128) { v.Re[i], v.Im[i] = real(z), imag(z) }

// Slice returns elements [lo, hi), sharing memory.
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
