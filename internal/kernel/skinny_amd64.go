package kernel

import "github.com/archbench/archbench/internal/half"

// multiplySkinny computes the product by inner products of four rows of weights with one of activations.
func (t *product) multiplySkinny(pool *Pool, x []float32) {
	phase := (*product).skinnyFloat
	switch f := t.w.format; {
	case f.A8:
		t.quantiseX(x, f.Kind == KindInt4)
		phase = (*product).skinnyA8
	case f.Kind == KindInt8:
		t.spreadX(x, t.shape.lanes)
		phase = (*product).skinnyInt8
	case f.Kind == KindInt4, f.Kind == KindNF4:
		t.spreadX(x, 32)
		t.splitEvenOdd()
		phase = (*product).skinnyNibbles
	default:
		t.in = x
	}
	t.run(pool, outputBlocks(t.w.out), phase)
	t.in = nil
}

// eachBlock calls dot for every four outputs of blocks [lo, hi) and every row of activations. The last outputs, where
// there are fewer than four, are computed one by one.
func (t *product) eachBlock(lo, hi int, dot func(o, r, stride int, y *float32)) {
	out := t.w.out
	for o := lo * outputBlock; o < min(out, hi*outputBlock); o += outputBlock {
		for r := range t.rows {
			if o+outputBlock <= out {
				dot(o, r, t.w.stride, &t.y[r*out+o])
				continue
			}
			same := panels.Get().(*panel) // a local would be allocated, since dot lets it escape
			for j := o; j < out; j++ {
				dot(j, r, 0, &same[0][0])
				t.y[r*out+j] = same[0][0]
			}
			panels.Put(same)
		}
	}
}

func (t *product) skinnyFloat(lo, hi int) {
	dot, in := t.shape.dotF32, t.w.in
	if t.w.format.Kind == KindBF16 {
		dot = t.shape.dotBF16
	}
	t.eachBlock(lo, hi, func(o, r, stride int, y *float32) { dot(in, t.w.row(o), stride, &t.in[r*in], y) })
}

// xStride is the length of a row of activations whose groups are padded to multiples of step.
func (t *product) xStride(step int) int { return t.w.groups * roundUp(t.w.group, step) }

// spreadX copies the activations so that every group begins at a multiple of step; the rest is zero.
func (t *product) spreadX(x []float32, step int) {
	in, stride := t.w.in, t.xStride(step)
	t.x = grow(t.x, t.rows*stride)
	for r := range t.rows {
		row := t.x[r*stride:][:stride]
		clear(row[copy(row, x[r*in:][:in]):]) // only a single group has a length that is no multiple
	}
}

// splitEvenOdd puts the even activations of every 32 before the odd ones, as the nibbles of 16 bytes hold them.
func (t *product) splitEvenOdd() {
	for lo := 0; lo < len(t.x); lo += 32 {
		var part [32]float32
		copy(part[:], t.x[lo:])
		for i := range 16 {
			t.x[lo+i], t.x[lo+16+i] = part[2*i], part[2*i+1]
		}
	}
}

// scaleStride is the distance of the scales of rows that lie stride bytes apart.
func (t *product) scaleStride(stride int) int {
	if stride == 0 {
		return 0
	}
	return t.w.groups
}

func (t *product) skinnyInt8(lo, hi int) {
	w, lanes := &t.w, t.shape.lanes
	steps, xs := roundUp(w.group, lanes)/lanes, t.xStride(lanes)
	t.eachBlock(lo, hi, func(o, r, stride int, y *float32) {
		t.shape.dotInt8(w.groups, steps, w.row(o), stride, &w.scales[o*w.groups], t.scaleStride(stride), &t.x[r*xs], y)
	})
}

func (t *product) skinnyNibbles(lo, hi int) {
	w := &t.w
	levels := &int4Levels
	if w.format.Kind == KindNF4 {
		levels = &nf4Levels
	}
	steps, xs := roundUp(w.group, 32)/32, t.xStride(32)
	t.eachBlock(lo, hi, func(o, r, stride int, y *float32) {
		dotNibblesAVX512(w.groups, steps, w.row(o), stride, &w.scales[o*w.groups], t.scaleStride(stride), &t.x[r*xs], y, &levels[0])
	})
}

func (t *product) skinnyA8(lo, hi int) {
	w, dot := &t.w, dotInt8A8VNNI
	if w.format.Kind == KindInt4 {
		dot = dotInt4A8VNNI
	}
	steps, xs := roundUp(w.group, 64)/64, t.xStride(64)
	t.eachBlock(lo, hi, func(o, r, stride int, y *float32) {
		dot(w.groups, steps, w.row(o), stride, &w.scales[o*w.groups], t.scaleStride(stride),
			&t.bytes[r*xs], &t.fix[r*w.groups], &t.xscales[r*w.groups], y)
	})
}

// quantiseX quantises the activations to int8, one scale per row and group of the weights. Groups begin at multiples
// of 64; with split, the even ones of every 64 stand before the odd ones, as the nibbles of 32 bytes hold them.
func (t *product) quantiseX(x []float32, split bool) {
	w, stride := &t.w, t.xStride(64)
	offset := int32(128)
	if w.format.Kind == KindInt4 {
		offset = 8
	}
	t.bytes = grow(t.bytes, t.rows*stride)
	t.xscales, t.fix = grow(t.xscales, t.rows*w.groups), grow(t.fix, t.rows*w.groups)
	for r := range t.rows {
		row := t.bytes[r*stride:][:stride]
		for g := range w.groups {
			part := row[g*roundUp(w.group, 64):][:roundUp(w.group, 64)]
			values := x[r*w.in+g*w.group : r*w.in+min(w.in, (g+1)*w.group)]
			t.xscales[r*w.groups+g] = quantiseFast(part, values)
			var sum int32
			for _, q := range part {
				sum += int32(q)
			}
			t.fix[r*w.groups+g] = -offset * sum
		}
		if split {
			splitEvenOdd64(row)
		}
	}
}

// splitEvenOdd64 puts the even bytes of every 64 before the odd ones.
func splitEvenOdd64(row []int8) {
	for lo := 0; lo < len(row); lo += 64 {
		var part [64]int8
		copy(part[:], row[lo:])
		for i := range 32 {
			row[lo+i], row[lo+32+i] = part[2*i], part[2*i+1]
		}
	}
}

// quantiseFast is quantiseInt8 with vectors; dst beyond x becomes zero.
func quantiseFast(dst []int8, x []float32) (scale float32) {
	clear(dst[len(x):])
	n := len(x) &^ 31
	top := absMax(x[n:])
	if n > 0 {
		top = max(top, absMaxAVX512(n, &x[0]))
	}
	if scale = top / 127; scale == 0 {
		clear(dst)
		return 0
	}
	if n > 0 {
		quantiseAVX512(n, &dst[0], &x[0], scale)
	}
	for i, v := range x[n:] {
		dst[n+i] = quantise(v, scale, 127)
	}
	return scale
}

// narrowRow writes x rounded to bf16.
func narrowRow(dst []uint16, x []float32) {
	n := len(x) &^ 31
	if n > 0 {
		narrowBF16AVX512(n, &dst[0], &x[0])
	}
	half.NarrowBF16(dst[n:], x[n:])
}
