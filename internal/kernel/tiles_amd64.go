package kernel

import (
	"sync"
	"unsafe"
)

// A product of many rows runs on panels: the activations of a tile's rows, and the weights of a tile's outputs, are
// transposed so that step k of the micro-kernel finds its operands side by side. The unit is the dword: one float32,
// two bf16 or four int8 along the input.
//
// The activations are packed once per product, the weights by each thread just before it uses them, straight from
// their packed form: that costs one pass over them for every few hundred rows, and keeps one copy of the weights in
// memory, mapped where possible.

const (
	// blockDwords is the number of dwords along the input that are multiplied at a time. A block of weights stays in
	// the second-level cache, a panel of activations in the first.
	blockDwords = 512
	// fewBlockDwords is the same for few rows, which use a block of weights but once: it stays in the first-level cache.
	fewBlockDwords = 64
	// panelGroup is the number of weight panels that share one sweep over the activations.
	panelGroup = 4
)

// tiles is what a product of many rows needs besides.
type tiles struct {
	kind   tileKind
	dwords int // of a row, rounded up to whole vectors
	per    int // elements a dword
	panels int // of rows
	block  int // dwords that are multiplied at a time; no result depends on it but those of scaled integers
	a      []uint32

	// Where the activations are read from.
	src           *byte
	stride, valid int // bytes from row to row, and of a row

	// Of integer activations.
	group  int       // dwords that share a scale
	groups int       // of a row
	sx     []float32 // [panels, groups, lanes]
	fix    []int32   // the same
}

type tileKind int

const (
	tileFMA tileKind = iota
	tilePairs
	tileQuads
)

// multiplyTiles computes the product tile by tile.
func (t *product) multiplyTiles(pool *Pool, x []float32) {
	t.planTiles()
	t.activations(x)
	g := &t.tiles
	g.a = grow(g.a, g.panels*g.dwords*t.shape.lanes)
	t.run(pool, g.panels, (*product).packA)
	t.run(pool, (t.w.out+t.shape.cols()-1)/t.shape.cols(), (*product).tilePanels)
	g.src = nil
}

// planTiles chooses the kernels and sizes.
func (t *product) planTiles() {
	g, f := &t.tiles, t.w.format
	g.kind, g.per, g.block = tileFMA, 1, blockDwords
	if t.rows <= skinnyRows {
		g.block = fewBlockDwords
	}
	switch {
	case f.A8:
		g.kind, g.per = tileQuads, 4
	case f.Kind == KindBF16 && !f.WideX && hasBF16 && t.shape.pairs != nil && t.w.in%2 == 0:
		g.kind, g.per = tilePairs, 2
	}
	g.dwords = roundUp((t.w.in+g.per-1)/g.per, t.shape.lanes)
	if g.kind == tileQuads {
		g.dwords = t.xStride(64) / 4
	}
	g.panels = (t.rows + t.shape.rows - 1) / t.shape.rows
}

// firstRow is the first row of panel p: the panels are as even as they can be.
func (t *product) firstRow(p int) int { return p * t.rows / t.tiles.panels }

// activations makes the activations in the type that is multiplied.
func (t *product) activations(x []float32) {
	w, g := &t.w, &t.tiles
	switch {
	case g.kind == tilePairs:
		t.bytes = grow(t.bytes, 2*t.rows*w.in)
		narrowRow(unsafe.Slice((*uint16)(unsafe.Pointer(&t.bytes[0])), t.rows*w.in), x[:t.rows*w.in])
		g.src, g.stride, g.valid = byteAt(t.bytes, 0), 2*w.in, 2*w.in
	case g.kind == tileQuads:
		t.quantiseX(x, false)
		g.src, g.stride, g.valid = byteAt(t.bytes, 0), t.xStride(64), t.xStride(64)
		t.packQuadScales()
	case w.format.Kind == KindBF16 && !w.format.WideX:
		t.x = roundBF16(t.x, x[:t.rows*w.in])
		g.src, g.stride, g.valid = byteAt(t.x, 0), 4*w.in, 4*w.in
	default:
		g.src, g.stride, g.valid = byteAt(x, 0), 4*w.in, 4*w.in
	}
}

// aOffset is where panel p of the block of dwords [k0, k0+kc) begins.
func (t *product) aOffset(p, k0, kc int) int { return (k0*t.tiles.panels + p*kc) * t.shape.lanes }

// packA transposes panels [lo, hi) of the activations.
func (t *product) packA(lo, hi int) {
	g, lanes := &t.tiles, t.shape.lanes
	s := tileScratches.Get().(*tileScratch)
	for p := lo; p < hi; p++ {
		r0, r1 := t.firstRow(p), t.firstRow(p+1)
		for k0 := 0; k0 < g.dwords; k0 += g.block {
			kc := min(g.block, g.dwords-k0)
			from := (*byte)(unsafe.Add(unsafe.Pointer(g.src), r0*g.stride+4*k0))
			t.shape.pack(g.a[t.aOffset(p, k0, kc):], lanes, from, g.stride, r1-r0, t.rows-r0, g.valid-4*k0, kc, 0, &s.tile)
		}
	}
	tileScratches.Put(s)
}

// pack transposes rows rows of kc dwords into dst, whose rows are ldd dwords apart; readable rows may be read, and
// bytes bytes of each. What is missing counts as zero, and goes through tile.
func (s *tileShape) pack(dst []uint32, ldd int, src *byte, stride, rows, readable, bytes, kc int, flip uint32, tile *[16 * 64]byte) {
	for k := 0; k < kc; k += s.lanes {
		out, n := &dst[k*ldd], min(4*s.lanes, bytes-4*k)
		if readable >= s.lanes && n == 4*s.lanes {
			s.transpose(out, 4*ldd, (*byte)(unsafe.Add(unsafe.Pointer(src), 4*k)), stride, flip)
			continue
		}
		clear(tile[:])
		for r := range min(rows, s.lanes) {
			if n > 0 {
				copy(tile[r*64:], unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(src), 4*k+r*stride)), n))
			}
		}
		s.transpose(out, 4*ldd, &tile[0], 64, flip)
	}
}

// tileScratch is a thread's share of the weights, packed, and of the outputs that fill no tile.
type tileScratch struct {
	b    []uint32  // panelGroup panels of a block
	wide []float32 // rows of a panel as float32
	raw  []byte    // rows of a panel as bytes
	sw   []float32 // scales of a panel's columns
	edge []float32 // [rows, cols] of the last panel
	tile [16 * 64]byte
}

var tileScratches = sync.Pool{New: func() any { return new(tileScratch) }}

// tilePanels computes weight panels [lo, hi).
func (t *product) tilePanels(lo, hi int) {
	s := tileScratches.Get().(*tileScratch)
	for ; lo < hi; lo += panelGroup {
		t.tileGroup(s, lo, min(hi, lo+panelGroup))
	}
	tileScratches.Put(s)
}

// tileGroup computes a few panels in one sweep over the activations per block.
func (t *product) tileGroup(s *tileScratch, lo, hi int) {
	g, cols := &t.tiles, t.shape.cols()
	block := g.block * cols
	s.b = grow(s.b, panelGroup*block)
	full := hi*cols <= t.w.out
	if !full {
		s.edge = grow(s.edge, t.rows*cols)
	}
	for k0 := 0; k0 < g.dwords; k0 += g.block {
		kc := min(g.block, g.dwords-k0)
		for j := lo; j < hi; j++ {
			t.packB(s, s.b[(j-lo)*block:], j*cols, k0, kc)
		}
		if g.kind == tileQuads {
			t.packScales(s, lo, hi, k0, kc)
		}
		for p := range g.panels {
			for j := lo; j < hi; j++ {
				c, ldc := t.outputs(s, p, j)
				t.tile(s, p, j-lo, k0, kc, c, ldc)
			}
		}
	}
	if !full {
		t.copyEdge(s, hi-1)
	}
}

// outputs returns where panel p of rows and j of outputs is computed.
func (t *product) outputs(s *tileScratch, p, j int) (c *float32, ldc int) {
	r, cols := t.firstRow(p), t.shape.cols()
	if (j+1)*cols <= t.w.out {
		return &t.y[r*t.w.out+j*cols], t.w.out
	}
	return &s.edge[r*cols], cols
}

// copyEdge stores the outputs of the last panel, which is not full.
func (t *product) copyEdge(s *tileScratch, j int) {
	cols, out := t.shape.cols(), t.w.out
	for r := range t.rows {
		copy(t.y[r*out+j*cols:(r+1)*out], s.edge[r*cols:])
	}
}

// tile runs the micro-kernel.
func (t *product) tile(s *tileScratch, p, panel, k0, kc int, c *float32, ldc int) {
	g, shape := &t.tiles, t.shape
	rows := t.firstRow(p+1) - t.firstRow(p)
	a, b := &g.a[t.aOffset(p, k0, kc)], &s.b[panel*g.block*shape.cols()]
	switch g.kind {
	case tileFMA:
		shape.fma[rows](kc, (*float32)(unsafe.Pointer(a)), (*float32)(unsafe.Pointer(b)), c, ldc, k0 == 0)
	case tilePairs:
		shape.pairs[rows](kc, a, b, c, ldc, k0 == 0)
	case tileQuads:
		t.quadTile(s, p, panel, k0, kc, a, b, c, ldc)
	}
}

// packB packs block [k0, k0+kc) of the outputs from o on.
func (t *product) packB(s *tileScratch, dst []uint32, o, k0, kc int) {
	w, shape := &t.w, t.shape
	for side := range 2 {
		first := o + side*shape.lanes
		rows := max(0, min(shape.lanes, w.out-first))
		src, stride, readable, bytes, flip := t.weights(s, first, rows, k0, kc)
		shape.pack(dst[side*shape.lanes:], shape.cols(), src, stride, rows, readable, bytes, kc, flip, &s.tile)
	}
}

// weights returns block [k0, k0+kc) dwords of rows rows from o on in the type that is multiplied: the packed weights
// themselves, or a copy of them in scratch.
func (t *product) weights(s *tileScratch, o, rows, k0, kc int) (src *byte, stride, readable, bytes int, flip uint32) {
	w, lanes := &t.w, t.shape.lanes
	switch kind := w.format.Kind; {
	case rows == 0:
		s.wide = grow(s.wide, 1)
		return byteAt(s.wide, 0), 0, 0, 0, 0
	case kind == KindF32:
		return (*byte)(unsafe.Add(w.data, o*w.stride+4*k0)), w.stride, w.out - o, 4 * (w.in - k0), 0
	case t.tiles.kind == tilePairs:
		return (*byte)(unsafe.Add(w.data, o*w.stride+4*k0)), w.stride, w.out - o, 2*w.in - 4*k0, 0
	case t.tiles.kind == tileQuads && kind == KindInt8:
		return (*byte)(unsafe.Add(w.data, o*w.stride+4*k0)), w.stride, w.out - o, w.in - 4*k0, 0x80808080
	case t.tiles.kind == tileQuads:
		s.raw = grow(s.raw, lanes*4*kc)
		n := min(4*kc, w.in-4*k0)
		for r := range rows {
			unpackNibbles(s.raw[r*4*kc:][:roundUp(n, 32)], (*byte)(unsafe.Add(w.data, (o+r)*w.stride+2*k0)))
		}
		return &s.raw[0], 4 * kc, rows, 4 * kc, 0
	default:
		s.wide = grow(s.wide, lanes*kc)
		for r := range rows {
			t.widenRow(s.wide[r*kc:][:min(kc, w.in-k0)], o+r, k0)
		}
		return byteAt(s.wide, 0), 4 * kc, rows, 4 * min(kc, w.in-k0), 0
	}
}

// unpackNibbles writes a byte for each of len(dst) nibbles, a multiple of 32.
func unpackNibbles(dst []byte, src *byte) {
	if len(dst) > 0 {
		unpackNibblesAVX2(len(dst), &dst[0], src)
	}
}
