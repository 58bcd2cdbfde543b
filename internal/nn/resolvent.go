package nn

import (
	"sync"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/state"
)

// Resolvent is the causal core of a ResNet-BK mixer. Every head is a tridiagonal chain with one site per token. Token i
// reads g_i, the last diagonal entry of the resolvent of the sites up to i, and, if Values is not 0, y_i, the last row of
// the resolvent applied to the values (see kernel.Chains). The output, one row per token, is
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

// ResolventInput holds the chains of a batch, one row per token.
type ResolventInput struct {
	A   Mat // [rows, heads]; site energy minus Re z
	Hop Mat // [rows, heads], of the arriving token; [1, heads] if all tokens share it
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

// Bytes is the traffic of rows tokens of spans documents; hopRows is 1 if all tokens share the hop.
func (r *Resolvent) Bytes(rows, spans, hopRows int) int64 {
	perToken := r.Heads + r.Heads*r.Values + r.Width()
	stateBytes := 16 * r.Heads * (1 + r.Values)
	return 4*(int64(rows)*int64(perToken)+int64(1+hopRows)*int64(r.Heads)) + 2*int64(spans)*int64(stateBytes)
}

// Forward returns the features [rows, Width] and advances the states of the documents, each a [state.Resolvent] at the
// index layer. Heads and documents are independent, so results do not depend on the pool.
func (r *Resolvent) Forward(p *Pass, spans []Span, layer int, in ResolventInput) Mat {
	run := resolventRuns.Get().(*resolventRun)
	*run = resolventRun{Resolvent: r, spans: spans, layer: layer, in: in, out: p.New(in.A.Rows, r.Width())}
	for _, s := range spans {
		if s.State == nil {
			run.fresh = state.NewResolvent(len(spans)*r.Heads, r.Values)
			break
		}
	}
	if p.Tape != nil {
		run.trace = newResolventTrace(r, in.A.Rows+len(spans))
	}
	pool := p.Pool
	if in.A.Rows*run.out.Cols < serialResolvent {
		pool = nil
	}
	run.blocks = min(len(spans)*r.Heads, 2*pool.Threads()) // no more than needed: heads are faster together
	pool.Run(run.blocks, run)
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
const serialResolvent = 1 << 14

// resolventRun is one call of Forward, a kernel.Task over heads and documents.
type resolventRun struct {
	*Resolvent
	spans []Span
	layer int
	in    ResolventInput
	out   Mat
	fresh *state.Resolvent // [spans·heads], for documents without a state
	trace resolventTrace

	blocks int // units of parallel work, over the heads of all documents
}

// resolventRuns are reused, so that decoding allocates nothing.
var resolventRuns = sync.Pool{New: func() any { return new(resolventRun) }}

// Do runs blocks [lo, hi) of the heads of all documents: item i is head i mod heads of document i div heads.
func (run *resolventRun) Do(lo, hi int) {
	items := len(run.spans) * run.Heads
	lo, hi = lo*items/run.blocks, hi*items/run.blocks
	for lo < hi {
		first := lo % run.Heads
		last := min(run.Heads, first+hi-lo)
		run.walk(lo/run.Heads, first, last)
		lo += last - first
	}
}

// walk runs heads [lo, hi) of one document over its tokens; with a tape one token at a time, to save the states.
func (run *resolventRun) walk(span, lo, hi int) {
	if run.spans[span].Len == 0 {
		return
	}
	c := run.chains(span, lo, hi)
	if run.trace.heads == 0 {
		c.Run()
		return
	}
	start := run.spans[span].Start
	run.trace.save(start+span, lo, hi, c.G, c.Y)
	for t := range c.Len {
		c.From(t, 1).Run()
		run.trace.save(start+t+span+1, lo, hi, c.G, c.Y)
	}
}

// chains returns heads [lo, hi) of one document.
func (run *resolventRun) chains(span, lo, hi int) kernel.Chains {
	row, st, v := run.spans[span].Start, run.state(span), run.Values
	c := kernel.Chains{
		Len: run.spans[span].Len, Heads: hi - lo, Values: v,
		A: rowsOf(run.in.A).From(row, lo), Hop: run.hops(row, lo), Eta: run.in.Eta.Data[lo:hi],
		G: st.G.Slice(lo, hi), Y: st.Y.Slice(lo*v, hi*v),
		Born: run.BornNorm, Cayley: run.Cayley,
	}
	out, at := rowsOf(run.out), 0
	if v > 0 {
		c.U = rowsOf(run.in.U).From(row, lo*v)
		c.ZRe, c.ZIm = out.From(row, lo*v), out.From(row, (run.Heads+lo)*v)
		at = 2 * run.Heads * v
	}
	if v == 0 || run.IncludeG {
		c.QRe, c.QIm = out.From(row, at+lo), out.From(row, at+run.Heads+lo)
	}
	return c
}

// rowsOf returns x as the kernels take it.
func rowsOf(x Mat) kernel.Rows { return kernel.Rows{Data: x.Data, Stride: x.Cols} }

// hops returns the hops of the tokens from row on, for the heads from lo on.
func (run *resolventRun) hops(row, lo int) kernel.Rows {
	if run.in.Hop.Rows == 1 {
		return kernel.Rows{Data: run.in.Hop.Data[lo:]}
	}
	return rowsOf(run.in.Hop).From(row, lo)
}

// state returns the state of document span in this layer.
func (run *resolventRun) state(span int) state.Resolvent {
	if s := state.Of[*state.Resolvent](run.spans[span].State, run.layer); s != nil {
		return *s
	}
	lo, hi, v := span*run.Heads, (span+1)*run.Heads, run.Values
	return state.Resolvent{G: run.fresh.G.Slice(lo, hi), Y: run.fresh.Y.Slice(lo*v, hi*v)}
}

// hopRow is the row of the hops of the token in row row.
func (run *resolventRun) hopRow(row int) int { return min(row, run.in.Hop.Rows-1) }
