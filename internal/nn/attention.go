package nn

import (
	"sync"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/state"
)

// Attention is causal softmax attention with grouped queries and an optional window, see [kernel.Attention]. A span with a
// state, the layer's [state.KV], also attends to the document's earlier tokens and appends its keys and values to it.
type Attention struct{ kernel.Attention }

// Heads are the columns of a matrix starting at From. A fused projection has queries, keys and values side by side.
type Heads struct {
	Mat
	From int
}

func (h Heads) data() kernel.Rows { return kernel.Rows{Data: h.Data[h.From:], Stride: h.Cols} }
func (h Heads) grad() kernel.Rows { return kernel.Rows{Data: h.Grad[h.From:], Stride: h.Cols} }

// Forward returns the attention of queries q [rows, heads·dim] over keys k and values v [rows, kvHeads·dim] as
// [rows, heads·dim]; layer is the index of the layer in the state.
//
// It costs 4·dim + 4 FLOPs for each query head and visible key (two products; scale, shift, exponential, sum) and dim
// for each row and head (normalisation). Its bytes are the rows of q, k, v and out, the visible past and what is
// appended to the state; the naive form also writes and reads its scores.
func (a *Attention) Forward(p *Pass, layer int, q, k, v Heads, spans []Span) Mat {
	out := p.New(q.Rows, a.Heads*a.Dim)
	rows := kernel.Rows{Data: out.Data, Stride: out.Cols}
	list := attentionSpans.Get().(*[]kernel.AttentionSpan)
	defer attentionSpans.Put(list)
	*list = appendSpans((*list)[:0], layer, spans)
	if a.BF16 {
		a.pack(p, layer, k.data(), v.data(), *list, spans)
	}
	var lse []float32 // of the scores, for backward
	if p.Tape != nil {
		lse = p.Scratch(out.Rows * a.Heads)
		a.record(p, out, q, k, v, lse, *list)
	}
	a.Attention.Forward(p.Pool, rows, q.data(), k.data(), v.data(), lse, *list)
	if p.Count != nil {
		a.count(p, out.Rows, *list)
	}
	a.remember(p, layer, k.data(), v.data(), *list, spans)
	clear(*list)
	return out
}

// attentionSpans are reused, so that decoding allocates nothing.
var attentionSpans = sync.Pool{New: func() any { return new([]kernel.AttentionSpan) }}

func appendSpans(list []kernel.AttentionSpan, layer int, spans []Span) []kernel.AttentionSpan {
	for _, s := range spans {
		span := kernel.AttentionSpan{Row: s.Start, Len: s.Len}
		if kv := state.Of[*state.KV](s.State, layer); kv != nil {
			kv.Span(&span)
		}
		list = append(list, span)
	}
	return list
}

// appendsFirst reports whether a span's new keys and values are appended to its state before it attends. In bf16, where
// attention reads one cache, they are if the state has room for them besides the visible past.
func (a *Attention) appendsFirst(kv *state.KV, pos, n int) bool {
	return a.BF16 && kv.Holds(pos+n-a.First(pos))
}

// pack stores the new keys and values in bf16 next to the past that the queries see: in the state or, if they are appended
// later or never, in scratch memory with a copy of the visible past.
func (a *Attention) pack(p *Pass, layer int, k, v kernel.Rows, list []kernel.AttentionSpan, spans []Span) {
	for i := range list {
		s, kv := &list[i], state.Of[*state.KV](spans[i].State, layer)
		newK, newV := k.From(s.Row, 0), v.From(s.Row, 0)
		if kv != nil && a.appendsFirst(kv, s.Pos, s.Len) {
			kv.Append(p.Pool, newK, newV, s.Len)
			kv.Span(s)
			s.Pos -= s.Len
			continue
		}
		first := a.First(s.Pos)
		scratch := kernel.NewKeyValues(a.KVHeads, a.Dim, kernel.TileRows(first, s.Pos+s.Len), p.Scratch)
		if s.Cache != nil {
			scratch.CopyTiles(s.Cache, first, s.Pos)
		}
		scratch.Put(p.Pool, s.Pos, newK, newV, s.Len)
		s.Cache = scratch
	}
}

// remember appends the new keys and values to the states that do not have them yet.
func (a *Attention) remember(p *Pass, layer int, k, v kernel.Rows, list []kernel.AttentionSpan, spans []Span) {
	for i, s := range spans {
		kv := state.Of[*state.KV](s.State, layer)
		if kv == nil {
			continue
		}
		if !a.appendsFirst(kv, list[i].Pos, s.Len) {
			kv.Append(p.Pool, k.From(s.Start, 0), v.From(s.Start, 0), s.Len)
		}
		p.Add(0, a.cachedBytes(kv.Kept(s.Len)))
	}
}

// cachedBytes is the size of n keys and values in a state.
func (a *Attention) cachedBytes(n int) int64 {
	bytes := 2 * 4 * int64(a.KVHeads*a.Dim) * int64(n)
	if a.BF16 {
		return bytes / 2
	}
	return bytes
}

// count counts the work from the number of keys that each query saw.
func (a *Attention) count(p *Pass, rows int, spans []kernel.AttentionSpan) {
	var visible int64
	past := 0
	for _, s := range spans {
		past += s.Pos - a.First(s.Pos)
		for pos := s.Pos; pos < s.Pos+s.Len; pos++ {
			visible += int64(pos + 1 - a.First(pos))
		}
	}
	heads, kvHeads, dim := int64(a.Heads), int64(a.KVHeads), int64(a.Dim)
	p.Add(heads*(visible*(4*dim+4)+int64(rows)*dim), 8*dim*int64(rows)*(heads+kvHeads)+a.cachedBytes(past))
	if a.Naive {
		p.Add(0, 8*heads*visible)
	}
}

// record adds the backward pass. No gradient flows back into the past of a span.
func (a *Attention) record(p *Pass, out Mat, q, k, v Heads, lse []float32, spans []kernel.AttentionSpan) {
	if a.BF16 {
		panic("nn: backward of attention in bf16: train in f32")
	}
	grad := kernel.AttentionGrad{
		Attention: a.Attention,
		Q:         q.data(), K: k.data(), V: v.data(),
		Out: kernel.Rows{Data: out.Data, Stride: out.Cols}, DOut: kernel.Rows{Data: out.Grad, Stride: out.Cols},
		DQ: q.grad(), DK: k.grad(), DV: v.grad(),
		LSE: lse,
	}
	var carried []carriedSpan
	for _, s := range spans {
		if s.Pos > 0 {
			carried = append(carried, a.carry(p, s))
		} else {
			grad.Spans = append(grad.Spans, s)
		}
	}
	p.Tape.Record(func() {
		grad.Run(p.Pool)
		for i := range carried {
			carried[i].backward(p, &grad)
		}
	})
}
