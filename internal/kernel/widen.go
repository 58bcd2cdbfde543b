package kernel

import "sync"

// maxSegment is the largest number of weights widened at a time. Products are summed within a segment, then added to
// the output. Groups of up to that many weights are one segment; the segments of a longer group share its scale.
const maxSegment = 128

// packedRows are weights that widen to float32.
type packedRows interface {
	Shape() (out, in int)
	// segment is the number of weights in a segment, at most maxSegment.
	segment() int
	// widen writes weights [lo, hi) of row o, which must be in one segment.
	widen(dst []float32, o, lo, hi int)
}

// wideTask is a product of float32 activations with packed weights:
//
//	y[r, o] = Σ_segments Σ_i∈segment x[r, i]·w[o, i]
//
// with both sums in order. It widens four rows, one segment at a time, never a whole matrix.
type wideTask struct {
	w       packedRows
	y, x    []float32
	rows    int
	step    int       // weights per segment
	rounded []float32 // scratch for rounded activations
}

var wideTasks = sync.Pool{New: func() any { return new(wideTask) }}

// run computes the product and returns the task to the pool.
func (t *wideTask) run(pool *Pool, w packedRows, y, x []float32, rows int) {
	out, in := w.Shape()
	t.w, t.y, t.x, t.rows, t.step = w, y, x, rows, w.segment()
	pool.spread(outputBlocks(out), rows*in*out, t)
	t.w, t.y, t.x = nil, nil, nil
	wideTasks.Put(t)
}

// panel holds a segment of four rows.
type panel [outputBlock][maxSegment]float32

var panels = sync.Pool{New: func() any { return new(panel) }}

// Do computes blocks [lo, hi) of outputs.
func (t *wideTask) Do(lo, hi int) {
	buf := panels.Get().(*panel)
	out, _ := t.w.Shape()
	for o := lo * outputBlock; o < min(out, hi*outputBlock); o += outputBlock {
		t.block(buf, o, min(outputBlock, out-o))
	}
	panels.Put(buf)
}

// block computes n outputs from o.
func (t *wideTask) block(buf *panel, o, n int) {
	out, in := t.w.Shape()
	for r := range t.rows {
		clear(t.y[r*out+o:][:n])
	}
	for lo := 0; lo < in; lo += t.step {
		hi := min(in, lo+t.step)
		for j := range n {
			t.w.widen(buf[j][:hi-lo], o+j, lo, hi)
		}
		if n == outputBlock {
			t.add4(buf, o, lo, hi)
		} else {
			t.addFew(buf, o, n, lo, hi)
		}
	}
}

// add4 adds segment [lo, hi) to four outputs starting at o.
func (t *wideTask) add4(buf *panel, o, lo, hi int) {
	out, in := t.w.Shape()
	w0, w1, w2, w3 := buf[0][:hi-lo], buf[1][:hi-lo], buf[2][:hi-lo], buf[3][:hi-lo]
	r := 0
	for ; r+1 < t.rows; r += 2 {
		x0, x1 := t.x[r*in+lo:r*in+hi], t.x[(r+1)*in+lo:(r+1)*in+hi]
		s0, s1, z0, z1 := dot2x2(x0, x1, w0, w1)
		s2, s3, z2, z3 := dot2x2(x0, x1, w2, w3)
		addTo4(t.y[r*out+o:], s0, s1, s2, s3)
		addTo4(t.y[(r+1)*out+o:], z0, z1, z2, z3)
	}
	if r < t.rows {
		s0, s1, s2, s3 := dot1x4(t.x[r*in+lo:r*in+hi], w0, w1, w2, w3)
		addTo4(t.y[r*out+o:], s0, s1, s2, s3)
	}
}

func addTo4(y []float32, s0, s1, s2, s3 float32) {
	y = y[:outputBlock]
	y[0] += s0
	y[1] += s1
	y[2] += s2
	y[3] += s3
}

// addFew adds segment [lo, hi) to the last n outputs, fewer than four.
func (t *wideTask) addFew(buf *panel, o, n, lo, hi int) {
	out, in := t.w.Shape()
	for r := range t.rows {
		for j := range n {
			t.y[r*out+o+j] += dotInOrder(t.x[r*in+lo:r*in+hi], buf[j][:hi-lo])
		}
	}
}
