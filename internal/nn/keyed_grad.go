package nn

import "github.com/archbench/archbench/internal/kernel"

// keyedTrace holds what the forward pass saves for the backward pass, and the memory of that. It is empty without a tape.
type keyedTrace struct {
	spans []kernel.KeyedSaved // by document

	// Each group's part of the gradients of keys and queries, [groups, rows, 2·keys]; the parts are summed in order,
	// whichever thread computed them.
	parts []float32
	// The gradients of settings that all tokens share, by document, [spans, heads], likewise.
	hop, eta []float32
}

// keyedGroup is the number of heads that are one unit of work in the backward pass. More heads need less memory for parts.
const keyedGroup = 4

func newKeyedTrace(p *Pass, r *Keyed, spans []Span) keyedTrace {
	rows := 0
	t := keyedTrace{spans: make([]kernel.KeyedSaved, len(spans))}
	for i, s := range spans {
		rows += s.Len
		t.spans[i] = kernel.KeyedSaved{
			GRe: kernel.Rows{Data: p.Scratch((s.Len + 1) * r.Heads), Stride: r.Heads},
			GIm: kernel.Rows{Data: p.Scratch((s.Len + 1) * r.Heads), Stride: r.Heads},
			Y:   p.Scratch(r.Heads * r.Values * r.Keys),
		}
	}
	t.parts = p.Scratch(r.groups() * rows * 2 * r.Keys)
	t.hop, t.eta = p.Scratch(len(spans)*r.Heads), p.Scratch(len(spans)*r.Heads)
	return t
}

// groups is the number of units of work per document.
func (r *Keyed) groups() int { return (r.Heads + keyedGroup - 1) / keyedGroup }

// saved returns what is saved of the heads from lo on of one document; nil without a tape.
func (run *keyedRun) saved(span, lo int) *kernel.KeyedSaved {
	if run.trace.spans == nil {
		return nil
	}
	s := run.trace.spans[span]
	return &kernel.KeyedSaved{GRe: s.GRe.From(0, lo), GIm: s.GIm.From(0, lo), Y: s.Y[lo*run.Values*run.Keys:]}
}

// record adds the backward pass of the run to the tape.
func (run *keyedRun) record(p *Pass) {
	pool, kept := p.Pool, &keyedRun{Keyed: run.Keyed, spans: run.spans, in: run.in, out: run.out, trace: run.trace}
	p.Tape.Record(func() {
		groups := kept.groups()
		clear(kept.trace.parts)
		clear(kept.trace.hop)
		clear(kept.trace.eta)
		pool.Each(len(kept.spans)*groups, func(lo, hi int) {
			for ; lo < hi; lo++ {
				kept.backward(lo/groups, lo%groups)
			}
		})
		kept.sumParts(pool)
	})
}

// backward is the backward pass of one group of heads of one document.
func (run *keyedRun) backward(span, group int) {
	s, v := run.spans[span], run.Values
	if s.Len == 0 {
		return
	}
	lo := group * keyedGroup
	hi := min(run.Heads, lo+keyedGroup)
	part := run.part(group).From(s.Start, 0)
	out := kernel.Rows{Data: run.out.Grad, Stride: run.out.Cols}
	d := kernel.KeyedGrad{
		Keyed: run.heads(span, lo, hi), DOut: out.From(s.Start, lo*v),
		DA: gradRows(run.in.A).From(s.Start, lo), DU: gradRows(run.in.U).From(s.Start, lo*v),
		DHop: settingGrad(run.in.Hop, run.trace.hop[span*run.Heads:], s.Start, lo),
		DEta: settingGrad(run.in.Eta, run.trace.eta[span*run.Heads:], s.Start, lo),
		DKey: part, DQuery: part.From(0, run.Keys),
	}
	if run.IncludeG {
		d.DQRe, d.DQIm = run.features(out, s.Start, lo)
	}
	d.Run()
}

// gradRows returns the gradient of x as the kernels take it.
func gradRows(x Mat) kernel.Rows { return kernel.Rows{Data: x.Grad, Stride: x.Cols} }

// settingGrad returns the gradient of a setting of the tokens from row on, for the heads from lo on: that of the document,
// shared, if all tokens share the setting.
func settingGrad(x Mat, shared []float32, row, lo int) kernel.Rows {
	if x.Rows == 1 {
		return kernel.Rows{Data: shared[lo:]}
	}
	return gradRows(x).From(row, lo)
}

// part returns a group's part of the gradients of keys and queries.
func (run *keyedRun) part(group int) kernel.Rows {
	width := 2 * run.Keys
	size := run.in.Key.Rows * width
	return kernel.Rows{Data: run.trace.parts[group*size:][:size], Stride: width}
}

// sumParts adds the parts of the groups and documents, in order.
func (run *keyedRun) sumParts(pool *kernel.Pool) {
	keys, groups := run.Keys, run.groups()
	pool.Each(run.in.Key.Rows, func(lo, hi int) {
		for row := lo; row < hi; row++ {
			for g := range groups {
				part := run.part(g).From(row, 0).Data
				kernel.Axpy(1, part[:keys], run.in.Key.rowGrad(row))
				kernel.Axpy(1, part[keys:2*keys], run.in.Query.rowGrad(row))
			}
		}
	})
	for s := range run.spans {
		at := s * run.Heads
		if run.in.Hop.Rows == 1 {
			kernel.Axpy(1, run.trace.hop[at:at+run.Heads], run.in.Hop.Grad)
		}
		if run.in.Eta.Rows == 1 {
			kernel.Axpy(1, run.trace.eta[at:at+run.Heads], run.in.Eta.Grad)
		}
	}
}
