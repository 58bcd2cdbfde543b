package kernel

import (
	"math"
	"sync"
)

// Attention is causal softmax attention with grouped queries: query head h reads key head h / (Heads/KVHeads). Position
// i sees the keys of positions max(0, i-Window+1) to i.
//
//	out[i] = Σ_j softmax_j(Scale · q[i]·k[j]) v[j]
//
// Forward works tile by tile with a running maximum and sum (Milakov and Gimelshein 2018; Dao 2023). Its scratch memory
// does not grow with the number of keys, and it skips tiles outside the window. Naive is the textbook form, which
// materialises all scores of a query; the tiled form is tested against it.
type Attention struct {
	Heads, KVHeads, Dim int
	Window              int     // number of visible keys, including the query's own; 0: all keys so far
	Scale               float32 // factor of the dot products
	Naive               bool
	// BF16 rounds queries, keys, exponentials and values to bf16 before multiplying them. All keys and values,
	// including the new ones, are read from each span's Cache; Forward ignores k and v.
	BF16 bool
}

// Rows is a matrix inside a wider one: row r starts at Data[r*Stride].
type Rows struct {
	Data   []float32
	Stride int
}

// From returns the rows from row r and column c on.
func (x Rows) From(r, c int) Rows { return Rows{x.Data[r*x.Stride+c:], x.Stride} }

// AttentionSpan is one document's new tokens and its retained past.
type AttentionSpan struct {
	Row, Len int // rows of the new tokens in q, k, v and out
	Pos      int // position of the first new token
	// PastK and PastV are rings [KVHeads, Slots, Dim]: position p < Pos is in row p mod Slots of each head. They hold
	// at least the last Window-1 positions before Pos, or all of them without a window. They are unused while Pos is 0.
	PastK, PastV []float32
	Slots        int
	Cache        *KeyValues // for attention in bf16; replaces k, v and the rings
}

// First returns the first position visible from pos.
func (a *Attention) First(pos int) int {
	if a.Window == 0 {
		return 0
	}
	return max(0, pos-a.Window+1)
}

// group is the number of query heads that share a key head.
func (a *Attention) group() int { return a.Heads / a.KVHeads }

// Forward attends from the rows of q, [*, Heads*Dim], to those of k and v, [*, KVHeads*Dim], and to each span's past,
// and writes out, [*, Heads*Dim]. If lse is not nil, it receives ln Σ_j exp(score_j) per row and head, [*, Heads],
// which Backward needs. Results do not depend on the pool.
func (a *Attention) Forward(pool *Pool, out, q, k, v Rows, lse []float32, spans []AttentionSpan) {
	run := attentionRuns.Get().(*attentionRun)
	defer attentionRuns.Put(run)
	*run = attentionRun{Attention: *a, out: out, q: q, k: k, v: v, lse: lse, spans: spans}
	items, products := 0, 0
	for i := range spans {
		items += run.items(&spans[i])
		products += run.products(&spans[i])
	}
	pool.spread(items, products, run)
	*run = attentionRun{}
}

// attentionRun is the state of one Forward call. It is pooled, so decoding does not allocate.
type attentionRun struct {
	Attention
	out, q, k, v Rows
	lse          []float32
	spans        []AttentionSpan
}

var attentionRuns = sync.Pool{New: func() any { return &attentionRun{} }}

// tileTokens is the number of query tokens in one work item.
func (run *attentionRun) tileTokens() int {
	if run.Naive {
		return 1
	}
	return max(1, queryRows/run.group())
}

// products is the approximate number of multiply-adds of a span.
func (run *attentionRun) products(s *AttentionSpan) int {
	last := s.Pos + s.Len
	return 2 * s.Len * (last - run.First(last-1)) * run.Heads * run.Dim
}

// items is the number of work items of a span: one per key head and tile of query tokens.
func (run *attentionRun) items(s *AttentionSpan) int {
	return run.KVHeads * ceilDiv(s.Len, run.tileTokens())
}

// Do implements Task; it computes work items [lo, hi) of all spans.
func (run *attentionRun) Do(lo, hi int) {
	w := attentionScratches.Get().(*attentionScratch)
	defer w.release()
	tokens := run.tileTokens()
	for i := range run.spans {
		s := &run.spans[i]
		n := run.items(s)
		tiles := n / run.KVHeads
		for item := max(lo, 0); item < min(hi, n); item++ {
			head, first := item/tiles, item%tiles*tokens
			t := queryTile{span: s, head: head, first: first, tokens: min(tokens, s.Len-first)}
			run.attend(w, t)
		}
		lo, hi = lo-n, hi-n
	}
}

// attend computes one query tile.
func (run *attentionRun) attend(w *attentionScratch, t queryTile) {
	switch {
	case run.Naive && run.BF16:
		run.naiveBF16(w, t)
	case run.Naive:
		run.naive(w, t)
	case run.BF16:
		run.tiledBF16(w, t)
	default:
		run.tiled(w, t)
	}
}

// queryTile is a run of query tokens of a span, with the heads that share one key head. Its rows are ordered by token,
// then head.
type queryTile struct {
	span   *AttentionSpan
	head   int // key head
	first  int // query token within the span
	tokens int
}

// pos returns the position of the tile's t-th token.
func (t queryTile) pos(i int) int { return t.span.Pos + t.first + i }

// row returns the tile's part of row t of x. x has heads of dim columns grouped by key head.
func (t queryTile) row(x Rows, i, width int) []float32 {
	at := (t.span.Row+t.first+i)*x.Stride + t.head*width
	return x.Data[at : at+width]
}

// keys returns the keys and values of head at positions [pos, pos+n). n ≤ limit is the number of positions before end
// that are contiguous in memory.
func (run *attentionRun) keys(s *AttentionSpan, head, pos, end, limit int) (k, v Rows, n int) {
	at := head * run.Dim
	if pos >= s.Pos {
		row := s.Row + pos - s.Pos
		return run.k.From(row, at), run.v.From(row, at), min(end-pos, limit)
	}
	slot := pos % s.Slots
	n = min(min(end, s.Pos)-pos, s.Slots-slot, limit)
	at = (head*s.Slots + slot) * run.Dim
	return Rows{s.PastK[at:], run.Dim}, Rows{s.PastV[at:], run.Dim}, n
}

// attentionScratch is one worker's memory. It grows with head size and group, and with the number of keys in the naive
// form only.
type attentionScratch struct {
	floats  []float32
	taken   int
	weights operand // bf16 keys or values of a tile
}

var attentionScratches = sync.Pool{New: func() any { return &attentionScratch{} }}

// reserve frees everything and makes room for n floats.
func (w *attentionScratch) reserve(n int) {
	if cap(w.floats) < n {
		w.floats = make([]float32, n)
	}
	w.floats, w.taken = w.floats[:cap(w.floats)], 0
}

// release returns the scratch to the pool.
func (w *attentionScratch) release() {
	w.weights = operand{}
	attentionScratches.Put(w)
}

// take returns n uninitialised floats from the reserved memory.
func (w *attentionScratch) take(n int) []float32 {
	s := w.floats[w.taken : w.taken+n : w.taken+n]
	w.taken += n
	return s
}

func ceilDiv(n, d int) int { return (n + d - 1) / d }

var negInf = float32(math.Inf(-1))
