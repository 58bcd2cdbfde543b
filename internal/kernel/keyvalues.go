package kernel

import (
	"sync"
	"unsafe"
)

// KeyValues holds bf16 keys and values for attention, in the order its two products read them. A head's keys are
// weights of shape [rows, dim] and its values weights of shape [dim, rows], both in panels of outputs. Position p is in
// row p mod Rows.
//
// Rows of a tile that a query does not see are multiplied by zero, so an infinity or NaN among their values reaches all
// queries of the tile.
type KeyValues struct {
	heads, dim, rows int
	cols             int // outputs per panel

	// Pairs along the input, for all outputs of a panel side by side.
	k []uint16 // [heads, rows/cols, keyInputs/2, cols, 2]
	v []uint16 // [heads, valueOutputs/cols, rows/2, cols, 2]
}

// pairInputs is the multiple that inputs of a bf16 product are padded to: a vector of pairs.
const pairInputs = 32

// NewKeyValues returns zeroed room for the keys and values of at least that many positions. Rows is a multiple of
// attention's tile size, so the ring's end does not split a tile. memory provides the requested floats, or is nil.
func NewKeyValues(heads, dim, rows int, memory func(floats int) []float32) *KeyValues {
	const line = 16 // floats per cache line, where panels start
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

// KeyValuesBytes is the memory for the keys and values of at least that many positions.
func KeyValuesBytes(heads, dim, rows int) int64 {
	keys, values := shapeOf(heads, dim, rows).elements()
	return 2 * int64(keys+values)
}

// shapeOf returns KeyValues without memory.
func shapeOf(heads, dim, rows int) *KeyValues {
	return &KeyValues{heads: heads, dim: dim, rows: roundUp(rows, keyTile), cols: active.panel}
}

// elements is the number of elements of keys and values.
func (c *KeyValues) elements() (keys, values int) {
	return c.heads * c.rows * c.keyInputs(), c.heads * c.rows * c.valueOutputs()
}

// keyInputs is a key's length, padded to whole vectors of pairs.
func (c *KeyValues) keyInputs() int { return roundUp(c.dim, pairInputs) }

// valueOutputs is a value's length, padded to whole panels.
func (c *KeyValues) valueOutputs() int { return roundUp(c.dim, c.cols) }

// Rows is the number of positions there is room for.
func (c *KeyValues) Rows() int { return c.rows }

// Bytes is the memory of keys and values, including padding.
func (c *KeyValues) Bytes() int64 { return 2 * int64(len(c.k)+len(c.v)) }

// Grown returns a copy with room for at least that many positions. Unless the number of rows stays the same, the ring
// must not have wrapped.
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

// CopyTiles copies the tiles that hold positions [first, end). Both must have room for them.
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

// TileRows is the number of rows in the tiles of positions [first, end).
func TileRows(first, end int) int { return end - first/keyTile*keyTile }

// keyPanel is where the panel with a position's key starts.
func (c *KeyValues) keyPanel(head, pos int) int {
	return (head*c.rows + pos%c.rows/c.cols*c.cols) * c.keyInputs()
}

// valuePairs is where element i of the values of a position and its successor starts; the position is even.
func (c *KeyValues) valuePairs(head, i, pos int) int {
	return (head*c.valueOutputs()+i/c.cols*c.cols)*c.rows + (pos%c.rows/2*c.cols+i%c.cols)*2
}

// Put stores the keys k and values v of positions [pos, pos+n), rounded to bf16. k and v are [n, heads*dim]. If there
// are more positions than rows, it stores the last ones.
func (c *KeyValues) Put(pool *Pool, pos int, k, v Rows, n int) {
	if n == 0 {
		return
	}
	if skip := n - c.rows; skip > 0 {
		pos, n, k, v = pos+skip, c.rows, k.From(skip, 0), v.From(skip, 0)
	}
	spreadPooled(&putTasks, pool, c.heads, putWork*n*c.heads*c.dim, putTask{c, pos, n, k, v})
}

// putWork is the cost, in multiply-adds, of storing one element each of a key and a value.
const putWork = 4

// putTask is the state of one Put. It is pooled, so decoding does not allocate.
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

// putScratch holds a thread's rounded keys of one panel, or values of two positions.
type putScratch struct{ rows []uint16 }

var putScratches = sync.Pool{New: func() any { return new(putScratch) }}

// round returns rows rows of x starting at r, in bf16, each padded to inputs.
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

// dwords returns pairs as dwords, the units of a transposition.
func dwords(x []uint16) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(x))), len(x)/2)
}

// keyWeights sets w to the keys of n positions starting at pos, a panel start: outputs are positions.
func (c *KeyValues) keyWeights(w *operand, head, pos, n int) {
	*w = operand{format: BF16, storage: storePairs, out: n, in: c.dim, padded: c.keyInputs()}
	w.data, w.stride = unsafe.Pointer(&c.k[c.keyPanel(head, pos)]), 2*c.cols*c.keyInputs()
}

// valueWeights sets w to the values of n positions starting at pos, the start of a key panel: inputs are positions.
// Positions beyond n that fill the last vector are multiplied by zero.
func (c *KeyValues) valueWeights(w *operand, head, pos, n int) {
	*w = operand{format: BF16, storage: storePairs, out: c.dim, in: n, padded: roundUp(n, pairInputs)}
	w.data, w.stride = unsafe.Pointer(&c.v[c.valuePairs(head, 0, pos)]), 2*c.cols*c.rows
}
