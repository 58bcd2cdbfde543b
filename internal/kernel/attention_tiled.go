package kernel

import "math"

// Tile sizes of the tiled form: a tile of scores is 16 KB and stays in the first-level cache beside its keys.
const (
	queryRows = 64 // query tokens × heads of a group
	keyTile   = 64
)

// softmaxTile is the running state of one query tile: for each row the maximum m and the sum l of exponentials so
// far, and acc = Σ exp(score-m)·v.
type softmaxTile struct {
	rows, dim int
	q         []float32 // [rows, dim]
	acc       []float32 // [rows, dim]
	scores    []float32 // [rows, keyTile]
	m, l      []float32 // [rows]
}

func (w *attentionScratch) softmaxTile(rows, dim int) softmaxTile {
	w.reserve(rows * (2*dim + keyTile + 2))
	return softmaxTile{
		rows: rows, dim: dim,
		q: w.take(rows * dim), acc: w.take(rows * dim), scores: w.take(rows * keyTile), m: w.take(rows), l: w.take(rows),
	}
}

// tiled attends from one query tile over its window, key tile by key tile.
func (run *attentionRun) tiled(w *attentionScratch, t queryTile) {
	group := run.group()
	width := group * run.Dim
	st := w.softmaxTile(t.tokens*group, run.Dim)
	for i := range t.tokens {
		copy(st.q[i*width:], t.row(run.q, i, width))
	}
	st.clear()
	end := t.pos(t.tokens)
	for pos, n := run.First(t.pos(0)), 0; pos < end; pos += n {
		var k, v Rows
		k, v, n = run.keys(t.span, t.head, pos, end, keyTile)
		st.score(k, n, run.Scale)
		for i := range t.tokens {
			lo := max(run.First(t.pos(i))-pos, 0)
			hi := min(t.pos(i)-pos+1, n)
			for r := i * group; r < (i+1)*group; r++ {
				st.advance(r, lo, hi, n)
			}
		}
		st.addValues(v, n)
	}
	for i := range t.tokens {
		st.write(i*group, t.row(run.out, i, width))
		if run.lse != nil {
			st.logSums(i*group, t.row(Rows{run.lse, run.Heads}, i, group))
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

// score fills the tile with scale·q·kᵀ for n keys.
func (st *softmaxTile) score(k Rows, n int, scale float32) {
	tileMulT(Rows{st.scores, keyTile}, Rows{st.q, st.dim}, k, st.rows, n, st.dim)
	for r := range st.rows {
		row := st.scores[r*keyTile:][:n]
		for j := range row {
			row[j] *= scale
		}
	}
}

// advance turns the scores of row r into exponentials under the new maximum, of which only keys [lo, hi) are visible,
// and rescales what was accumulated under the old one.
func (st *softmaxTile) advance(r, lo, hi, n int) {
	row := st.scores[r*keyTile:][:n]
	if lo >= hi {
		clear(row)
		return
	}
	clear(row[:lo])
	clear(row[hi:])
	row = row[lo:hi]
	top := maxOf(row, st.m[r])
	if st.m[r] != top {
		shrink := expf(st.m[r] - top)
		st.m[r] = top
		st.l[r] *= shrink
		for i, acc := 0, st.acc[r*st.dim:][:st.dim]; i < len(acc); i++ {
			acc[i] *= shrink
		}
	}
	st.l[r] += expSum(row, top)
}

// addValues adds the tile's weights times n values.
func (st *softmaxTile) addValues(v Rows, n int) {
	tileMulAdd(Rows{st.acc, st.dim}, Rows{st.scores, keyTile}, v, st.rows, n, st.dim)
}

// write stores acc/l of the rows from r on, one after the other.
func (st *softmaxTile) write(r int, out []float32) {
	for ; len(out) > 0; r++ {
		scale := 1 / st.l[r]
		for i, v := range st.acc[r*st.dim:][:st.dim] {
			out[i] = v * scale
		}
		out = out[st.dim:]
	}
}

// logSums stores m + ln l of the rows from r on.
func (st *softmaxTile) logSums(r int, lse []float32) {
	for i := range lse {
		lse[i] = st.m[r+i] + float32(math.Log(float64(st.l[r+i])))
	}
}

// maxOf returns the largest of x and floor. NaN is passed over: it shows in the exponentials.
func maxOf(x []float32, floor float32) float32 {
	for _, v := range x {
		if v > floor {
			floor = v
		}
	}
	return floor
}

// expSum replaces x by exp(x-top) and returns the sum.
func expSum(x []float32, top float32) (sum float32) {
	for i := range x {
		x[i] -= top
	}
	Exp(x, x)
	for _, e := range x {
		sum += e
	}
	return sum
}

func expf(x float32) float32 { return float32(math.Exp(float64(x))) }
