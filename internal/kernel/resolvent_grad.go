package kernel

import "math/cmplx"

// ResolventTrace is the forward data that the backward pass of one causal chain over n tokens needs. Values is the
// number of values in its row, 0 if only g is used.
type ResolventTrace struct {
	Values int
	Hop    []float64    // [n] c
	U      []float64    // [n, Values]
	G      []complex128 // [n+1]; G[0] is the state before the first token
	Y      Complex      // [n+1, Values]
}

// ResolventGrad holds the adjoints of a chain's inputs.
type ResolventGrad struct {
	A   []float64 // [n]
	Hop []float64 // [n]
	U   []float64 // [n, Values]
	Eta float64
}

// NewResolventGrad returns zero adjoints for n tokens.
func NewResolventGrad(n, values int) ResolventGrad {
	return ResolventGrad{A: make([]float64, n), Hop: make([]float64, n), U: make([]float64, n*values)}
}

// Backward adds to d the exact gradient of a loss whose adjoints with respect to g and y are dg [n] and dy [n, Values]
// (∂L/∂Re + i ∂L/∂Im). dy is overwritten. With Y and A the adjoints that arrive at step i from later ones:
//
//	Y_i = ȳ_i − c_{i+1} conj(g_{i+1}) Y_{i+1}              ∂u_i = Re(conj(g_i) Y_i)
//	A_i = ḡ_i + Σ conj(q_i) Y_i + c_{i+1}² conj(g_{i+1}²) A_{i+1}       q_i = u_i − c_i y_{i−1}
//	τ_i = conj(A_i) g_i²      ∂a_i = −Re τ_i      ∂η −= Im τ_i
//	∂c_i = 2 c_i Re(τ_i g_{i−1}) − Re Σ conj(Y_i) g_i y_{i−1}
//
// The state before the first token is constant: no gradient flows into earlier calls.
func (t *ResolventTrace) Backward(dg []complex128, dy Complex, d *ResolventGrad) {
	var later complex128 // c_{i+1}² conj(g_{i+1}²) A_{i+1}
	for i := len(dg) - 1; i >= 0; i-- {
		g, c := t.G[i+1], t.Hop[i]
		fromRow, hop := t.backwardRow(i, dy, d)
		adjoint := dg[i] + fromRow + later
		tau := cmplx.Conj(adjoint) * g * g
		d.A[i] -= real(tau)
		d.Eta -= imag(tau)
		d.Hop[i] += 2*c*real(tau*t.G[i]) - hop
		later = complex(c*c, 0) * cmplx.Conj(g*g) * adjoint
	}
}

// backwardRow reverses step i of y: it adds to ∂u_i, passes Y_i to step i−1 in dy, and returns the row's terms in A_i
// and −∂c_i.
func (t *ResolventTrace) backwardRow(i int, dy Complex, d *ResolventGrad) (toG complex128, toHop float64) {
	v := t.Values
	if v == 0 {
		return 0, 0
	}
	lo, hi, before := i*v, (i+1)*v, max(0, i-1)*v // at the first token, the value passed on is not used
	return active.resolvent.back(rowBack{
		g: t.G[i+1], hop: t.Hop[i], u: t.U[lo:hi], du: d.U[lo:hi],
		y: t.Y.Slice(lo, hi), dy: dy.Slice(lo, hi), before: dy.Slice(before, before+v),
	})
}

// rowBack is one token's step of a row in the backward pass.
type rowBack struct {
	g     complex128
	hop   float64
	u, du []float64 // [values]; ∂u is added to
	y     Complex   // [values]; the row before the step
	dy    Complex   // [values]; adjoint of the row after the step

	before Complex // [values]; adjoint of y, accumulated. At the first token it is dy itself
}

// from returns the step restricted to values from j on.
func (b rowBack) from(j int) rowBack {
	n := len(b.u)
	b.u, b.du, b.y, b.dy, b.before = b.u[j:], b.du[j:], b.y.Slice(j, n), b.dy.Slice(j, n), b.before.Slice(j, n)
	return b
}

// resolventBack implements resolventKernels.
func resolventBack(b rowBack) (toG complex128, toHop float64) {
	for j, u := range b.u {
		y, adjoint := b.y.At(j), b.dy.At(j)
		q := complex(u, 0) - complex(b.hop, 0)*y
		back := cmplx.Conj(b.g) * adjoint
		b.du[j] += real(back)
		toG += cmplx.Conj(q) * adjoint
		toHop += real(cmplx.Conj(back) * y)
		b.before.Set(j, b.before.At(j)-complex(b.hop, 0)*back)
	}
	return toG, toHop
}

// BornNormGrad is the backward pass of z = y √(η/Im g) for one token. It replaces dz [values] by the adjoint of y and
// returns the adjoints of g and η.
func BornNormGrad(eta float64, g complex128, y, dz Complex) (dg complex128, dEta float64) {
	n := bornNorm(eta, imag(g))
	var s float64
	for j, re := range y.Re {
		s += dz.Re[j]*re + dz.Im[j]*y.Im[j]
		dz.Re[j] *= n
		dz.Im[j] *= n
	}
	return complex(0, -0.5*n/imag(g)*s), 0.5 * s * n / eta
}

// CayleyGrad returns the adjoint of g from that of (g − i)/(g + i), whose derivative is 2i/(g + i)².
func CayleyGrad(g, dm complex128) complex128 {
	return cmplx.Conj(2i/((g+1i)*(g+1i))) * dm
}
