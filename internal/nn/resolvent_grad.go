package nn

import (
	"slices"
	"sync"

	"github.com/archbench/archbench/internal/kernel"
)

// resolventTrace saves g and y for the backward pass, one row per token and one before the first token of each document:
// token t of document s has row t + s + 1. It is empty without a tape.
type resolventTrace struct {
	heads, values int
	g, y          kernel.Complex
}

func newResolventTrace(r *Resolvent, rows int) resolventTrace {
	return resolventTrace{
		heads: r.Heads, values: r.Values,
		g: kernel.NewComplex(rows * r.Heads), y: kernel.NewComplex(rows * r.Heads * r.Values),
	}
}

// save saves heads [lo, hi) of one row.
func (t resolventTrace) save(row, lo, hi int, g, y kernel.Complex) {
	if t.heads == 0 {
		return
	}
	at, v := row*t.heads, t.values
	t.g.Slice(at+lo, at+hi).Copy(g)
	t.y.Slice((at+lo)*v, (at+hi)*v).Copy(y)
}

// record adds the backward pass of the run to the tape. Heads are independent and each processes its documents in order,
// so gradients do not depend on the pool.
func (run *resolventRun) record(p *Pass) {
	pool, kept := p.Pool, *run // run itself is reused
	p.Tape.Record(func() {
		pool.Each(kept.Heads, func(lo, hi int) {
			for h := lo; h < hi; h++ {
				for s := range kept.spans {
					kept.backward(s, h)
				}
			}
		})
	})
}

// resolventBack is one thread's memory for the backward pass of a head. It is pooled, so a steady state does not allocate.
type resolventBack struct {
	chain kernel.ResolventTrace
	grad  kernel.ResolventGrad
	dg    []complex128   // [tokens]
	dy    kernel.Complex // [tokens, values]
}

var resolventBacks = sync.Pool{New: func() any { return new(resolventBack) }}

// begin makes room for n tokens, with zero gradients.
func (w *resolventBack) begin(n, values int) {
	w.chain.Values = values
	w.dg, w.dy = sized(w.dg, n), sizedComplex(w.dy, n*values)
	w.chain.Hop, w.chain.U = sized(w.chain.Hop, n), sized(w.chain.U, n*values)
	w.chain.G, w.chain.Y = sized(w.chain.G, n+1), sizedComplex(w.chain.Y, (n+1)*values)
	w.grad.A, w.grad.Hop, w.grad.U, w.grad.Eta = sized(w.grad.A, n), sized(w.grad.Hop, n), sized(w.grad.U, n*values), 0
	for _, x := range [][]float64{w.grad.A, w.grad.Hop, w.grad.U} {
		clear(x)
	}
}

// sized returns n elements, reusing s if it is large enough.
func sized[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }

// sizedComplex is sized for complex numbers.
func sizedComplex(v kernel.Complex, n int) kernel.Complex {
	return kernel.Complex{Re: sized(v.Re, n), Im: sized(v.Im, n)}
}

// backward is the backward pass of one head of one document.
func (run *resolventRun) backward(span, head int) {
	n, v := run.spans[span].Len, run.Values
	w := resolventBacks.Get().(*resolventBack)
	w.begin(n, v)
	run.gather(span, head, &w.chain)
	eta := float64(run.in.Eta.Data[head])
	for t := range n {
		grad := run.out.rowGrad(run.spans[span].Start + t)
		dyt := w.dy.Slice(t*v, (t+1)*v)
		w.dg[t] = run.gGrad(grad, head, w.chain.G[t+1])
		run.yGrad(grad, head, dyt)
		if run.BornNorm && v > 0 {
			toG, toEta := kernel.BornNormGrad(eta, w.chain.G[t+1], w.chain.Y.Slice((t+1)*v, (t+2)*v), dyt)
			w.dg[t] += toG
			w.grad.Eta += toEta
		}
	}
	w.chain.Backward(w.dg, w.dy, &w.grad)
	run.scatter(span, head, &w.grad)
	resolventBacks.Put(w)
}

// gather fetches the saved forward of one head of one document.
func (run *resolventRun) gather(span, head int, c *kernel.ResolventTrace) {
	n, v, start := run.spans[span].Len, run.Values, run.spans[span].Start
	for t := range n + 1 {
		at := (start+span+t)*run.Heads + head
		c.G[t] = run.trace.g.At(at)
		c.Y.Slice(t*v, (t+1)*v).Copy(run.trace.y.Slice(at*v, (at+1)*v))
	}
	for t := range n {
		c.Hop[t] = float64(run.in.Hop.Row(run.hopRow(start + t))[head])
		if v == 0 {
			continue
		}
		u := c.U[t*v:][:v]
		for j, x := range run.in.U.Row(start + t)[head*v:][:v] {
			u[j] = float64(x)
		}
	}
}

// gGrad is the adjoint of one head's g as a feature, given those of all features of the token.
func (run *resolventRun) gGrad(grad []float32, head int, g complex128) complex128 {
	if run.Values > 0 {
		if !run.IncludeG {
			return 0
		}
		grad = grad[2*run.Heads*run.Values:]
	}
	dq := complex(float64(grad[head]), float64(grad[run.Heads+head]))
	if run.Cayley {
		return kernel.CayleyGrad(g, dq)
	}
	return dq
}

// yGrad gathers the adjoint of one head's row features.
func (run *resolventRun) yGrad(grad []float32, head int, dy kernel.Complex) {
	re, im := grad[head*run.Values:], grad[(run.Heads+head)*run.Values:]
	for j := range dy.Re {
		dy.Re[j], dy.Im[j] = float64(re[j]), float64(im[j])
	}
}

// scatter adds the adjoints of one head's inputs to those of the batch.
func (run *resolventRun) scatter(span, head int, d *kernel.ResolventGrad) {
	v := run.Values
	run.in.Eta.Grad[head] += float32(d.Eta)
	for t := range run.spans[span].Len {
		row := run.spans[span].Start + t
		run.in.A.rowGrad(row)[head] += float32(d.A[t])
		run.in.Hop.rowGrad(run.hopRow(row))[head] += float32(d.Hop[t])
		if v == 0 {
			continue
		}
		du := run.in.U.rowGrad(row)[head*v:][:v]
		for j, x := range d.U[t*v:][:v] {
			du[j] += float32(x)
		}
	}
}
