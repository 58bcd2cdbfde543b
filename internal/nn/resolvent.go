package nn

import (
	"sync"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/state"
)

// Resolvent is the causal core of a ResNet-BK mixer. Every head is a tridiagonal chain with one site a token; token i
// reads the last diagonal entry g_i of the resolvent of the sites up to i and, if Values is not 0, the last row y_i of
// it applied to its values (see kernel.ResolventStep). Its output, one row a token, is
//
//	Values > 0    [Re z (heads·values, head-major), Im z], then [Re q (heads), Im q] if IncludeG
//	Values = 0    [Re q (heads), Im q]
//
// with z = y √(η/Im g) if BornNorm, else y, and q = (g − i)/(g + i) if Cayley, else g.
type Resolvent struct {
	Heads, Values int
	BornNorm      bool
	IncludeG      bool
	Cayley        bool
}

// ResolventInput holds the chains of a batch, one row a token.
type ResolventInput struct {
	A   Mat // [rows, heads]; site energy minus Re z
	Hop Mat // [rows, heads], of the arriving token; [1, heads] where it is the same for all
	Eta Mat // [1, heads]; Im z
	U   Mat // [rows, heads·values]
}

// Width is the number of features.
func (r *Resolvent) Width() int {
	if r.Values == 0 {
		return 2 * r.Heads
	}
	if r.IncludeG {
		return 2*r.Heads*r.Values + 2*r.Heads
	}
	return 2 * r.Heads * r.Values
}

// FLOPs is the cost of one token.
func (r *Resolvent) FLOPs() int64 {
	g, row := 10, 10*r.Values
	if r.BornNorm && r.Values > 0 {
		row += 2 + 2*r.Values
	}
	if r.Cayley && (r.Values == 0 || r.IncludeG) {
		g += 10
	}
	return int64(r.Heads) * int64(g+row)
}

// Bytes is the traffic of rows tokens of spans documents; hopRows is 1 where the hop is the same for all tokens.
func (r *Resolvent) Bytes(rows, spans, hopRows int) int64 {
	perToken := r.Heads + r.Heads*r.Values + r.Width()
	stateBytes := 16 * r.Heads * (1 + r.Values)
	return 4*(int64(rows)*int64(perToken)+int64(1+hopRows)*int64(r.Heads)) + 2*int64(spans)*int64(stateBytes)
}

// Forward advances the documents of spans through layer layer and returns the features [rows, Width]. Heads and
// documents are independent, so results do not depend on the pool.
func (r *Resolvent) Forward(p *Pass, spans []Span, layer int, in ResolventInput) Mat {
	run := resolventRuns.Get().(*resolventRun)
	*run = resolventRun{Resolvent: r, spans: spans, layer: layer, in: in, out: p.New(in.A.Rows, r.Width())}
	for _, s := range spans {
		if s.State == nil {
			run.fresh = state.NewResolventLayer(len(spans)*r.Heads, r.Values)
			break
		}
	}
	if p.Tape != nil {
		run.trace = newResolventTrace(r, in.A.Rows+len(spans))
	}
	if in.A.Rows*run.out.Cols < serialResolvent {
		run.Do(0, len(spans)*r.Heads)
	} else {
		p.Pool.Run(len(spans)*r.Heads, run)
	}
	p.Add(int64(in.A.Rows)*r.FLOPs(), r.Bytes(in.A.Rows, len(spans), in.Hop.Rows))
	if p.Tape != nil {
		run.record(p)
	}
	out := run.out
	*run = resolventRun{}
	resolventRuns.Put(run)
	return out
}

// serialResolvent is the number of features below which sharing the work costs more than it saves.
const serialResolvent = 4096

// resolventRun is one call of Forward, a kernel.Task over heads and documents.
type resolventRun struct {
	*Resolvent
	spans []Span
	layer int
	in    ResolventInput
	out   Mat
	fresh state.ResolventLayer // [spans·heads], for documents without a state
	trace resolventTrace
}

// resolventRuns are reused, so that decoding allocates nothing.
var resolventRuns = sync.Pool{New: func() any { return new(resolventRun) }}

// Do runs items [lo, hi); item i is head i mod heads of document i div heads.
func (run *resolventRun) Do(lo, hi int) {
	for lo < hi {
		first := lo % run.Heads
		last := min(run.Heads, first+hi-lo)
		run.walk(lo/run.Heads, first, last)
		lo += last - first
	}
}

// walk takes heads [lo, hi) of one document through time.
func (run *resolventRun) walk(span, lo, hi int) {
	st, v := run.state(span), run.Values
	g, y := st.G.Slice(lo, hi), st.Y.Slice(lo*v, hi*v)
	run.trace.save(run.spans[span].Start+span, lo, hi, g, y)
	for t := range run.spans[span].Len {
		row := run.spans[span].Start + t
		hop := run.hop(row)[lo:hi]
		kernel.Resolvent(g, run.in.A.Row(row)[lo:hi], run.in.Eta.Data[lo:hi], hop)
		if v > 0 {
			kernel.ResolventRow(y, g, hop, run.in.U.Row(row)[lo*v:hi*v])
		}
		run.features(row, lo, hi, g, y)
		run.trace.save(row+span+1, lo, hi, g, y)
	}
}

// state returns what document span carries through this layer.
func (run *resolventRun) state(span int) state.ResolventLayer {
	if s, ok := run.spans[span].State.(*state.Resolvent); ok {
		return s.Layer(run.layer)
	}
	lo, hi, v := span*run.Heads, (span+1)*run.Heads, run.Values
	return state.ResolventLayer{G: run.fresh.G.Slice(lo, hi), Y: run.fresh.Y.Slice(lo*v, hi*v)}
}

// hop returns the hops of one token.
func (run *resolventRun) hop(row int) []float32 {
	if run.in.Hop.Rows == 1 {
		row = 0
	}
	return run.in.Hop.Row(row)
}

// features writes the features of heads [lo, hi) of one token.
func (run *resolventRun) features(row, lo, hi int, g, y kernel.Complex) {
	out, heads, v := run.out.Row(row), run.Heads, run.Values
	if v > 0 {
		re, im := out[lo*v:hi*v], out[(heads+lo)*v:(heads+hi)*v]
		if run.BornNorm {
			kernel.RoundBorn(re, im, y, g, run.in.Eta.Data[lo:hi])
		} else {
			kernel.RoundComplex(re, im, y)
		}
		if !run.IncludeG {
			return
		}
		out = out[2*heads*v:]
	}
	if run.Cayley {
		kernel.RoundCayley(out[lo:hi], out[heads+lo:heads+hi], g)
	} else {
		kernel.RoundComplex(out[lo:hi], out[heads+lo:heads+hi], g)
	}
}
