package kernel

import (
	"sync"
	"unsafe"
)

// tileShape is the geometry of a matrix product's micro-kernels: rows × 2·lanes outputs at a time.
type tileShape struct {
	lanes      int  // dwords per vector
	rows       int  // rows of a full tile
	amx        bool // whether AMX multiplies the types it supports
	fma        []func(k int, a, b, c *float32, ldc int, first bool)
	pairs      []func(k int, a, b *uint32, c *float32, ldc int, first bool)
	quads      []quadKernel
	fixedQuads []quadKernel // for activations in fixed point

	transpose func(dst *uint32, ldd int, src *byte, lds int, flip uint32)
	stripA    func(k int, dst, src *float32, lds int) // copies a strip one vector wide
	stripB    func(k int, dst, src *float32, lds int) // copies a strip two vectors wide
	dot       func(n, k int, w *byte, ldw int, x, y *float32)
	chains    []func(n, k int, x *float32, ldx int, w *float32, ldw int, y *float32, ldy int) // by number of rows
	weighted  func(k int, p, b *float32, ldb int, c *float32, n int)                          // one row times rows of b

	few   [storages]fewKernels // by panel storage
	wide  fewKernels           // for bf16 multiplied as float32
	fixed [storages]fewKernels // for integers and activations in fixed point
	widen [storages]func(k int, dst *float32, src *byte, s, table *float32)
}

// quadKernel multiplies an int8 tile and adds it to c; see int8Quads in the generator.
type quadKernel = func(groups, k int, a, b *uint32, c *float32, ldc int, fix *int32, sx, sw *float32)

// cols is the number of outputs of a tile.
func (s *tileShape) cols() int { return 2 * s.lanes }

var wide512 = tileShape{
	lanes: 16, rows: 14, transpose: transpose16, stripA: stripAVX512_1, stripB: stripAVX512_2,
	dot: dotRowsAVX512,
	chains: []func(n, k int, x *float32, ldx int, w *float32, ldw int, y *float32, ldy int){
		nil, scoresAVX512_1, scoresAVX512_2, scoresAVX512_3, scoresAVX512_4,
	},
	weighted: weightedAVX512,
	few: [storages]fewKernels{
		storeFloats:      {fewFloatsAVX512_1x2, []fewKernel{fewFloatsAVX512_1, fewFloatsAVX512_2, fewFloatsAVX512_3, fewFloatsAVX512_4, fewFloatsAVX512_5, fewFloatsAVX512_6}},
		storePairs:       {fewPairsAVX512_1x2, []fewKernel{fewPairsAVX512_1, fewPairsAVX512_2, fewPairsAVX512_3, fewPairsAVX512_4, fewPairsAVX512_5, fewPairsAVX512_6}},
		storeBytes:       {fewBytesAVX512_1x2, []fewKernel{fewBytesAVX512_1, fewBytesAVX512_2, fewBytesAVX512_3, fewBytesAVX512_4, fewBytesAVX512_5, fewBytesAVX512_6}},
		storeNibbles:     {fewNibblesAVX512_1x2, []fewKernel{fewNibblesAVX512_1, fewNibblesAVX512_2, fewNibblesAVX512_3, fewNibblesAVX512_4, fewNibblesAVX512_5, fewNibblesAVX512_6}},
		storeQuads:       {nil, []fewKernel{fewQuadsAVX512_1, fewQuadsAVX512_2, fewQuadsAVX512_3, fewQuadsAVX512_4, fewQuadsAVX512_5, fewQuadsAVX512_6}},
		storeNibbleQuads: {nil, []fewKernel{fewNibbleQuadsAVX512_1, fewNibbleQuadsAVX512_2, fewNibbleQuadsAVX512_3, fewNibbleQuadsAVX512_4, fewNibbleQuadsAVX512_5, fewNibbleQuadsAVX512_6}},
	},
	wide: fewKernels{fewWidePairsAVX512_1x2, []fewKernel{fewWidePairsAVX512_1, fewWidePairsAVX512_2, fewWidePairsAVX512_3, fewWidePairsAVX512_4, fewWidePairsAVX512_5, fewWidePairsAVX512_6}},
	fixed: [storages]fewKernels{
		storeQuads:       {nil, []fewKernel{fewFixedQuadsAVX512_1, fewFixedQuadsAVX512_2}},
		storeNibbleQuads: {nil, []fewKernel{fewFixedNibbleQuadsAVX512_1, fewFixedNibbleQuadsAVX512_2}},
	},
	fixedQuads: []quadKernel{nil, fixedAVX512_1, fixedAVX512_2, fixedAVX512_3, fixedAVX512_4},
	widen: [storages]func(k int, dst *float32, src *byte, s, table *float32){
		storePairs: widenPanelPairsAVX512, storeBytes: widenPanelBytesAVX512, storeNibbles: widenPanelNibblesAVX512,
	},
	fma: []func(k int, a, b, c *float32, ldc int, first bool){
		nil, fmaAVX512_1, fmaAVX512_2, fmaAVX512_3, fmaAVX512_4, fmaAVX512_5, fmaAVX512_6, fmaAVX512_7,
		fmaAVX512_8, fmaAVX512_9, fmaAVX512_10, fmaAVX512_11, fmaAVX512_12, fmaAVX512_13, fmaAVX512_14,
	},
	pairs: []func(k int, a, b *uint32, c *float32, ldc int, first bool){
		nil, bf16AVX512_1, bf16AVX512_2, bf16AVX512_3, bf16AVX512_4, bf16AVX512_5, bf16AVX512_6, bf16AVX512_7,
		bf16AVX512_8, bf16AVX512_9, bf16AVX512_10, bf16AVX512_11, bf16AVX512_12, bf16AVX512_13, bf16AVX512_14,
	},
	quads: []quadKernel{
		nil, int8AVX512_1, int8AVX512_2, int8AVX512_3, int8AVX512_4, int8AVX512_5, int8AVX512_6, int8AVX512_7,
		int8AVX512_8, int8AVX512_9, int8AVX512_10, int8AVX512_11, int8AVX512_12, int8AVX512_13, int8AVX512_14,
	},
}

var wide256 = tileShape{
	lanes: 8, rows: 6, transpose: transpose8, stripA: stripAVX2_1, stripB: stripAVX2_2,
	dot: dotRowsAVX2,
	chains: []func(n, k int, x *float32, ldx int, w *float32, ldw int, y *float32, ldy int){
		nil, scoresAVX2_1, scoresAVX2_2, scoresAVX2_3, scoresAVX2_4,
	},
	weighted: weightedAVX2,
	few: [storages]fewKernels{
		storeFloats:  {fewFloatsAVX2_1x2, []fewKernel{fewFloatsAVX2_1, fewFloatsAVX2_2, fewFloatsAVX2_3, fewFloatsAVX2_4}},
		storePairs:   {fewWidePairsAVX2_1x2, []fewKernel{fewWidePairsAVX2_1, fewWidePairsAVX2_2, fewWidePairsAVX2_3, fewWidePairsAVX2_4}},
		storeBytes:   {fewBytesAVX2_1x2, []fewKernel{fewBytesAVX2_1, fewBytesAVX2_2, fewBytesAVX2_3, fewBytesAVX2_4}},
		storeNibbles: {fewNibblesAVX2_1x2, []fewKernel{fewNibblesAVX2_1, fewNibblesAVX2_2, fewNibblesAVX2_3}},
	},
	wide: fewKernels{fewWidePairsAVX2_1x2, []fewKernel{fewWidePairsAVX2_1, fewWidePairsAVX2_2, fewWidePairsAVX2_3, fewWidePairsAVX2_4}},
	widen: [storages]func(k int, dst *float32, src *byte, s, table *float32){
		storePairs: widenPanelPairsAVX2, storeBytes: widenPanelBytesAVX2, storeNibbles: widenPanelNibblesAVX2,
	},
	fma: []func(k int, a, b, c *float32, ldc int, first bool){
		nil, fmaAVX2_1, fmaAVX2_2, fmaAVX2_3, fmaAVX2_4, fmaAVX2_5, fmaAVX2_6,
	},
}

// products sets t's product functions for the given tiles.
func (t *tier) products(s *tileShape) {
	t.matrix, t.turn, t.panel = s.newMatrix, s.turn, s.cols()
	t.product = func(pool *Pool, w *operand, y, x []float32, rows int) { multiply(s, pool, w, y, x, rows) }
}

// multiply computes y = x·wᵀ with the given tiles.
func multiply(s *tileShape, pool *Pool, w *operand, y, x []float32, rows int) {
	if rows == 0 || w.out == 0 {
		return
	}
	if w.in == 0 {
		clear(y[:rows*w.out])
		return
	}
	t := products.Get().(*product)
	t.shape, t.w, t.y, t.in, t.rows = s, *w, y[:rows*w.out], x[:rows*w.in], rows
	switch {
	case t.onAMX():
		t.multiplyAMX(pool)
	case t.chained():
		t.run(pool, w.out/s.lanes, (*product).fewChains)
	case rows > s.most(w):
		t.multiplyTiles(pool)
	case w.storage == storeRows:
		t.run(pool, outputBlocks(w.out), (*product).fewRows)
	default:
		t.multiplyFew(pool)
	}
	t.w, t.y, t.in, t.src = operand{}, nil, nil, nil
	products.Put(t)
}

// mostRows is the largest number of activation rows multiplied by weight rows as inner products, if the weights are not
// in panels: reading the weights dominates then.
const mostRows = SteadyRows - 1

// most is the largest number of rows multiplied without tiles.
func (s *tileShape) most(w *operand) int {
	switch {
	case w.small:
		return 0
	case w.storage == storeRows:
		return mostRows
	}
	return len(s.kernels(w).rows)
}

// product is the state of one product. It is pooled with its buffers, so products do not allocate.
type product struct {
	shape *tileShape
	w     operand
	y     []float32 // [rows, out]
	rows  int
	do    func(t *product, lo, hi int) // the current phase

	// The activations in the type that is multiplied, in rows of stride bytes, of which valid hold data.
	src           *byte
	stride, valid int
	in            []float32 // as given
	x             []float32 // as float32, if rounded or padded
	bytes         []int8    // as int8, digit by digit for each row, or as bf16
	sx            []float32 // [rows, groups]; int8 scales
	fix           []int32   // [rows, digits, groups]; corrections for the weights' offset

	tiles tiles
	amx   amxTiles
}

var products = sync.Pool{New: func() any { return new(product) }}

// Do implements Task.
func (t *product) Do(lo, hi int) { t.do(t, lo, hi) }

// run runs a phase over n units.
func (t *product) run(pool *Pool, n int, phase func(t *product, lo, hi int)) {
	t.do = phase
	pool.spread(n, t.rows*t.w.in*t.w.out, t)
}

// byteAt returns the address of element i of s.
func byteAt[T any](s []T, i int) *byte { return (*byte)(unsafe.Pointer(&s[i])) }
