package kernel

import "unsafe"

// fewKernel multiplies several rows of activations by one panel, or one row by two panels. The strides ldw, lds, ldx,
// ldg and ldy are in bytes.
type fewKernel func(groups, k int, w *byte, ldw int, s *float32, lds int, x *byte, ldx int, fix *int32, sx *float32,
	ldg int, y *float32, ldy int, table *float32)

// fewKernels are the kernels for one storage.
type fewKernels struct {
	// pair multiplies one row by two panels. It is nil if one panel has enough sums to hide their latency, because
	// memory is faster with one stream than with two.
	pair fewKernel
	rows []fewKernel // rows[n-1] multiplies n rows by a panel
}

// multiplyFew multiplies a few rows by panels. Each panel is read once, front to back.
func (t *product) multiplyFew(pool *Pool) {
	t.planActivations()
	t.activations(0, t.rows)
	t.run(pool, t.w.panels(t.shape.cols()), (*product).fewPanels)
}

// kernels returns the kernels that multiply a few rows by w.
func (s *tileShape) kernels(w *operand) fewKernels {
	switch {
	case w.digits() > 1:
		return s.fixed[w.storage]
	case w.storage == storePairs && !s.multipliesPairs(w):
		return s.wide
	}
	return s.few[w.storage]
}

// fewPanels computes panels [lo, hi).
func (t *product) fewPanels(lo, hi int) {
	kernels, cols, out := t.shape.kernels(&t.w), t.shape.cols(), t.w.out
	for lo < hi {
		switch {
		case t.rows == 1 && kernels.pair != nil && lo+2 <= hi && (lo+2)*cols <= out:
			t.fewPanel(kernels.pair, lo, &t.y[lo*cols], out)
			lo++
		case (lo+1)*cols <= out:
			t.fewPanel(kernels.rows[t.rows-1], lo, &t.y[lo*cols], out)
		default:
			t.fewLast(kernels.rows[t.rows-1], lo)
		}
		lo++
	}
}

// fewLast computes the partial last panel.
func (t *product) fewLast(kernel fewKernel, j int) {
	cols := t.shape.cols()
	s := tileScratches.Get().(*tileScratch)
	s.edge = grow(s.edge, t.rows*cols)
	t.fewPanel(kernel, j, &s.edge[0], cols)
	t.copyEdge(s, j)
	tileScratches.Put(s)
}

// fewPanel runs a kernel on panel j; rows of y are ldy elements apart.
func (t *product) fewPanel(kernel fewKernel, j int, y *float32, ldy int) {
	w, cols := &t.w, t.shape.cols()
	groups, steps := 1, w.padded/storageStep[w.storage]
	var scales, sx *float32
	var fix *int32
	if w.groups > 0 {
		groups, steps = w.groups, w.group/storageStep[w.storage]
		scales = &w.scales[j*groups*cols]
	}
	if w.storage.integer() {
		sx, fix = &t.sx[0], &t.fix[0]
	}
	kernel(groups, steps, w.panel(j), w.stride, scales, 4*groups*cols, t.src, t.stride, fix, sx, 4*groups,
		y, 4*ldy, &levelsOf(w.format)[0])
}

// fewRows multiplies a few rows by blocks [lo, hi) of float32 rows with inner products: all blocks at once for a single
// row, else one block at a time, which stays in the first-level cache.
func (t *product) fewRows(lo, hi int) {
	in, out := t.w.in, t.w.out
	first, last, step := lo*outputBlock, min(out, hi*outputBlock), outputBlock
	if t.rows == 1 {
		step = last - first
	}
	for o := first; o < last; o += step {
		for r := range t.rows {
			t.shape.dot(min(step, last-o), in, t.w.row(o), t.w.stride, &t.in[r*in], &t.y[r*out+o])
		}
	}
}

// chained reports whether a small product transposes squares of weights in registers. It needs whole squares.
func (t *product) chained() bool {
	w := &t.w
	return w.small && t.rows < len(t.shape.chains) && w.in%t.shape.lanes == 0 && w.out%t.shape.lanes == 0
}

// fewChains multiplies a few rows by squares [lo, hi) of outputs in the summation order of the tiles.
func (t *product) fewChains(lo, hi int) {
	w, lanes := &t.w, t.shape.lanes
	t.shape.chains[t.rows]((hi-lo)*lanes, w.in, &t.in[0], w.in, (*float32)(unsafe.Pointer(w.row(lo*lanes))), w.in,
		&t.y[lo*lanes], w.out)
}

// floatBytes returns the address of x as bytes.
func floatBytes(x []float32) *byte { return (*byte)(unsafe.Pointer(unsafe.SliceData(x))) }
