package kernel

import "math/cmplx"

// FullResolvent computes the diagonal G of the whole resolvent (H − z)^{-1} of a tridiagonal matrix in O(n), without
// determinants, so nothing overflows. a [n] is the diagonal; k [n−1] holds the products b_i c_i of the off-diagonals
// that couple sites i and i+1. g sees the sites up to i (the past), h the sites from i on (the future):
//
//	g_i = 1/(a_i − z − k_{i−1} g_{i−1})      h_i = 1/(a_i − z − k_i h_{i+1})
//	G_i = 1/(a_i − z − k_{i−1} g_{i−1} − k_i h_{i+1})
//
// All three have n elements. It costs 34 FLOPs per site: three times resolventStep (9) with a subtraction of x, and two
// multiply-adds for G's second neighbour.
func FullResolvent(a, k []float64, z complex128, g, h, full []complex128) {
	n := len(a)
	x, eta := real(z), imag(z)
	for i := range n { // from both ends at once, so their division latencies overlap
		left, kl := neighbour(g, k, i-1, i-1)
		g[i] = resolventStep(a[i]-x, eta, kl, left)
		j := n - 1 - i
		right, kr := neighbour(h, k, j+1, j)
		h[j] = resolventStep(a[j]-x, eta, kr, right)
	}
	for i := range n {
		left, kl := neighbour(g, k, i-1, i-1)
		right, kr := neighbour(h, k, i+1, i)
		full[i] = resolventStep(a[i]-x-kr*real(right), eta+kr*imag(right), kl, left)
	}
}

// neighbour returns v[site] and k[link], both zero beyond the open ends of the chain.
func neighbour(v []complex128, k []float64, site, link int) (complex128, float64) {
	if site < 0 || site >= len(v) {
		return 0, 0
	}
	return v[site], k[link]
}

// FullResolventGrad returns in da [n] the exact gradient with respect to a of a loss whose adjoint with respect to G
// is w (∂L/∂Re G + i ∂L/∂Im G), given the results of FullResolvent. past and future are workspace of n elements.
func FullResolventGrad(k []float64, g, h, full, w, past, future []complex128, da []float64) {
	n := len(g)
	clear(past)
	clear(future)
	for i := range n {
		b := cmplx.Conj(full[i]*full[i]) * w[i]
		da[i] = -real(b)
		push(past, k, i-1, i-1, b)
		push(future, k, i+1, i, b)
	}
	for i := n - 1; i >= 0; i-- {
		t := cmplx.Conj(g[i]*g[i]) * past[i]
		da[i] -= real(t)
		push(past, k, i-1, i-1, t)
	}
	for i := range n {
		t := cmplx.Conj(h[i]*h[i]) * future[i]
		da[i] -= real(t)
		push(future, k, i+1, i, t)
	}
}

// push adds k[link] t to v[site] unless the site is beyond an open end.
func push(v []complex128, k []float64, site, link int, t complex128) {
	if site >= 0 && site < len(v) {
		v[site] += complex(k[link], 0) * t
	}
}
