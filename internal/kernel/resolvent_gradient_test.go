package kernel

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
)

// chainTrace runs a chain from a state and keeps the data for the backward pass.
func chainTrace(a, hop, u []float64, values int, eta float64, g0 complex128, y0 []complex128) *ResolventTrace {
	n := len(a)
	t := &ResolventTrace{Values: values, Hop: hop, U: u, G: make([]complex128, n+1), Y: NewComplex((n + 1) * values)}
	t.G[0] = g0
	t.Y.Slice(0, values).Copy(planes(y0))
	for i := range n {
		t.G[i+1] = resolventStep(a[i], eta, hop[i]*hop[i], t.G[i])
		for j := range values {
			t.Y.Set((i+1)*values+j, resolventRowStep(t.G[i+1], hop[i], u[i*values+j], t.Y.At(i*values+j)))
		}
	}
	return t
}

// planes returns z as two planes; numbers returns the numbers of two planes.
func planes(z []complex128) Complex {
	v := NewComplex(len(z))
	for i, x := range z {
		v.Set(i, x)
	}
	return v
}

func numbers(v Complex) []complex128 {
	z := make([]complex128, v.Len())
	for i := range z {
		z[i] = v.At(i)
	}
	return z
}

// pairing is Σ Re(conj(w) v), the loss whose adjoint is w.
func pairing(w, v []complex128) (sum float64) {
	for i := range w {
		sum += real(cmplx.Conj(w[i]) * v[i])
	}
	return sum
}

func TestCausalGradientGolden(t *testing.T) {
	ones := []complex128{1 + 1i, 1 + 1i, 1 + 1i, 1 + 1i}
	trace := chainTrace(chainA, uniform(4, 1), nil, 0, 1, 0, nil)
	d := NewResolventGrad(4, 0)
	trace.Backward(ones, Complex{}, &d)
	nearReal(t, "causal gradient", d.A, []float64{0.18336636, -0.06174124, 0.12353318, 0.12793603}, 1e-8)
}

func TestFullGradientGolden(t *testing.T) {
	ones := []complex128{1 + 1i, 1 + 1i, 1 + 1i, 1 + 1i}
	g, h, full := fullResolvent(chainA, chainK, 1i)
	da := make([]float64, 4)
	FullResolventGrad(chainK, g, h, full, ones, make([]complex128, 4), make([]complex128, 4), da)
	nearReal(t, "bidirectional gradient", da, []float64{0.33139349, 0.01459533, -0.31040160, -0.01431940}, 1e-8)
}

func nearReal(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	var worst float64
	for i := range want {
		worst = max(worst, math.Abs(got[i]-want[i]))
	}
	t.Logf("%s: max difference %.2g (tolerance %.0g)", what, worst, tolerance)
	if len(got) != len(want) || !(worst <= tolerance) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// chainSlope is the central-difference derivative of f at x[i].
func chainSlope(x []float64, i int, f func() float64) float64 {
	const step = 1e-5
	at := x[i]
	x[i] = at + step
	up := f()
	x[i] = at - step
	down := f()
	x[i] = at
	return (up - down) / (2 * step)
}

func chainSlopes(x []float64, f func() float64) []float64 {
	d := make([]float64, len(x))
	for i := range x {
		d[i] = chainSlope(x, i, f)
	}
	return d
}

func TestCausalGradientByDifferences(t *testing.T) {
	const n, values = 9, 3
	r := rand.New(rand.NewPCG(1, 2))
	a, hop, u := realValues(r, n), realValues(r, n), realValues(r, n*values)
	eta := []float64{0.3}
	g0, y0 := complex(0.2, 0.4), complexValues(r, values)
	dg, dy := complexValues(r, n), complexValues(r, n*values)
	loss := func() float64 {
		c := chainTrace(a, hop, u, values, eta[0], g0, y0)
		return pairing(dg, c.G[1:]) + pairing(dy, numbers(c.Y)[values:])
	}
	d := NewResolventGrad(n, values)
	want := [][]float64{chainSlopes(a, loss), chainSlopes(hop, loss), chainSlopes(u, loss), chainSlopes(eta, loss)}
	chainTrace(a, hop, u, values, eta[0], g0, y0).Backward(dg, planes(dy), &d)
	for i, got := range [][]float64{d.A, d.Hop, d.U, {d.Eta}} {
		nearReal(t, []string{"a", "hop", "u", "eta"}[i], got, want[i], 1e-7)
	}
}

func TestFullGradientByDifferences(t *testing.T) {
	const n = 12
	r := rand.New(rand.NewPCG(3, 4))
	a, w := realValues(r, n), complexValues(r, n)
	k := make([]float64, n-1)
	for i := range k {
		k[i] = 0.5 + r.Float64()
	}
	want := chainSlopes(a, func() float64 {
		_, _, full := fullResolvent(a, k, 0.3+0.2i)
		return pairing(w, full)
	})
	g, h, full := fullResolvent(a, k, 0.3+0.2i)
	da := make([]float64, n)
	FullResolventGrad(k, g, h, full, w, make([]complex128, n), make([]complex128, n), da)
	nearReal(t, "a", da, want, 1e-7)
}

func TestFeatureGradientsByDifferences(t *testing.T) {
	const values = 4
	r := rand.New(rand.NewPCG(5, 6))
	y, w, wm := complexValues(r, values), complexValues(r, values), complex(0.7, -1.2)
	in := []float64{0.3, 0.8, 0.25} // Re g, Im g, eta
	loss := func() float64 {
		g := complex(in[0], in[1])
		z := make([]complex128, values)
		for j := range z {
			z[j] = complex(bornNorm(in[2], imag(g)), 0) * y[j]
		}
		return pairing(w, z) + real(cmplx.Conj(wm)*cayley(g))
	}
	want := chainSlopes(in, loss)
	g := complex(in[0], in[1])
	dg, dEta := BornNormGrad(in[2], g, planes(y), planes(w))
	dg += CayleyGrad(g, wm)
	nearReal(t, "Re g, Im g, eta", []float64{real(dg), imag(dg), dEta}, want, 1e-7)
}

func realValues(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

func complexValues(r *rand.Rand, n int) []complex128 {
	x := make([]complex128, n)
	for i := range x {
		x[i] = complex(r.NormFloat64(), r.NormFloat64())
	}
	return x
}

// TestTierResolventBack compares every tier with the reference, including a document's first token.
func TestTierResolventBack(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, tr := range tiers {
		if tr == &reference || !tr.usable() {
			continue
		}
		for values := 1; values < 40; values++ {
			want := rowBack{
				g: complex(r.NormFloat64(), r.ExpFloat64()), hop: r.NormFloat64(), u: realValues(r, values), du: realValues(r, values),
				y: planes(complexValues(r, values)), dy: planes(complexValues(r, values)), before: planes(complexValues(r, values)),
			}
			if values%2 == 1 {
				want.before = want.dy
			}
			got := want
			got.du, got.dy, got.before = append([]float64(nil), want.du...), want.dy.Clone(), want.before.Clone()
			if values%2 == 1 {
				got.before = got.dy
			}
			toG, toHop := resolventBack(want)
			g, hop := tr.resolvent.back(got)
			scale := float64(values)
			nearComplex(t, tr.name+" to g and hop", []complex128{g, complex(hop, 0)}, []complex128{toG, complex(toHop, 0)}, 1e-13*scale)
			nearComplex(t, tr.name+" passed on", numbers(got.before), numbers(want.before), 1e-13)
			nearReal(t, tr.name+" u", got.du, want.du, 1e-13)
		}
	}
}
