package kernel

import "math"

// Tile sizes of the tiled form: a tile of scores with its keys and values fits in the second-level cache.
const (
	queryRows = 56 // query tokens × heads of a group: four tiles of the widest micro-kernel
	keyTile   = 128
)

// softmaxTile is the running state of one query tile: for each row the maximum m and the sum l of exponentials so far,
// and acc = Σ exp(score-m)·v.
type softmaxTile struct {
	rows, dim int
	q         []float32 // [rows, dim], times the score scale
	acc       []float32 // [rows, dim]
	part      []float32 // [rows, dim]; one key tile's contribution, in bf16
	scores    []float32 // [rows, lds]
	lds       int
	m, l      []float32 // [rows]
}

func (w *attentionScratch) softmaxTile(rows, dim int) softmaxTile {
	w.reserve(rows * (3*dim + keyTile + 2))
	return softmaxTile{
		rows: rows, dim: dim, lds: keyTile,
		q: w.take(rows * dim), acc: w.take(rows * dim), part: w.take(rows * dim),
		scores: w.take(rows * keyTile), m: w.take(rows), l: w.take(rows),
	}
}

// tiled attends from one query tile over its window, one key tile at a time.
func (run *attentionRun) tiled(w *attentionScratch, t queryTile) {
	st := run.begin(w, t)
	end := t.pos(t.tokens)
	for pos := run.First(t.pos(0)); pos < end; {
		next := tileEnd(pos, end)
		run.keyTile(&st, t, pos, next)
		pos = next
	}
	run.finish(&st, t)
}

// tileEnd is the end of the key tile that contains pos.
func tileEnd(pos, end int) int { return min((pos/keyTile+1)*keyTile, end) }

// begin returns the state of a query tile before its first key.
func (run *attentionRun) begin(w *attentionScratch, t queryTile) softmaxTile {
	group := run.group()
	width := group * run.Dim
	st := w.softmaxTile(t.tokens*group, run.Dim)
	for i := range t.tokens {
		copy(st.q[i*width:], t.row(run.q, i, width))
	}
	active.attention.scale(st.q, run.Scale)
	st.clear()
	return st
}

// finish stores the results of a query tile after its last key.
func (run *attentionRun) finish(st *softmaxTile, t queryTile) {
	group := run.group()
	for i := range t.tokens {
		st.write(i*group, t.row(run.out, i, group*run.Dim))
		if run.lse != nil {
			st.logSums(i*group, t.row(Rows{run.lse, run.Heads}, i, group))
		}
	}
}

// keyTile adds the keys at positions [first, end) of one tile. Tiles start at multiples of their size and every sum has
// one order, so a token's result is bit-identical however its document was split. The keys may be in several pieces:
// the end of the ring, its start, and the new tokens.
func (run *attentionRun) keyTile(st *softmaxTile, t queryTile, first, end int) {
	kernels := &active.attention
	for pos, n := first, 0; pos < end; pos += n {
		var k Rows
		k, _, n = run.keys(t.span, t.head, pos, end, keyTile)
		kernels.mulT(Rows{st.scores[pos-first:], keyTile}, Rows{st.q, st.dim}, k, st.rows, n, st.dim)
	}
	run.softmax(st, t, first, end)
	for pos, n := first, 0; pos < end; pos += n {
		var v Rows
		_, v, n = run.keys(t.span, t.head, pos, end, keyTile)
		kernels.mulAdd(Rows{st.acc, st.dim}, Rows{st.scores[pos-first:], keyTile}, v, st.rows, st.dim, n)
	}
}

// softmax turns the scores of the keys at positions [first, end) into exponentials.
func (run *attentionRun) softmax(st *softmaxTile, t queryTile, first, end int) {
	group := run.group()
	for i := range t.tokens {
		lo := max(run.First(t.pos(i))-first, 0)
		hi := min(t.pos(i)+1, end) - first
		for r := i * group; r < (i+1)*group; r++ {
			st.advance(r, lo, hi, end-first)
		}
	}
}

func (st *softmaxTile) clear() {
	clear(st.acc)
	clear(st.l)
	for r := range st.m {
		st.m[r] = negInf
	}
}

// advance turns the scores of row r, of which only keys [lo, hi) are visible, into exponentials under the new maximum,
// and rescales what was accumulated under the old one.
func (st *softmaxTile) advance(r, lo, hi, n int) {
	row := st.scores[r*st.lds:][:n]
	if lo >= hi {
		clear(row)
		return
	}
	clear(row[:lo])
	clear(row[hi:])
	row = row[lo:hi]
	top := max(st.m[r], active.rowMax(row))
	if st.m[r] != top {
		shrink := expf(st.m[r] - top)
		st.m[r] = top
		st.l[r] *= shrink
		active.attention.scale(st.acc[r*st.dim:][:st.dim], shrink)
	}
	st.l[r] += active.attention.expShift(row, top)
}

// write stores acc/l for consecutive rows starting at r.
func (st *softmaxTile) write(r int, out []float32) {
	for ; len(out) > 0; r++ {
		row := st.acc[r*st.dim:][:st.dim]
		active.attention.scale(row, 1/st.l[r])
		copy(out, row)
		out = out[st.dim:]
	}
}

// logSums stores m + ln l for consecutive rows starting at r.
func (st *softmaxTile) logSums(r int, lse []float32) {
	for i := range lse {
		lse[i] = st.m[r+i] + float32(math.Log(float64(st.l[r+i])))
	}
}

func expf(x float32) float32 { return float32(math.Exp(float64(x))) }
