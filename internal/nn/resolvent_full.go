package nn

import "github.com/archbench/archbench/internal/kernel"

// FullResolvent computes the diagonal of the resolvent of the whole sequence, G = diag((H − z)^{-1}) of H = tridiag(1, a, 1),
// one chain per document. Every token sees every other, so it has no state and documents must be complete.
type FullResolvent struct{ Z complex128 }

// FLOPs is the cost of one token.
func (FullResolvent) FLOPs() int64 { return 34 }

// fullTrace holds one document's half-chains and diagonal.
type fullTrace struct {
	hops       []float64
	g, h, full []complex128
}

// Forward returns [Re G, Im G] of every token for site energies a [rows, 1].
func (r FullResolvent) Forward(p *Pass, spans []Span, a Mat) Mat {
	out := p.New(a.Rows, 2)
	p.Pool.Each(len(spans), func(lo, hi int) {
		for _, s := range spans[lo:hi] {
			t := r.solve(a.Data[s.Start : s.Start+s.Len])
			for i, g := range t.full {
				row := out.Row(s.Start + i)
				row[0], row[1] = float32(real(g)), float32(imag(g))
			}
		}
	})
	p.Add(int64(a.Rows)*r.FLOPs(), 12*int64(a.Rows))
	if p.Tape != nil {
		p.Tape.Record(func() {
			for _, s := range spans {
				r.backward(a, out, s)
			}
		})
	}
	return out
}

// solve computes the half-chains and the diagonal of one document.
func (r FullResolvent) solve(site []float32) fullTrace {
	n := len(site)
	a, values := make([]float64, n), make([]complex128, 3*n)
	t := fullTrace{hops: make([]float64, max(0, n-1)), g: values[:n], h: values[n : 2*n], full: values[2*n:]}
	for i, v := range site {
		a[i] = float64(v)
	}
	for i := range t.hops {
		t.hops[i] = 1
	}
	kernel.FullResolvent(a, t.hops, r.Z, t.g, t.h, t.full)
	return t
}

// backward is the backward pass of one document. It solves the chain again instead of saving it.
func (r FullResolvent) backward(a, out Mat, s Span) {
	t := r.solve(a.Data[s.Start : s.Start+s.Len])
	w, da := make([]complex128, s.Len), make([]float64, s.Len)
	for i := range w {
		at := 2 * (s.Start + i)
		w[i] = complex(float64(out.Grad[at]), float64(out.Grad[at+1]))
	}
	kernel.FullResolventGrad(t.hops, t.g, t.h, t.full, w, make([]complex128, s.Len), make([]complex128, s.Len), da)
	for i, d := range da {
		a.Grad[s.Start+i] += float32(d)
	}
}
