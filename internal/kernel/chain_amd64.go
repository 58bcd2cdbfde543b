package kernel

import "unsafe"

// A few rows of activations rounded to bf16 are multiplied by chains: the sums run in the order of the tiles, so that a
// token has the same products by itself and among many, while every weight is read once.

// chained reports whether chains cover the product: they take whole vectors along the input.
func (t *product) chained() bool {
	if t.rows > skinnyRows || t.w.format != BF16 || t.w.out < t.shape.cols() {
		return false
	}
	t.planTiles()
	return t.w.in%(t.tiles.per*t.shape.lanes) == 0
}

// multiplyChains computes the product, two vectors of outputs at a time.
func (t *product) multiplyChains(pool *Pool, x []float32) {
	phase := (*product).wideChains
	if t.activations(x); t.tiles.kind == tilePairs {
		phase = (*product).pairChains
	}
	t.run(pool, ceilDiv(t.w.out, t.shape.cols()), phase)
}

// eachVector calls chain for every two vectors of outputs in units [lo, hi) and every row. The last ones end with the
// last output, and only what is new of them is stored.
func (t *product) eachVector(lo, hi int, chain func(o, r int, y *float32)) {
	cols, out := t.shape.cols(), t.w.out
	for u := lo; u < hi; u++ {
		for r := range t.rows {
			if o := u * cols; o+cols <= out {
				chain(o, r, &t.y[r*out+o])
				continue
			}
			last := panels.Get().(*panel) // a local would be allocated, since chain lets it escape
			chain(out-cols, r, &last[0][0])
			fresh := out - u*cols
			copy(t.y[(r+1)*out-fresh:(r+1)*out], last[0][cols-fresh:cols])
			panels.Put(last)
		}
	}
}

func (t *product) pairChains(lo, hi int) {
	w := &t.w
	t.eachVector(lo, hi, func(o, r int, y *float32) {
		chainPairsAVX512(w.in/2, w.row(o), w.stride, (*uint32)(unsafe.Pointer(&t.bytes[2*r*w.in])), y)
	})
}

func (t *product) wideChains(lo, hi int) {
	w, chain := &t.w, chainWideAVX512
	if t.shape.lanes == 8 {
		chain = chainWideAVX2
	}
	t.eachVector(lo, hi, func(o, r int, y *float32) { chain(w.in, w.row(o), w.stride, &t.x[r*w.in], y) })
}
