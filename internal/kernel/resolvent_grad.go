package kernel

import "math/cmplx"

// ResolventTrace is what the backward of one causal chain over n tokens needs of its forward. Values is the number of
// values in its row, 0 where only g is used.
type ResolventTrace struct {
	Values int
	Hop    []float64    // [n] c
	U      []float64    // [n, Values]
	G      []complex128 // [n+1]; G[0] is the state before the first token
	Y      []complex128 // [n+1, Values]
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

// Backward adds the exact gradient of a loss whose adjoints with respect to g and y are dg [n] and dy [n, Values]
// (∂L/∂Re + i ∂L/∂Im) to d. dy is overwritten. With Y and A the adjoints that arrive at step i from later ones:
//
//	Y_i = ȳ_i − c_{i+1} conj(g_{i+1}) Y_{i+1}              ∂u_i = Re(conj(g_i) Y_i)
//	A_i = ḡ_i + Σ conj(q_i) Y_i + c_{i+1}² conj(g_{i+1}²) A_{i+1}       q_i = u_i − c_i y_{i−1}
//	τ_i = conj(A_i) g_i²      ∂a_i = −Re τ_i      ∂η −= Im τ_i
//	∂c_i = 2 c_i Re(τ_i g_{i−1}) − Re Σ conj(Y_i) g_i y_{i−1}
//
// The state before the first token is a constant: no gradient flows into earlier calls.
func (t *ResolventTrace) Backward(dg, dy []complex128, d *ResolventGrad) {
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

// backwardRow takes step i of y back: it adds to ∂u_i, passes Y_i on to step i−1 in dy, and returns the row's terms
// in A_i and −∂c_i.
func (t *ResolventTrace) backwardRow(i int, dy []complex128, d *ResolventGrad) (toG complex128, toHop float64) {
	g, c, v := t.G[i+1], t.Hop[i], t.Values
	before := t.Y[i*v : (i+1)*v]
	for j, y := range dy[i*v : (i+1)*v] {
		q := complex(t.U[i*v+j], 0) - complex(c, 0)*before[j]
		back := cmplx.Conj(g) * y
		d.U[i*v+j] += real(back)
		toG += cmplx.Conj(q) * y
		toHop += real(cmplx.Conj(y) * g * before[j])
		if i > 0 {
			dy[(i-1)*v+j] -= complex(c, 0) * back
		}
	}
	return toG, toHop
}

// BornNormGrad takes z = y √(η/Im g) of one token back: dz [values] is replaced by the adjoint of y, and the adjoints
// of g and η are returned.
func BornNormGrad(eta float64, g complex128, y, dz []complex128) (dg complex128, dEta float64) {
	n := BornNorm(eta, imag(g))
	var s float64
	for j, w := range dz {
		s += real(cmplx.Conj(w) * y[j])
		dz[j] = complex(n, 0) * w
	}
	return complex(0, -0.5*n/imag(g)*s), 0.5 * s * n / eta
}

// CayleyGrad returns the adjoint of g from that of (g − i)/(g + i), whose derivative is 2i/(g + i)².
func CayleyGrad(g, dm complex128) complex128 {
	return cmplx.Conj(2i/((g+1i)*(g+1i))) * dm
}
