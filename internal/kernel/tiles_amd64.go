package kernel

import (
	"sync"
	"unsafe"
)

// A product of many rows runs on panels: a tile's activations and weights are transposed so that the operands of step k
// of the micro-kernel are adjacent. The unit is the dword: one float32, two bf16 or four int8 along the input.
//
// Activations are packed once per product. Weights in panels are already in this order: bf16 and int8 panels are used
// in place, and those multiplied as float32 are widened by each thread just before use. Float32 rows, which stay in the
// caller's memory, are transposed there.

const (
	// blockDwords is the number of dwords along the input per block. A block of weights stays in the second-level
	// cache, a panel of activations in the first.
	blockDwords = 512
	// panelGroup is the largest number of weight panels that share one sweep over the activations.
	panelGroup = 6
)

// tiles is the extra state of a product of many rows.
type tiles struct {
	kind   tileKind
	dwords int // per row, rounded up to whole vectors
	per    int // elements per dword
	panels int // of activation rows
	units  int // groups of weight panels
	block  int // dwords per block
	a      []uint32

	// For integer activations: product's sx and fix, in the order the micro-kernels read them.
	sx  []float32 // [panels, groups, lanes]
	fix []int32   // likewise
}

type tileKind int

const (
	tileFMA tileKind = iota
	tilePairs
	tileQuads
)

// multiplyTiles computes the product tile by tile.
func (t *product) multiplyTiles(pool *Pool) {
	t.planActivations()
	t.planTiles()
	g := &t.tiles
	g.a = grow(g.a, g.panels*g.dwords*t.shape.lanes)
	if t.src != floatBytes(t.in) {
		t.run(pool, t.rows, (*product).activations)
	}
	t.run(pool, g.panels, (*product).packA)
	g.units = min(t.w.panels(t.shape.cols()), roundUp(ceilDiv(t.w.panels(t.shape.cols()), panelGroup), 2*pool.Threads()))
	t.run(pool, g.units, (*product).tileUnits)
}

// planTiles chooses the kernels and sizes.
func (t *product) planTiles() {
	g, w := &t.tiles, &t.w
	g.kind, g.per, g.block = tileFMA, 1, blockDwords
	switch {
	case w.storage.integer():
		g.kind, g.per = tileQuads, 4
		g.block = max(1, blockDwords*4/w.group) * w.group / 4
	case t.pairs():
		g.kind, g.per = tilePairs, 2
	}
	g.dwords = roundUp(w.padded/g.per, t.shape.lanes)
	g.panels = ceilDiv(t.rows, t.shape.rows/w.digits())
	if g.kind == tileQuads {
		g.sx, g.fix = grow(g.sx, g.panels*w.groups*t.shape.lanes), grow(g.fix, g.panels*w.groups*t.shape.lanes)
	}
}

// firstRow is the first row of panel p: the panels are as even as possible.
func (t *product) firstRow(p int) int { return p * t.rows / t.tiles.panels }

// aOffset is where panel p of the block of dwords [k0, k0+kc) starts.
func (t *product) aOffset(p, k0, kc int) int { return (k0*t.tiles.panels + p*kc) * t.shape.lanes }

// packA transposes panels [lo, hi) of the activations.
func (t *product) packA(lo, hi int) {
	g, lanes, digits := &t.tiles, t.shape.lanes, t.w.digits()
	s := tileScratches.Get().(*tileScratch)
	for p := lo; p < hi; p++ {
		r0, r1 := t.firstRow(p), t.firstRow(p+1)
		for k0 := 0; k0 < g.dwords; k0 += g.block {
			kc := min(g.block, g.dwords-k0)
			from := (*byte)(unsafe.Add(unsafe.Pointer(t.src), r0*digits*t.stride+4*k0))
			t.shape.pack(g.a[t.aOffset(p, k0, kc):], lanes, from, t.stride, (r1-r0)*digits, (t.rows-r0)*digits,
				t.valid-4*k0, kc, &s.tile)
		}
		if g.kind == tileQuads {
			t.packQuadScales(p)
		}
	}
	tileScratches.Put(s)
}

// pack transposes rows rows of kc dwords into dst, whose rows are ldd dwords apart. Only readable rows and bytes bytes
// of each may be read; the rest counts as zero and goes through tile.
func (s *tileShape) pack(dst []uint32, ldd int, src *byte, stride, rows, readable, bytes, kc int, tile *[16 * 64]byte) {
	for k := 0; k < kc; k += s.lanes {
		out, n := &dst[k*ldd], min(4*s.lanes, bytes-4*k)
		if readable >= s.lanes && n == 4*s.lanes {
			s.transpose(out, 4*ldd, (*byte)(unsafe.Add(unsafe.Pointer(src), 4*k)), stride, 0)
			continue
		}
		clear(tile[:])
		for r := range min(rows, s.lanes) {
			if n > 0 {
				copy(tile[r*64:], unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(src), 4*k+r*stride)), n))
			}
		}
		s.transpose(out, 4*ldd, &tile[0], 64, 0)
	}
}

// tileScratch is a thread's packed part of the weights, and outputs that do not fill a tile.
type tileScratch struct {
	b    []uint32  // panelGroup panels of a block
	edge []float32 // [rows, cols] of the last panel
	sums []int32   // [rows, cols]; a group's sums on AMX
	tile [16 * 64]byte
}

var tileScratches = sync.Pool{New: func() any { return new(tileScratch) }}

// tileUnits computes units [lo, hi) of the weights.
func (t *product) tileUnits(lo, hi int) {
	s, panels, units := tileScratches.Get().(*tileScratch), t.w.panels(t.shape.cols()), t.tiles.units
	for u := lo; u < hi; u++ {
		t.tileGroup(s, u*panels/units, (u+1)*panels/units)
	}
	tileScratches.Put(s)
}

// tileGroup computes a few panels, in one sweep over the activations per block.
func (t *product) tileGroup(s *tileScratch, lo, hi int) {
	g, cols := &t.tiles, t.shape.cols()
	full := hi*cols <= t.w.out
	if !full {
		s.edge = grow(s.edge, t.rows*cols)
	}
	for k0 := 0; k0 < g.dwords; k0 += g.block {
		kc := min(g.block, g.dwords-k0)
		var b [panelGroup]*uint32
		for j := lo; j < hi; j++ {
			b[j-lo] = t.panelB(s, j, j-lo, k0, kc)
		}
		for p := range g.panels {
			for j := lo; j < hi; j++ {
				c, ldc := t.outputs(s, p, j)
				t.tile(p, j, k0, kc, b[j-lo], c, ldc)
			}
		}
	}
	if !full {
		t.copyEdge(s, hi-1)
	}
}

// outputs returns where row panel p by output panel j is computed.
func (t *product) outputs(s *tileScratch, p, j int) (c *float32, ldc int) {
	r, cols := t.firstRow(p), t.shape.cols()
	if (j+1)*cols <= t.w.out {
		return &t.y[r*t.w.out+j*cols], t.w.out
	}
	return &s.edge[r*cols], cols
}

// copyEdge stores the outputs of the partial last panel.
func (t *product) copyEdge(s *tileScratch, j int) {
	cols, out := t.shape.cols(), t.w.out
	for r := range t.rows {
		copy(t.y[r*out+j*cols:(r+1)*out], s.edge[r*cols:])
	}
}

// tile runs the micro-kernel on row panel p and output panel j.
func (t *product) tile(p, j, k0, kc int, b *uint32, c *float32, ldc int) {
	g, shape := &t.tiles, t.shape
	rows, a := t.firstRow(p+1)-t.firstRow(p), &g.a[t.aOffset(p, k0, kc)]
	switch g.kind {
	case tileFMA:
		shape.fma[rows](kc, (*float32)(unsafe.Pointer(a)), (*float32)(unsafe.Pointer(b)), c, ldc, k0 == 0)
	case tilePairs:
		shape.pairs[rows](kc, a, b, c, ldc, k0 == 0)
	case tileQuads:
		t.quadTile(p, j, k0, kc, a, b, c, ldc)
	}
}

// panelB returns block [k0, k0+kc) of weight panel j in the type that is multiplied: in place, or in slot i of the
// scratch.
func (t *product) panelB(s *tileScratch, j, i, k0, kc int) *uint32 {
	w, cols := &t.w, t.shape.cols()
	if w.storage == storeFloats || w.storage == storeQuads || t.pairs() {
		return (*uint32)(unsafe.Add(unsafe.Pointer(w.panel(j)), 4*k0*cols))
	}
	s.b = grow(s.b, panelGroup*t.tiles.block*cols)
	dst := s.b[i*t.tiles.block*cols:]
	switch w.storage {
	case storeRows:
		t.packRows(s, dst, j*cols, k0, kc)
	case storeNibbleQuads:
		unpackNibbleQuadsAVX512(kc/2, &dst[0], (*byte)(unsafe.Add(unsafe.Pointer(w.panel(j)), 2*k0*cols)))
	default:
		t.widenPanel(dst, j, k0, kc)
	}
	return &dst[0]
}

// packRows transposes block [k0, k0+kc) of the float32 rows starting at o.
func (t *product) packRows(s *tileScratch, dst []uint32, o, k0, kc int) {
	w, shape := &t.w, t.shape
	for side := range 2 {
		first := o + side*shape.lanes
		if first >= w.out {
			return // its outputs are not stored
		}
		src := (*byte)(unsafe.Add(w.data, first*w.stride+4*k0))
		shape.pack(dst[side*shape.lanes:], shape.cols(), src, w.stride, w.out-first, w.out-first, 4*(w.in-k0), kc, &s.tile)
	}
}

// widenPanel widens block [k0, k0+kc) of panel j to float32, group by group.
func (t *product) widenPanel(dst []uint32, j, k0, kc int) {
	w, cols, widen := &t.w, t.shape.cols(), t.shape.widen[t.w.storage]
	step, size, table := storageStep[w.storage], storageSize[w.storage], &levelsOf(w.format)[0]
	for k := k0; k < k0+kc; {
		end := k0 + kc
		var scale *float32
		if w.groups > 0 {
			g := k / w.group
			end = min(end, (g+1)*w.group)
			scale = &w.scales[(j*w.groups+g)*cols]
		}
		src := (*byte)(unsafe.Add(unsafe.Pointer(w.panel(j)), k/step*size*cols))
		widen((end-k)/step, (*float32)(unsafe.Pointer(&dst[(k-k0)*cols])), src, scale, table)
		k = end
	}
}
