package kernel

import (
	"sync"
	"unsafe"
)

// tileShape is the geometry of a matrix product's micro-kernels: rows × 2·lanes outputs at a time.
type tileShape struct {
	lanes int  // dwords of a vector
	rows  int  // of a full tile
	amx   bool // whether AMX multiplies what it can
	fma   []func(k int, a, b, c *float32, ldc int, first bool)
	pairs []func(k int, a, b *uint32, c *float32, ldc int, first bool)
	quads []func(groups, k int, a, b *uint32, c *float32, ldc int, fix *int32, sx, sw *float32)

	transpose func(dst *uint32, ldd int, src *byte, lds int, flip uint32)
	stripA    func(k int, dst, src *float32, lds int) // copies a strip of one vector
	stripB    func(k int, dst, src *float32, lds int) // of two
	dotF32    func(k int, w *byte, ldw int, x, y *float32)
	dotBF16   func(k int, w *byte, ldw int, x, y *float32)
	dotInt8   func(groups, steps int, w *byte, ldw int, s *float32, lds int, x, y *float32)
}

// cols is the number of outputs of a tile.
func (s *tileShape) cols() int { return 2 * s.lanes }

var wide512 = tileShape{
	lanes: 16, rows: 14, transpose: transpose16, stripA: stripAVX512_1, stripB: stripAVX512_2,
	dotF32: dotF32AVX512, dotBF16: dotBF16AVX512, dotInt8: dotInt8AVX512,
	fma: []func(k int, a, b, c *float32, ldc int, first bool){
		nil, fmaAVX512_1, fmaAVX512_2, fmaAVX512_3, fmaAVX512_4, fmaAVX512_5, fmaAVX512_6, fmaAVX512_7,
		fmaAVX512_8, fmaAVX512_9, fmaAVX512_10, fmaAVX512_11, fmaAVX512_12, fmaAVX512_13, fmaAVX512_14,
	},
	pairs: []func(k int, a, b *uint32, c *float32, ldc int, first bool){
		nil, bf16AVX512_1, bf16AVX512_2, bf16AVX512_3, bf16AVX512_4, bf16AVX512_5, bf16AVX512_6, bf16AVX512_7,
		bf16AVX512_8, bf16AVX512_9, bf16AVX512_10, bf16AVX512_11, bf16AVX512_12, bf16AVX512_13, bf16AVX512_14,
	},
	quads: []func(groups, k int, a, b *uint32, c *float32, ldc int, fix *int32, sx, sw *float32){
		nil, int8AVX512_1, int8AVX512_2, int8AVX512_3, int8AVX512_4, int8AVX512_5, int8AVX512_6, int8AVX512_7,
		int8AVX512_8, int8AVX512_9, int8AVX512_10, int8AVX512_11, int8AVX512_12, int8AVX512_13, int8AVX512_14,
	},
}

var wide256 = tileShape{
	lanes: 8, rows: 6, transpose: transpose8, stripA: stripAVX2_1, stripB: stripAVX2_2,
	dotF32: dotF32AVX2, dotBF16: dotBF16AVX2, dotInt8: dotInt8AVX2,
	fma: []func(k int, a, b, c *float32, ldc int, first bool){
		nil, fmaAVX2_1, fmaAVX2_2, fmaAVX2_3, fmaAVX2_4, fmaAVX2_5, fmaAVX2_6,
	},
}

// skinnyRows is the largest number of rows of activations that are multiplied by inner products, without packing the
// weights: below it reading the weights is what takes the time.
const skinnyRows = SteadyRows - 1

// smallMatrix is the number of weights up to which packing them for a few rows costs next to nothing.
const smallMatrix = 1 << 17

// multiply computes y = x·wᵀ with the given tiles. It reports false, having done nothing, for what they do not
// cover.
func multiply(s *tileShape, pool *Pool, w *operand, y, x []float32, rows int) bool {
	if rows == 0 || w.in == 0 || w.out == 0 || !s.covers(w) {
		return false
	}
	t := products.Get().(*product)
	t.shape, t.w, t.y, t.rows = s, *w, y[:rows*w.out], rows
	pool = pool.worth(rows * w.in * w.out)
	switch {
	case t.onAMX():
		t.multiplyAMX(pool, x)
	case t.chained():
		t.multiplyChains(pool, x)
	case rows <= skinnyRows && !w.steady():
		t.multiplySkinny(pool, x)
	default:
		t.multiplyTiles(pool, x)
	}
	t.w, t.y = operand{}, nil
	products.Put(t)
	return true
}

// steady reports whether products with w sum in the order of the tiles for any number of rows. Where activations are
// rounded, sums that differ in the last place round apart in the next layer, by far more than they differ. The small
// float matrices are those that a model keeps in float beside such layers.
func (w *operand) steady() bool {
	return w.format == BF16 || !w.format.Quantised() && w.in*w.out <= smallMatrix
}

// covers reports whether products with w run on these tiles.
func (s *tileShape) covers(w *operand) bool {
	switch {
	case w.format.A8:
		return s.lanes == 16 && hasVNNI && (w.groups == 1 || w.group%64 == 0)
	case w.format.Kind == KindInt4, w.format.Kind == KindNF4:
		return s.lanes == 16
	default:
		return true
	}
}

// product is one product on its way. It is reused, with its buffers, so that a product allocates nothing.
type product struct {
	shape *tileShape
	w     operand
	y     []float32 // [rows, out]
	rows  int
	do    func(t *product, lo, hi int) // the phase that runs

	in      []float32 // activations that are multiplied as they are
	x       []float32 // activations as float32 in another order or rounded
	bytes   []int8    // activations as int8 or bf16
	xscales []float32 // [rows, groups] of int8 activations
	fix     []int32   // [rows, groups]

	tiles tiles
	amx   amxTiles
}

var products = sync.Pool{New: func() any { return new(product) }}

// Do implements Task.
func (t *product) Do(lo, hi int) { t.do(t, lo, hi) }

// run runs a phase over n units.
func (t *product) run(pool *Pool, n int, phase func(t *product, lo, hi int)) {
	t.do = phase
	pool.Run(n, t)
}

// roundUp returns the smallest multiple of m that is at least n.
func roundUp(n, m int) int { return (n + m - 1) / m * m }

// byteAt returns the address of element i of s.
func byteAt[T any](s []T, i int) *byte { return (*byte)(unsafe.Pointer(&s[i])) }
