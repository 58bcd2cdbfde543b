package kernel

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
)

// traced prepares k for the backward pass.
func (k *Keyed) traced() *Keyed {
	rows := func(n, cols int) Rows { return Rows{make([]float32, n*cols), cols} }
	k.Saved = &KeyedSaved{GRe: rows(k.Len+1, k.Heads), GIm: rows(k.Len+1, k.Heads), Y: make([]float32, len(k.Y))}
	return k
}

// grad returns the backward pass of k for a loss with random adjoints.
func (k *Keyed) grad(r *rand.Rand) *KeyedGrad {
	like := func(x Rows, cols int) Rows {
		if x.Stride == 0 {
			return Rows{make([]float32, cols), 0}
		}
		return Rows{make([]float32, k.Len*cols), cols}
	}
	random := func(cols int) Rows { return Rows{normals(r, k.Len*cols), cols} }
	return &KeyedGrad{
		Keyed: *k, DOut: random(k.Heads * k.Values), DQRe: random(k.Heads), DQIm: random(k.Heads),
		DA: like(k.A, k.Heads), DHop: like(k.Hop, k.Heads), DEta: like(k.Eta, k.Heads), DU: like(k.U, k.Heads*k.Values),
		DKey: like(k.Key, k.Keys), DQuery: like(k.Query, k.Keys),
	}
}

// loss is the loss whose adjoints g has, by definition.
func (g *KeyedGrad) loss() (sum float64) {
	d := g.definition()
	for t := range g.Len {
		for i := range g.Heads * g.Values {
			sum += value(g.DOut, t, i) * d.out[t*g.Heads*g.Values+i]
		}
		for h := range g.Heads {
			q := d.g[(t+1)*g.Heads+h]
			if g.Cayley {
				q = cayley(q)
			}
			sum += value(g.DQRe, t, h)*real(q) + value(g.DQIm, t, h)*imag(q)
		}
	}
	return sum
}

// inputs returns the inputs and their gradients, with the number of columns of each.
func (g *KeyedGrad) inputs() map[string][3]any {
	return map[string][3]any{
		"a": {g.A, g.DA, g.Heads}, "hop": {g.Hop, g.DHop, g.Heads}, "eta": {g.Eta, g.DEta, g.Heads},
		"u": {g.U, g.DU, g.Heads * g.Values}, "key": {g.Key, g.DKey, g.Keys}, "query": {g.Query, g.DQuery, g.Keys},
	}
}

// slope is the central difference of the loss, in float64 but for the step, which float32 inputs can represent.
func (g *KeyedGrad) slope(x *float32) float64 {
	was := *x
	step := float32(math.Ldexp(1, -11)) * max(0.25, float32(math.Abs(float64(was))))
	at := func(steps float32) float64 {
		*x = was + steps*step
		loss := g.loss()
		*x = was
		return loss
	}
	width := float64((was+step)-(was-step)) / 2
	return (8*(at(1)-at(-1)) - (at(2) - at(-2))) / (12 * width)
}

// TestKeyedGradientsByDifferences checks 20 coordinates of every input.
func TestKeyedGradientsByDifferences(t *testing.T) {
	everyTier(t, func(t *testing.T) {
		for _, s := range []keyedShape{
			{1, 1, 1, 1, false}, {5, 3, 4, 5, false}, {ssdStretch + 3, 2, 17, 3, false}, {2*ssdStretch + 1, 2, 3, 4, true},
		} {
			for _, form := range []string{"born", "plain", "raw g"} {
				k := keyedCase(rand.New(rand.NewPCG(1, 9)), s).empty().traced()
				for i := range k.Eta.Data {
					k.Eta.Data[i] += 0.2 // the curvature of the loss grows like a power of 1/η
				}
				k.Born, k.Cayley = form != "plain", form != "raw g"
				g := k.grad(rand.New(rand.NewPCG(2, 9)))
				k.Run()
				g.Run()
				g.G, g.Y = NewComplex(s.heads), make([]float32, len(k.Y)) // the state before the first token
				g.compare(t, fmt.Sprintf("%+v, %s", s, form))
			}
		}
	})
}

// compare compares the gradients with slopes.
func (g *KeyedGrad) compare(t *testing.T, name string) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 9))
	for input, x := range g.inputs() {
		of, grad, cols := x[0].(Rows), x[1].(Rows), x[2].(int)
		var top float32
		for _, v := range grad.Data {
			top = max(top, v, -v)
		}
		for range 20 {
			row, col := r.IntN(g.Len), r.IntN(cols)
			want := g.slope(&of.Data[row*of.Stride+col])
			got := value(grad, row, col)
			if d := math.Abs(got - want); !(d <= 2e-4*math.Abs(want)+1e-4*float64(top)+1e-6) {
				t.Errorf("%s: gradient of %s[%d,%d] is %g, slope %g", name, input, row, col, got, want)
			}
		}
	}
}

// plainGrads are gradients by token, [len, columns].
type plainGrads struct{ a, hop, eta, u, key, query []float64 }

// byRecursion is the backward pass by the recursion, in float64: as it is defined.
func (g *KeyedGrad) byRecursion() plainGrads {
	d, n := g.definition(), g.Len
	grads := plainGrads{
		a: make([]float64, n*g.Heads), hop: make([]float64, n*g.Heads), eta: make([]float64, n*g.Heads),
		u: make([]float64, n*g.Heads*g.Values), key: make([]float64, n*g.Keys), query: make([]float64, n*g.Keys),
	}
	for h := range g.Heads {
		later, lost := complex128(0), make([]float64, g.Keys*g.Values)
		for t := n - 1; t >= 0; t-- {
			later = g.stepBack(&d, &grads, t, h, later, lost)
		}
	}
	return grads
}

// stepBack reverses token t of head h. lost is the adjoint of the state after the token, that before it when it returns.
func (g *KeyedGrad) stepBack(d *keyedDefinition, grads *plainGrads, t, h int, later complex128, lost []float64) complex128 {
	at, hop, eta := t*g.Heads+h, value(g.Hop, t, h), value(g.Eta, t, h)
	z, before, r, n, s := d.g[at+g.Heads], d.g[at], d.r[at], d.n[at], 1.0
	if g.Born {
		s = math.Sqrt(eta)
	}
	var score, toR, toHop, toEta float64
	for v := range g.Values {
		i := at*g.Values + v
		upstream, u, toU := value(g.DOut, t, h*g.Values+v), value(g.U, t, h*g.Values+v), 0.0
		score += upstream * d.out[i]
		for key := range g.Keys {
			x := &lost[key*g.Values+v]
			*x += value(g.Query, t, key) * n * upstream
			y := d.y[g.at(t+1, h, key, v)]
			grads.query[t*g.Keys+key] += y * n * upstream
			grads.key[t*g.Keys+key] += r * *x * s * u
			toU += r * *x * value(g.Key, t, key)
			toR += *x * y / r
			toHop += r * *x * d.y[g.at(t, h, key, v)]
			*x *= hop * r
		}
		grads.u[i] += s * toU
		if g.Born {
			toEta += toU * u / (2 * s)
		}
	}
	adjoint := later + complex(toR/r, 0)*z
	if g.Born {
		adjoint -= complex(0, score/(2*imag(z)))
	}
	dq := complex(value(g.DQRe, t, h), value(g.DQIm, t, h))
	if g.Cayley {
		dq = CayleyGrad(z, dq)
	}
	adjoint += dq
	tau := cmplx.Conj(adjoint) * z * z
	grads.a[at] -= real(tau)
	grads.eta[at] += toEta - imag(tau)
	grads.hop[at] += toHop + 2*hop*real(tau*before)
	return complex(hop*hop, 0) * cmplx.Conj(z*z) * adjoint
}

// TestKeyedGradientsByRecursion compares with the plain recursion over several stretches, from an empty state and from another.
func TestKeyedGradientsByRecursion(t *testing.T) {
	everyTier(t, func(t *testing.T) {
		for _, s := range append(keyedShapes, keyedShape{5*ssdStretch - 1, 16, 16, 16, false}) {
			for _, first := range []bool{true, false} {
				k := keyedCase(rand.New(rand.NewPCG(4, 4)), s).traced()
				if first {
					k.empty()
				}
				g := k.grad(rand.New(rand.NewPCG(5, 5)))
				want := g.sums(g.byRecursion())
				k.Run()
				g.Run()
				for input, x := range g.inputs() {
					var top, worst float64
					for i, v := range x[1].(Rows).Data {
						top = max(top, math.Abs(want[input][i]))
						worst = max(worst, math.Abs(float64(v)-want[input][i]))
					}
					if !(worst <= 1e-4*top+1e-6) {
						t.Errorf("%+v, empty %t: gradient of %s differs by %g, the largest is %g", s, first, input, worst, top)
					}
				}
			}
		}
	})
}

// sums returns gradients by input, those of settings that tokens share summed up.
func (g *KeyedGrad) sums(d plainGrads) map[string][]float64 {
	for _, shared := range []struct {
		x     Rows
		grads []float64
	}{{g.Hop, d.hop}, {g.Eta, d.eta}} {
		if shared.x.Stride == 0 {
			for i, v := range shared.grads[g.Heads:] {
				shared.grads[i%g.Heads] += v
			}
		}
	}
	return map[string][]float64{"a": d.a, "hop": d.hop, "eta": d.eta, "u": d.u, "key": d.key, "query": d.query}
}

// TestKeyedGradApart checks that heads alone give the gradients of heads together.
func TestKeyedGradApart(t *testing.T) {
	k := keyedCase(rand.New(rand.NewPCG(6, 4)), keyedShape{2*ssdStretch + 3, 3, 5, 4, false}).empty().traced()
	together := k.grad(rand.New(rand.NewPCG(7, 5)))
	k.Run()
	apart := *together
	apart.DU = Rows{make([]float32, len(together.DU.Data)), together.DU.Stride}
	together.Run()
	for h := range k.Heads {
		one := apart
		one.Keyed = k.head(h)
		size := k.Values * k.Keys
		one.Saved = &KeyedSaved{GRe: k.Saved.GRe.From(0, h), GIm: k.Saved.GIm.From(0, h), Y: k.Saved.Y[h*size:]}
		for _, x := range []*Rows{&one.DQRe, &one.DQIm, &one.DA, &one.DHop, &one.DEta} {
			*x = x.From(0, h)
		}
		one.DOut, one.DU = one.DOut.From(0, h*k.Values), one.DU.From(0, h*k.Values)
		one.Run()
	}
	near32(t, "gradient of values", apart.DU.Data, together.DU.Data, 1e-3)
}

func TestKeyedGradAllocatesNothing(t *testing.T) {
	k := keyedCase(rand.New(rand.NewPCG(8, 8)), keyedShape{ssdStretch, 4, 16, 16, false}).empty().traced()
	g := k.grad(rand.New(rand.NewPCG(9, 9)))
	k.Run()
	if n := sharedtest.AllocsPerRun(t, 50, g.Run); n != 0 {
		t.Errorf("%v allocations a run, want 0", n)
	}
}

// TestKeyedGradAdds checks that gradients are added to, not overwritten.
func TestKeyedGradAdds(t *testing.T) {
	k := keyedCase(rand.New(rand.NewPCG(8, 8)), keyedShape{9, 2, 3, 4, false}).empty().traced()
	g := k.grad(rand.New(rand.NewPCG(9, 9)))
	k.Run()
	g.Run()
	once := slices.Clone(g.DKey.Data)
	g.Run()
	for i, v := range g.DKey.Data {
		if math.Abs(float64(v-2*once[i])) > 1e-5*(1+math.Abs(float64(v))) {
			t.Fatalf("gradient of key element %d is %g after two passes, %g after one", i, v, once[i])
		}
	}
}

// BenchmarkKeyedGrad times the backward pass of 512 tokens of four heads of bk-keyed-3m, on every tier and by the plain recursion.
func BenchmarkKeyedGrad(b *testing.B) {
	newCase := func() *KeyedGrad {
		k := keyedCase(rand.New(rand.NewPCG(6, 6)), keyedShape{512, 4, 16, 16, false}).empty().traced()
		k.QRe.Data = nil
		k.Run()
		g := k.grad(rand.New(rand.NewPCG(7, 7)))
		g.DQRe.Data = nil
		return g
	}
	perToken := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(512*4*b.N), "ns/token/head")
	}
	eachTier(b, "vectors", func(b *testing.B, _ *tier) {
		g := newCase()
		for b.Loop() {
			g.Run()
		}
		perToken(b)
	})
	b.Run("plain in float64", func(b *testing.B) {
		g := newCase()
		g.DQRe = Rows{make([]float32, 512*4), 4}
		for b.Loop() {
			g.byRecursion()
		}
		perToken(b)
	})
}
