package kernel

import (
	"sync"
	"unsafe"
)

// KeyValues holds keys and values of attention in bf16, in the order in which its two products read them: the keys of a
// head are weights of shape [rows, dim], its values weights of shape [dim, rows], both in panels of outputs. Position p
// is in row p mod Rows.
//
// Rows of a tile that a query does not see are multiplied by zero, so an infinity or NaN among its values reaches all
// queries of the tile.
type KeyValues struct {
	heads, dim, rows int
	cols             int // outputs of a panel

	// Pairs along the input, for all outputs of a panel side by side.
	k []uint16 // [heads, rows/cols, keyInputs/2, cols, 2]
	v []uint16 // [heads, valueOutputs/cols, rows/2, cols, 2]
}

// pairInputs is what the inputs of a product of bf16 are padded to: a vector of pairs.
const pairInputs = 32

// NewKeyValues returns room for the keys and values of at least that many positions, all zero. Rows are whole tiles of
// attention, so that no tile is cut where a ring begins again. memory lends the floats that are asked for, or is nil.
func NewKeyValues(heads, dim, rows int, memory func(floats int) []float32) *KeyValues {
	const line = 16 // floats of a cache line, where panels begin
	c := shapeOf(heads, dim, rows)
	keys, values := c.elements()
	floats := (keys+values)/2 + line
	var mem []float32
	if memory != nil {
		mem = memory(floats)
		clear(mem)
	} else {
		mem = make([]float32, floats)
	}
	at := (int(-uintptr(unsafe.Pointer(unsafe.SliceData(mem)))) & 63) / 4
	all := unsafe.Slice((*uint16)(unsafe.Pointer(&mem[at])), keys+values)
	c.k, c.v = all[:keys], all[keys:]
	return c
}

// KeyValuesBytes is the memory of the keys and values of at least that many positions.
func KeyValuesBytes(heads, dim, rows int) int64 {
	keys, values := shapeOf(heads, dim, rows).elements()
	return 2 * int64(keys+values)
}

// shapeOf returns KeyValues without their memory.
func shapeOf(heads, dim, rows int) *KeyValues {
	return &KeyValues{heads: heads, dim: dim, rows: roundUp(rows, keyTile), cols: active.panel}
}

// elements is the number of those of keys and values.
func (c *KeyValues) elements() (keys, values int) {
	return c.heads * c.rows * c.keyInputs(), c.heads * c.rows * c.valueOutputs()
}

// keyInputs is the length of a key with what fills its last vector of pairs.
func (c *KeyValues) keyInputs() int { return roundUp(c.dim, pairInputs) }

// valueOutputs is the length of a value with what fills the last panel.
func (c *KeyValues) valueOutputs() int { return roundUp(c.dim, c.cols) }

// Rows is the number of positions that there is room for.
func (c *KeyValues) Rows() int { return c.rows }

// Bytes is the memory of keys and values, with what fills their last vectors.
func (c *KeyValues) Bytes() int64 { return 2 * int64(len(c.k)+len(c.v)) }

// Grown returns a copy with room for at least that many positions. No position lies beyond the first turn of the ring, or
// the rows stay as many.
func (c *KeyValues) Grown(rows int) *KeyValues {
	d := NewKeyValues(c.heads, c.dim, max(rows, c.rows), nil)
	d.CopyTiles(c, 0, c.rows)
	return d
}

// Clear forgets all positions.
func (c *KeyValues) Clear() {
	clear(c.k)
	clear(c.v)
}

// CopyTiles copies the tiles that hold positions [first, end), which both have room for.
func (c *KeyValues) CopyTiles(from *KeyValues, first, end int) {
	for pos := first / keyTile * keyTile; pos < end; pos += keyTile {
		for head := range c.heads {
			to, at := c.keyPanel(head, pos), from.keyPanel(head, pos)
			copy(c.k[to:][:keyTile*c.keyInputs()], from.k[at:])
			for j := 0; j < c.dim; j += c.cols {
				to, at := c.valuePairs(head, j, pos), from.valuePairs(head, j, pos)
				copy(c.v[to:][:keyTile*c.cols], from.v[at:])
			}
		}
	}
}

// TileRows is the number of rows that the tiles of positions [first, end) need.
func TileRows(first, end int) int { return end - first/keyTile*keyTile }

// keyPanel is where the panel with the key of a position begins.
func (c *KeyValues) keyPanel(head, pos int) int {
	return (head*c.rows + pos%c.rows/c.cols*c.cols) * c.keyInputs()
}

// valuePairs is where element i of the values of a position and of the next begins; the position is even.
func (c *KeyValues) valuePairs(head, i, pos int) int {
	return (head*c.valueOutputs()+i/c.cols*c.cols)*c.rows + (pos%c.rows/2*c.cols+i%c.cols)*2
}

// Put stores the keys k and values v of positions [pos, pos+n), rounded to bf16. k and v are [n, heads*dim]. Of more
// positions than there are rows it stores the last.
func (c *KeyValues) Put(pool *Pool, pos int, k, v Rows, n int) {
	if n == 0 {
		return
	}
	if skip := n - c.rows; skip > 0 {
		pos, n, k, v = pos+skip, c.rows, k.From(skip, 0), v.From(skip, 0)
	}
	t := putTasks.Get().(*putTask)
	t.KeyValues, t.pos, t.n, t.keys, t.values = c, pos, n, k, v
	pool.spread(c.heads, putWork*n*c.heads*c.dim, t)
	t.KeyValues, t.keys, t.values = nil, Rows{}, Rows{}
	putTasks.Put(t)
}

// putWork is how many multiply-adds take as long as storing an element of a key and one of a value.
const putWork = 4

// putTask is a Put in flight. Tasks are reused, so that decoding allocates nothing.
type putTask struct {
	*KeyValues
	pos, n       int
	keys, values Rows
}

var putTasks = sync.Pool{New: func() any { return new(putTask) }}

// Do implements Task for heads [lo, hi).
func (t *putTask) Do(lo, hi int) {
	s := putScratches.Get().(*putScratch)
	for head := lo; head < hi; head++ {
		t.putKeys(s, head, t.keys.From(0, head*t.dim))
		t.putValues(s, head, t.values.From(0, head*t.dim))
	}
	putScratches.Put(s)
}

// putScratch is a thread's rounded keys of a panel, or values of two positions.
type putScratch struct{ rows []uint16 }

var putScratches = sync.Pool{New: func() any { return new(putScratch) }}

// round returns rows rows of x from row r on, in bf16, each filled up to inputs.
func (s *putScratch) round(x Rows, r, rows, dim, inputs int) []uint16 {
	s.rows = grow(s.rows, rows*inputs)
	for i := range rows {
		row := s.rows[i*inputs:][:inputs]
		active.narrow(row[:dim], x.From(r+i, 0).Data[:dim])
		clear(row[dim:])
	}
	return s.rows
}

// putKeys stores the keys of a head, panel by panel.
func (t *putTask) putKeys(s *putScratch, head int, k Rows) {
	pairs := t.keyInputs() / 2
	for i, n := 0, 0; i < t.n; i += n {
		lane := (t.pos + i) % t.cols
		n = min(t.cols-lane, t.n-i)
		dst := dwords(t.k[t.keyPanel(head, t.pos+i):][:t.cols*2*pairs])
		src := dwords(s.round(k, i, n, t.dim, 2*pairs))
		if n == t.cols {
			active.turn(dst, src, n, pairs, 0, pairs)
			continue
		}
		for at, pair := range src {
			dst[at%pairs*t.cols+lane+at/pairs] = pair
		}
	}
}

// putValues stores the values of a head, pair by pair.
func (t *putTask) putValues(s *putScratch, head int, v Rows) {
	for i, n := 0, 0; i < t.n; i += n {
		pos := t.pos + i
		n = min(2-pos%2, t.n-i)
		rows := s.round(v, i, n, t.dim, t.dim)
		for j := 0; j < t.dim; j += t.cols {
			dst, end := t.v[t.valuePairs(head, j, pos):][:2*t.cols], min(j+t.cols, t.dim)
			if n == 2 {
				interleave(dst, rows[j:end], rows[t.dim+j:t.dim+end])
				continue
			}
			for o, x := range rows[j:end] {
				dst[2*o+pos%2] = x
			}
		}
	}
}

// interleave writes pairs of x and y.
func interleave(dst, x, y []uint16) {
	y = y[:len(x)]
	dst = dst[:2*len(x)]
	for i, v := range x {
		dst[2*i], dst[2*i+1] = v, y[i]
	}
}

// dwords sees pairs as the dwords that a transposition moves.
func dwords(x []uint16) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(x))), len(x)/2)
}

// keyWeights makes w the keys of n positions from pos on, where a panel begins: outputs are positions.
func (c *KeyValues) keyWeights(w *operand, head, pos, n int) {
	*w = operand{format: BF16, storage: storePairs, out: n, in: c.dim, padded: c.keyInputs()}
	w.data, w.stride = unsafe.Pointer(&c.k[c.keyPanel(head, pos)]), 2*c.cols*c.keyInputs()
}

// valueWeights makes w the values of n positions from pos on, where a panel of keys begins: inputs are positions. Those
// beyond n that fill the last vector are multiplied by zero.
func (c *KeyValues) valueWeights(w *operand, head, pos, n int) {
	*w = operand{format: BF16, storage: storePairs, out: c.dim, in: n, padded: roundUp(n, pairInputs)}
	w.data, w.stride = unsafe.Pointer(&c.v[c.valuePairs(head, 0, pos)]), 2*c.cols*c.rows
}
