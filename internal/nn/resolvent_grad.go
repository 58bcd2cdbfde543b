package nn

import "github.com/archbench/archbench/internal/kernel"

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

// backward is the backward pass of one head of one document.
func (run *resolventRun) backward(span, head int) {
	n := run.spans[span].Len
	chain := run.chain(span, head)
	dg, dy := make([]complex128, n), kernel.NewComplex(n*run.Values)
	d := kernel.NewResolventGrad(n, run.Values)
	eta := float64(run.in.Eta.Data[head])
	for t := range n {
		grad := run.out.rowGrad(run.spans[span].Start + t)
		dyt := dy.Slice(t*run.Values, (t+1)*run.Values)
		dg[t] = run.gGrad(grad, head, chain.G[t+1])
		run.yGrad(grad, head, dyt)
		if run.BornNorm && run.Values > 0 {
			toG, toEta := kernel.BornNormGrad(eta, chain.G[t+1], chain.Y.Slice((t+1)*run.Values, (t+2)*run.Values), dyt)
			dg[t] += toG
			d.Eta += toEta
		}
	}
	chain.Backward(dg, dy, &d)
	run.scatter(span, head, d)
}

// chain gathers the saved forward of one head of one document.
func (run *resolventRun) chain(span, head int) kernel.ResolventTrace {
	n, v, start := run.spans[span].Len, run.Values, run.spans[span].Start
	c := kernel.ResolventTrace{
		Values: v, Hop: make([]float64, n), U: make([]float64, n*v),
		G: make([]complex128, n+1), Y: kernel.NewComplex((n + 1) * v),
	}
	for t := range n + 1 {
		at := (start+span+t)*run.Heads + head
		c.G[t] = run.trace.g.At(at)
		c.Y.Slice(t*v, (t+1)*v).Copy(run.trace.y.Slice(at*v, (at+1)*v))
	}
	for t := range n {
		c.Hop[t] = float64(run.in.Hop.Row(run.hopRow(start + t))[head])
		for j := range v {
			c.U[t*v+j] = float64(run.in.U.Row(start + t)[head*v+j])
		}
	}
	return c
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
func (run *resolventRun) scatter(span, head int, d kernel.ResolventGrad) {
	run.in.Eta.Grad[head] += float32(d.Eta)
	for t := range run.spans[span].Len {
		row := run.spans[span].Start + t
		run.in.A.rowGrad(row)[head] += float32(d.A[t])
		run.in.Hop.rowGrad(run.hopRow(row))[head] += float32(d.Hop[t])
		for j := range run.Values {
			run.in.U.rowGrad(row)[head*run.Values+j] += float32(d.U[t*run.Values+j])
		}
	}
}
