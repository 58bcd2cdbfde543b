package state

import (
	"slices"
	"sync"

	"github.com/archbench/archbench/internal/kernel"
)

// firstRows is the number of positions that a KV makes room for at first; later it doubles.
const firstRows = 64

// KV holds the keys and values of one attention layer, key heads only, in a ring: position p is in row p mod Rows of
// each head, so that what a query of one head reads lies side by side. Keys are stored as they are used, that is rotated
// where positions are rotary.
type KV struct {
	K, V       []float32         // [heads, rows, dim]
	Packed     *kernel.KeyValues // in bf16, instead of K and V
	heads, dim int
	slots      int // most rows; 0: no limit
	length     int
}

// Len is the number of positions seen, of which the last Rows at most are held.
func (c *KV) Len() int { return c.length }

// Rows is the number of positions that there is room for now.
func (c *KV) Rows() int {
	if c.Packed != nil {
		return c.Packed.Rows()
	}
	return len(c.K) / (c.heads * c.dim)
}

// Holds reports whether there can be room for that many positions.
func (c *KV) Holds(n int) bool { return c.slots == 0 || n <= max(c.slots, c.Rows()) }

// Kept is how many of n new positions remain.
func (c *KV) Kept(n int) int {
	if c.slots == 0 {
		return n
	}
	return min(n, c.slots)
}

// Append adds the keys and values of the next n positions, over the oldest ones where the ring is full.
func (c *KV) Append(pool *kernel.Pool, k, v kernel.Rows, n int) {
	c.reserve(c.length + n)
	if c.Packed != nil {
		c.Packed.Put(pool, c.length, k, v, n)
		c.length += n
		return
	}
	if n == 1 {
		pool = nil
	}
	t := appends.Get().(*appendTask)
	*t = appendTask{c, k, v, n}
	pool.Run(c.heads, t)
	*t = appendTask{}
	appends.Put(t)
	c.length += n
}

// appendTask is an Append in flight. Tasks are reused, so that decoding allocates nothing.
type appendTask struct {
	*KV
	k, v kernel.Rows
	n    int
}

var appends = sync.Pool{New: func() any { return new(appendTask) }}

// Do implements kernel.Task for heads [lo, hi).
func (t *appendTask) Do(lo, hi int) {
	rows := t.Rows()
	for head := lo; head < hi; head++ {
		from := head * t.dim
		for i := max(0, t.n-rows); i < t.n; i++ {
			at := (head*rows + (t.length+i)%rows) * t.dim
			copy(t.K[at:at+t.dim], t.k.Data[i*t.k.Stride+from:])
			copy(t.V[at:at+t.dim], t.v.Data[i*t.v.Stride+from:])
		}
	}
}

// reserve makes room for n positions, up to the slots. A ring grows before its first turn only, so rows keep their
// places.
func (c *KV) reserve(n int) {
	if c.slots > 0 {
		n = min(n, c.slots)
	}
	rows := c.Rows()
	if n <= rows {
		return
	}
	rows = max(n, 2*rows, firstRows)
	if c.slots > 0 {
		rows = min(rows, c.slots)
	}
	if c.Packed != nil {
		c.Packed = c.Packed.Grown(rows)
		return
	}
	c.K, c.V = c.grown(c.K, rows), c.grown(c.V, rows)
}

// grown returns x with room for that many rows a head.
func (c *KV) grown(x []float32, rows int) []float32 {
	y, old, size := make([]float32, c.heads*rows*c.dim), c.Rows()*c.dim, rows*c.dim
	for head := range c.heads {
		copy(y[head*size:], x[head*old:(head+1)*old])
	}
	return y
}

// KVCache is the state of a transformer: one KV for each layer.
type KVCache struct{ Layers []KV }

// NewKVCache returns the state of an empty document. slots is the number of positions that a layer keeps, its window
// or the context limit; 0 is no limit. Memory grows with the document up to slots rows of heads·dim, in float32 or in
// bf16; in bf16 rows are rounded up to whole tiles of attention.
func NewKVCache(layers, heads, dim, slots int, bf16 bool) *KVCache {
	c := &KVCache{Layers: make([]KV, layers)}
	for i := range c.Layers {
		c.Layers[i] = KV{heads: heads, dim: dim, slots: slots}
		if bf16 {
			c.Layers[i].Packed = kernel.NewKeyValues(heads, dim, 0, nil)
		}
	}
	return c
}

// Len implements State. While a Forward runs it is the length before it.
func (c *KVCache) Len() int { return c.Layers[len(c.Layers)-1].length }

// Bytes implements State.
func (c *KVCache) Bytes() (n int64) {
	for i := range c.Layers {
		kv := &c.Layers[i]
		n += int64(4 * (len(kv.K) + len(kv.V)))
		if kv.Packed != nil {
			n += kv.Packed.Bytes()
		}
	}
	return n
}

// Fork implements State.
func (c *KVCache) Fork() State {
	f := &KVCache{Layers: slices.Clone(c.Layers)}
	for i := range f.Layers {
		kv := &f.Layers[i]
		kv.K, kv.V = slices.Clone(kv.K), slices.Clone(kv.V)
		if kv.Packed != nil {
			kv.Packed = kv.Packed.Grown(0)
		}
	}
	return f
}

// Reset implements State. It keeps the memory.
func (c *KVCache) Reset() {
	for i := range c.Layers {
		c.Layers[i].length = 0
		if c.Layers[i].Packed != nil {
			c.Layers[i].Packed.Clear()
		}
	}
}

var _ State = (*KVCache)(nil)
