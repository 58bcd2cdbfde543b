package state

import (
	"sync"

	"github.com/archbench/archbench/internal/kernel"
)

// floatRing is a ring of float32. The keys and values of one head are contiguous.
type floatRing struct {
	k, v             []float32 // [heads, rows, dim]
	heads, dim, rows int
}

// Rows implements ring.
func (r *floatRing) Rows() int { return r.rows }

// Bytes implements ring.
func (r *floatRing) Bytes() int64 { return int64(4 * (len(r.k) + len(r.v))) }

// Put implements ring. A single position is not worth several threads.
func (r *floatRing) Put(pool *kernel.Pool, pos int, k, v kernel.Rows, n int) {
	if n == 1 {
		pool = nil
	}
	t := puts.Get().(*putTask)
	*t = putTask{r, pos, n, k, v}
	pool.Run(r.heads, t)
	*t = putTask{}
	puts.Put(t)
}

func (r *floatRing) grown(rows int) ring {
	rows = max(rows, r.rows)
	g := &floatRing{heads: r.heads, dim: r.dim, rows: rows}
	g.k, g.v = make([]float32, r.heads*rows*r.dim), make([]float32, r.heads*rows*r.dim)
	for head := range r.heads {
		at, from := head*rows*r.dim, head*r.rows*r.dim
		copy(g.k[at:], r.k[from:from+r.rows*r.dim])
		copy(g.v[at:], r.v[from:from+r.rows*r.dim])
	}
	return g
}

// reset implements ring. Old rows are overwritten before they are read.
func (r *floatRing) reset() {}

// putTask is a Put in flight. Tasks are reused, so that decoding allocates nothing.
type putTask struct {
	*floatRing
	pos, n       int
	keys, values kernel.Rows
}

var puts = sync.Pool{New: func() any { return new(putTask) }}

// Do implements kernel.Task for heads [lo, hi).
func (t *putTask) Do(lo, hi int) {
	for head := lo; head < hi; head++ {
		from := head * t.dim
		for i := max(0, t.n-t.rows); i < t.n; i++ {
			at := (head*t.rows + (t.pos+i)%t.rows) * t.dim
			copy(t.k[at:at+t.dim], t.keys.Data[i*t.keys.Stride+from:])
			copy(t.v[at:at+t.dim], t.values.Data[i*t.values.Stride+from:])
		}
	}
}

// packedRing is a ring of bf16 in the panels that attention multiplies with.
type packedRing struct{ *kernel.KeyValues }

func (r packedRing) grown(rows int) ring { return packedRing{r.Grown(rows)} }

// reset implements ring. Padding rows of a tile are multiplied by zero, so an old infinity there would give NaN.
func (r packedRing) reset() { r.Clear() }
