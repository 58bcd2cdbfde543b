package kernel

import (
	"sync"
	"unsafe"
)

// The products of the backward pass, c += a·b and c += aᵀ·b, run on the forward pass's tiles and differ only in
// packing. Panels of b and of a transposed a are copied strips of rows; panels of a are transposed. Every element of c
// accumulates its products in the order of k, one fused multiply-add after another, so results depend on neither blocks
// nor threads.

const (
	// gradBlock is the number of steps along k per block: a panel of a stays in the first-level cache, gradGroup panels
	// of b in the second.
	gradBlock = 384
	// gradGroup is the number of panels of b that share one sweep over the panels of a.
	gradGroup = 8
	// gradUnits is the minimum number of work units that a large product is divided into.
	gradUnits = 16
)

// gradProduct is the state of one product. It is pooled with its buffers, so products do not allocate.
type gradProduct struct {
	shape   *tileShape
	c, a, b []float32
	m, n, k int
	turned  bool // a is stored as [k, m]
	do      func(t *gradProduct, lo, hi int)

	panels int      // row panels of c
	group  int      // panels of b per unit
	slabs  int      // parts that the rows of c are divided into
	packed []uint32 // a
}

var gradProducts = sync.Pool{New: func() any { return new(gradProduct) }}

// mulAddTiles returns tier.mulAdd on the given tiles.
func mulAddTiles(s *tileShape) func(pool *Pool, c, a, b []float32, m, n, k int, turned bool) {
	return func(pool *Pool, c, a, b []float32, m, n, k int, turned bool) {
		if m == 0 || n == 0 || k == 0 {
			return
		}
		t := gradProducts.Get().(*gradProduct)
		t.shape, t.c, t.a, t.b, t.m, t.n, t.k, t.turned = s, c[:m*n], a[:m*k], b[:k*n], m, n, k, turned
		t.run(pool)
		t.c, t.a, t.b = nil, nil, nil
		gradProducts.Put(t)
	}
}

// run packs a and computes the product in units of a few panels of b by a part of the rows.
func (t *gradProduct) run(pool *Pool) {
	work := t.m * t.n * t.k
	t.panels = ceilDiv(t.m, t.shape.rows)
	t.packed = grow(t.packed, t.panels*roundUp(t.k, t.shape.lanes)*t.shape.lanes)
	t.do = (*gradProduct).packA
	pool.spread(t.panels, work, t)
	columns := ceilDiv(t.n, t.shape.cols())
	t.group = min(gradGroup, ceilDiv(columns, gradUnits))
	groups := ceilDiv(columns, t.group)
	t.slabs = min(t.panels, ceilDiv(gradUnits, groups))
	t.do = (*gradProduct).multiply
	pool.spread(groups*t.slabs, work, t)
}

// Do implements Task.
func (t *gradProduct) Do(lo, hi int) { t.do(t, lo, hi) }

// firstRow is the first row of panel p: the panels are as even as possible.
func (t *gradProduct) firstRow(p int) int { return p * t.m / t.panels }

// aBlock is the position of steps [k0, k0+kc) of panel p.
func (t *gradProduct) aBlock(p, k0 int) *uint32 {
	return &t.packed[(p*roundUp(t.k, t.shape.lanes)+k0)*t.shape.lanes]
}

// packA packs panels [lo, hi) of a.
func (t *gradProduct) packA(lo, hi int) {
	lanes, depth := t.shape.lanes, roundUp(t.k, t.shape.lanes)
	s := gradScratches.Get().(*gradScratch)
	for p := lo; p < hi; p++ {
		r0, dst := t.firstRow(p), t.packed[p*depth*lanes:][:depth*lanes]
		if t.turned {
			copyStrip(t.shape.stripA, floatsOf(dst), t.a[r0:], t.k, lanes, t.m)
			continue
		}
		rows := t.firstRow(p+1) - r0
		t.shape.pack(dst, lanes, byteAt(t.a, r0*t.k), 4*t.k, rows, t.m-r0, 4*t.k, depth, &s.tile)
	}
	gradScratches.Put(s)
}

// copyStrip copies the first width elements of each of k rows, stride apart, with strip. Columns missing at the end of
// src may hold anything: they do not reach an output.
func copyStrip(strip func(k int, dst, src *float32, lds int), dst, src []float32, k, width, stride int) {
	whole := 0
	if len(src) >= width {
		whole = min(k, (len(src)-width)/stride+1)
	}
	if whole > 0 {
		strip(whole, &dst[0], &src[0], stride)
	}
	for i := whole; i < k; i++ {
		copy(dst[i*width:(i+1)*width], src[i*stride:])
	}
}

// gradScratch is a thread's packed part of b, and a tile for the edge of c.
type gradScratch struct {
	b    []float32
	edge []float32
	tile [16 * 64]byte
}

var gradScratches = sync.Pool{New: func() any { return new(gradScratch) }}

// multiply computes units [lo, hi).
func (t *gradProduct) multiply(lo, hi int) {
	s := gradScratches.Get().(*gradScratch)
	s.edge = grow(s.edge, t.shape.rows*t.shape.cols())
	for u := lo; u < hi; u++ {
		slab, first := u%t.slabs, u/t.slabs*t.group
		t.unit(s, slab*t.panels/t.slabs, (slab+1)*t.panels/t.slabs, first, min(first+t.group, ceilDiv(t.n, t.shape.cols())))
	}
	gradScratches.Put(s)
}

// unit computes row panels [p0, p1) by column panels [j0, j1).
func (t *gradProduct) unit(s *gradScratch, p0, p1, j0, j1 int) {
	cols := t.shape.cols()
	block := gradBlock * cols
	s.b = grow(s.b, (j1-j0)*block)
	for k0 := 0; k0 < t.k; k0 += gradBlock {
		kc := min(gradBlock, t.k-k0)
		for j := j0; j < j1; j++ {
			copyStrip(t.shape.stripB, s.b[(j-j0)*block:][:block], t.b[k0*t.n+j*cols:], kc, cols, t.n)
		}
		for p := p0; p < p1; p++ {
			for j := j0; j < j1; j++ {
				t.tile(s, p, j, k0, kc, &s.b[(j-j0)*block])
			}
		}
	}
}

// tile runs the micro-kernel on c, or on a copy at its edge.
func (t *gradProduct) tile(s *gradScratch, p, j, k0, kc int, b *float32) {
	cols, r := t.shape.cols(), t.firstRow(p)
	rows, a := t.firstRow(p+1)-r, (*float32)(unsafe.Pointer(t.aBlock(p, k0)))
	fma, c := t.shape.fma[rows], t.c[r*t.n+j*cols:]
	if (j+1)*cols <= t.n {
		fma(kc, a, b, &c[0], t.n, false)
		return
	}
	wide := t.n - j*cols
	for i := range rows {
		copy(s.edge[i*cols:(i+1)*cols], c[i*t.n:][:wide])
	}
	fma(kc, a, b, &s.edge[0], cols, false)
	for i := range rows {
		copy(c[i*t.n:][:wide], s.edge[i*cols:])
	}
}

// floatsOf returns dwords as float32.
func floatsOf(s []uint32) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}
