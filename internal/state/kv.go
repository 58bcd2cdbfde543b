package state

import "github.com/archbench/archbench/internal/kernel"

// firstRows is the number of positions that a KV makes room for at first; later it doubles.
const firstRows = 64

// KV holds the keys and values of one attention layer, for its key heads, in a ring: position p is in row p mod Rows of
// each head. Keys are stored after any rotary embedding.
type KV struct {
	ring   ring
	slots  int // largest number of rows; 0: no limit
	length int
}

// ring is the memory of a KV in one of the formats of attention.
type ring interface {
	// Rows is the number of positions it has room for.
	Rows() int
	// Bytes is the memory held.
	Bytes() int64
	// Put stores positions [pos, pos+n). If the ring is full it overwrites the oldest ones.
	Put(pool *kernel.Pool, pos int, k, v kernel.Rows, n int)
	// grown returns a copy with room for at least the given number of positions. It grows only before the ring wraps
	// around, so that rows keep their places.
	grown(rows int) ring
	// reset prepares for another document.
	reset()
}

// Len is the number of positions seen. At most the last Rows of them are held.
func (c *KV) Len() int { return c.length }

// Rows is the number of positions it currently has room for.
func (c *KV) Rows() int { return c.ring.Rows() }

// Holds reports whether n positions fit, after growing if needed.
func (c *KV) Holds(n int) bool { return c.slots == 0 || n <= max(c.slots, c.Rows()) }

// Kept is how many of n new positions remain.
func (c *KV) Kept(n int) int {
	if c.slots == 0 {
		return n
	}
	return min(n, c.slots)
}

// Span completes a span of attention with the past of its document.
func (c *KV) Span(s *kernel.AttentionSpan) {
	s.Pos, s.Slots = c.length, c.Rows()
	switch r := c.ring.(type) {
	case *floatRing:
		s.PastK, s.PastV = r.k, r.v
	case packedRing:
		s.Cache = r.KeyValues
	}
}

// Append adds the keys and values of the next n positions. If the ring is full it overwrites the oldest ones.
func (c *KV) Append(pool *kernel.Pool, k, v kernel.Rows, n int) {
	c.reserve(c.length + n)
	c.ring.Put(pool, c.length, k, v, n)
	c.length += n
}

// reserve makes room for n positions, up to the slots.
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
	c.ring = c.ring.grown(rows)
}

// NewKV returns the state of an empty document. slots is the number of positions to keep, the layer's window or the
// context limit; 0 is no limit. Memory grows with the document up to slots rows of heads·dim in float32, or to
// [kernel.KeyValuesBytes] in bf16.
func NewKV(slots, heads, dim int, bf16 bool) *KV {
	return &KV{ring: newRing(heads, dim, bf16), slots: slots}
}

func newRing(heads, dim int, bf16 bool) ring {
	if bf16 {
		return packedRing{kernel.NewKeyValues(heads, dim, 0, nil)}
	}
	return &floatRing{heads: heads, dim: dim}
}

// KVBytes is the memory of layers with these slots after a document of tokens tokens that was fed at once.
func KVBytes(slots []int, heads, dim int, bf16 bool, tokens int) (bytes int64) {
	for _, n := range slots {
		kept := tokens
		if n > 0 {
			kept = min(kept, n)
		}
		if bf16 {
			bytes += kernel.KeyValuesBytes(heads, dim, kept)
		} else {
			bytes += 2 * 4 * int64(heads) * int64(dim) * int64(kept)
		}
	}
	return bytes
}

// Bytes implements Layer.
func (c *KV) Bytes() int64 { return c.ring.Bytes() }

// Fork implements Layer.
func (c *KV) Fork() Layer { return &KV{ring: c.ring.grown(0), slots: c.slots, length: c.length} }

// Reset implements Layer. It keeps the memory.
func (c *KV) Reset() {
	c.length = 0
	c.ring.reset()
}

var _ Layer = (*KV)(nil)
