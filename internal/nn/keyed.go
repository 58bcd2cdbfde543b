package nn

import (
	"sync"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/state"
)

// Keyed is the core of a ResNet-BK mixer that stores values under keys. Every head is a tridiagonal chain with one site per
// token, as in [Resolvent], and a matrix of products of keys and values, which decays by the modulus of the resolvent and is
// read with queries (see kernel.Keyed). Keys and queries are shared by the heads. The output, one row per token, is
//
//	[o (heads·values, head-major)], then [Re q (heads), Im q] if IncludeG
//
// with q = (g − i)/(g + i) if Cayley, else g. The rows of weights in o have unit norm if BornNorm.
type Keyed struct {
	Heads, Values, Keys int
	BornNorm            bool
	IncludeG            bool
	Cayley              bool
}

// KeyedInput holds the inputs of a batch, one row per token. Settings that all tokens share have one row.
type KeyedInput struct {
	A     Mat // [rows, heads]; site energy minus Re z
	Hop   Mat // [rows or 1, heads]
	Eta   Mat // [rows or 1, heads]; Im z
	U     Mat // [rows, heads·values or more]; the first columns are the values
	Key   Mat // [rows, keys]; no longer than 1, likewise the queries
	Query Mat // [rows, keys]
}

// Width is the number of features.
func (r *Keyed) Width() int {
	if r.IncludeG {
		return r.Heads*r.Values + 2*r.Heads
	}
	return r.Heads * r.Values
}

// FLOPs is the cost of one token: per head 10 for g, as in [Resolvent], 4 for its modulus and 1 for the decay; per value
// and key 5, the product with the decay and two multiply-adds; per value 1 for its step size and, with BornNorm, 1 for the
// norm, whose factors cost 4 per head.
func (r *Keyed) FLOPs() int64 {
	perHead, perValue := 15, 5*r.Keys+1
	if r.BornNorm {
		perHead, perValue = perHead+4, perValue+1
	}
	if r.Cayley && r.IncludeG {
		perHead += 10
	}
	return int64(r.Heads) * int64(perHead+r.Values*perValue)
}

// bytes is the traffic of a batch.
func (r *Keyed) bytes(spans int, in *KeyedInput) int64 {
	perToken := r.Heads + r.Heads*r.Values + 2*r.Keys + r.Width()
	shared := (in.Hop.Rows + in.Eta.Rows) * r.Heads
	return 4*int64(in.A.Rows*perToken+shared) + 2*int64(spans)*int64(r.Heads)*int64(16+4*r.Values*r.Keys)
}

// Forward returns the features [rows, Width] and advances the states of the documents, each a [state.Keyed] at the index
// layer. Heads and documents are independent, so results do not depend on the pool.
func (r *Keyed) Forward(p *Pass, spans []Span, layer int, in KeyedInput) Mat {
	run := keyedRuns.Get().(*keyedRun)
	run.Keyed, run.spans, run.layer, run.in, run.out = r, spans, layer, in, p.New(in.A.Rows, r.Width())
	run.makeFresh(p)
	if p.Tape != nil {
		run.trace = newKeyedTrace(p, r, spans)
	}
	pool, work := p.Pool, in.A.Rows*r.Heads*r.Values*r.Keys
	if work < serialKeyed {
		pool = nil
	}
	run.blocks = min(len(spans)*r.Heads, 2*pool.Threads())
	pool.Run(run.blocks, run)
	p.Add(int64(in.A.Rows)*r.FLOPs(), r.bytes(len(spans), &in))
	if p.Tape != nil {
		run.record(p)
	}
	out := run.out
	*run = keyedRun{fresh: run.fresh}
	keyedRuns.Put(run)
	return out
}

// serialKeyed is the number of products below which sharing the work costs more than it saves.
const serialKeyed = 1 << 15

// keyedRun is one call of Forward, a kernel.Task over heads and documents.
type keyedRun struct {
	*Keyed
	spans []Span
	layer int
	in    KeyedInput
	out   Mat
	trace keyedTrace

	fresh  kernel.Complex // [spans·heads]; g of documents without a state
	freshY []float32      // [spans·heads, values, keys]
	blocks int            // units of parallel work, over the heads of all documents
}

// keyedRuns are reused with their fresh states, so that decoding allocates nothing.
var keyedRuns = sync.Pool{New: func() any { return new(keyedRun) }}

// makeFresh makes empty states if a document has none.
func (run *keyedRun) makeFresh(p *Pass) {
	for _, s := range run.spans {
		if s.State != nil {
			continue
		}
		n := len(run.spans) * run.Heads
		if run.fresh.Len() < n {
			run.fresh = kernel.NewComplex(n)
		}
		run.fresh.Clear()
		run.freshY = p.Scratch(n * run.Values * run.Keys)
		clear(run.freshY)
		return
	}
}

// Do runs blocks [lo, hi) of the heads of all documents: item i is head i mod heads of document i div heads.
func (run *keyedRun) Do(lo, hi int) {
	items := len(run.spans) * run.Heads
	lo, hi = lo*items/run.blocks, hi*items/run.blocks
	for lo < hi {
		first := lo % run.Heads
		last := min(run.Heads, first+hi-lo)
		run.walk(lo/run.Heads, first, last)
		lo += last - first
	}
}

// walk runs heads [lo, hi) of one document.
func (run *keyedRun) walk(span, lo, hi int) {
	if run.spans[span].Len == 0 {
		return
	}
	k := run.heads(span, lo, hi)
	k.G, k.Y = run.state(span, lo, hi)
	k.Run()
}

// heads returns heads [lo, hi) of one document, except for their state.
func (run *keyedRun) heads(span, lo, hi int) kernel.Keyed {
	row, v := run.spans[span].Start, run.Values
	k := kernel.Keyed{
		Len: run.spans[span].Len, Heads: hi - lo, Values: v, Keys: run.Keys,
		A: rowsOf(run.in.A).From(row, lo), Hop: settingOf(run.in.Hop, row, lo), Eta: settingOf(run.in.Eta, row, lo),
		U: rowsOf(run.in.U).From(row, lo*v), Key: rowsOf(run.in.Key).From(row, 0), Query: rowsOf(run.in.Query).From(row, 0),
		Born: run.BornNorm, Cayley: run.Cayley, Out: rowsOf(run.out).From(row, lo*v),
		Saved: run.saved(span, lo),
	}
	if run.IncludeG {
		k.QRe, k.QIm = run.features(rowsOf(run.out), row, lo)
	}
	return k
}

// features returns the columns of g for the heads from lo on, in a matrix like the output.
func (run *keyedRun) features(out kernel.Rows, row, lo int) (re, im kernel.Rows) {
	at := run.Heads * run.Values
	return out.From(row, at+lo), out.From(row, at+run.Heads+lo)
}

// settingOf returns a setting of the tokens from row on, for the heads from lo on.
func settingOf(x Mat, row, lo int) kernel.Rows {
	if x.Rows == 1 {
		return kernel.Rows{Data: x.Data[lo:]}
	}
	return rowsOf(x).From(row, lo)
}

// state returns the state of heads [lo, hi) of a document in this layer.
func (run *keyedRun) state(span, lo, hi int) (g kernel.Complex, y []float32) {
	size := run.Values * run.Keys
	if s := state.Of[*state.Keyed](run.spans[span].State, run.layer); s != nil {
		return s.G.Slice(lo, hi), s.Y[lo*size : hi*size]
	}
	lo, hi = span*run.Heads+lo, span*run.Heads+hi
	return run.fresh.Slice(lo, hi), run.freshY[lo*size : hi*size]
}
