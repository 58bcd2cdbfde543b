package kernel

import (
	"unsafe"

	"github.com/archbench/archbench/internal/half"
)

// In bf16, both products of attention are linear-layer products with bf16 weights: scaled queries by keys, and
// exponentials by values. Keys and values are stored in panels ([KeyValues]). All operands are rounded; sums are
// float32.

// tiledBF16 attends from one query tile over its window, one key tile at a time. Each tile's contribution is summed
// from zero, so a token's result is bit-identical however its document was split.
func (run *attentionRun) tiledBF16(w *attentionScratch, t queryTile) {
	cache, st := t.span.Cache, run.begin(w, t)
	first, end := run.First(t.pos(0))/pairInputs*pairInputs, t.pos(t.tokens)
	for pos := first; pos < end; {
		next := tileEnd(pos, end)
		st.lds = next - pos
		cache.keyWeights(&w.weights, t.head, pos, st.lds)
		multiplyPanels(&w.weights, st.scores, st.q, st.rows)
		run.softmax(&st, t, pos, next)
		cache.valueWeights(&w.weights, t.head, pos, st.lds)
		if pos == first {
			multiplyPanels(&w.weights, st.acc, st.scores, st.rows)
		} else {
			multiplyPanels(&w.weights, st.part, st.scores, st.rows)
			active.add(st.acc, st.acc, st.part)
		}
		pos = next
	}
	run.finish(&st, t)
}

// naiveBF16 attends from one token, head by head, with all scores of a head at once.
func (run *attentionRun) naiveBF16(w *attentionScratch, t queryTile) {
	cache, group, width := t.span.Cache, run.group(), run.group()*run.Dim
	q, out := t.row(run.q, 0, width), t.row(run.out, 0, width)
	first, end := run.First(t.pos(0)), t.pos(1)
	start := first / pairInputs * pairInputs
	w.reserve(end - start + 2*run.Dim)
	scores, scaled, part := w.take(end-start), w.take(run.Dim), w.take(run.Dim)
	for g := range group {
		copy(scaled, q[g*run.Dim:])
		scaleRow(scaled, run.Scale)
		for pos := start; pos < end; pos = tileEnd(pos, end) {
			next := tileEnd(pos, end)
			cache.keyWeights(&w.weights, t.head, pos, next-pos)
			multiplyPanels(&w.weights, scores[pos-start:next-start], scaled, 1)
		}
		clear(scores[:first-start])
		run.normalise(scores[first-start:], t, g)
		sum := out[g*run.Dim:][:run.Dim]
		clear(sum)
		for pos := start; pos < end; pos = tileEnd(pos, end) {
			next := tileEnd(pos, end)
			cache.valueWeights(&w.weights, t.head, pos, next-pos)
			multiplyPanels(&w.weights, part, scores[pos-start:next-start], 1)
			active.add(sum, sum, part)
		}
	}
}

// multiplyPanels computes y = x·wᵀ with bf16 weights in panels. x, [rows, in], is rounded to bf16, possibly in place.
func multiplyPanels(w *operand, y, x []float32, rows int) {
	if active.product != nil {
		active.product(nil, w, y, x, rows)
		return
	}
	for i, v := range x[:rows*w.in] {
		x[i] = half.FromBF16(half.ToBF16(v))
	}
	for o := range w.out {
		for r := range rows {
			y[r*w.out+o] = w.dotPairs(o, x[r*w.in:][:w.in])
		}
	}
}

// panelOutputs is the number of outputs per panel in the reference.
const panelOutputs = 32

// dotPairs returns the product of x with output o.
func (w *operand) dotPairs(o int, x []float32) (sum float32) {
	panel := unsafe.Slice((*uint16)(unsafe.Pointer(w.panel(o/panelOutputs))), w.padded*panelOutputs)
	panel = panel[o%panelOutputs*2:]
	for i, v := range x {
		sum += v * half.FromBF16(panel[i/2*panelOutputs*2+i%2])
	}
	return sum
}
