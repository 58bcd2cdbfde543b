package kernel

import (
	"unsafe"

	"github.com/archbench/archbench/internal/half"
)

// pairs reports whether the product multiplies bf16 by bf16 with VDPBF16PS.
func (t *product) pairs() bool { return t.shape.multipliesPairs(&t.w) }

// multipliesPairs reports whether products with w multiply bf16 by bf16 with VDPBF16PS.
func (s *tileShape) multipliesPairs(w *operand) bool {
	return w.storage == storePairs && !w.format.WideX && hasBF16 && s.pairs != nil
}

// planActivations makes room for the activations in the type that is multiplied. They are used in place if they already
// have that type and the panels' row length.
func (t *product) planActivations() {
	w, n := &t.w, t.rows*t.w.padded
	switch {
	case w.storage.integer():
		t.bytes = grow(t.bytes, w.digits()*n)
		t.sx, t.fix = grow(t.sx, t.rows*w.groups), grow(t.fix, w.digits()*t.rows*w.groups)
		t.src, t.stride = byteAt(t.bytes, 0), w.padded
	case t.pairs():
		t.bytes = grow(t.bytes, 2*n)
		t.src, t.stride = byteAt(t.bytes, 0), 2*w.padded
	case t.converted():
		t.x = grow(t.x, n)
		t.src, t.stride = floatBytes(t.x), 4*w.padded
	default:
		t.src, t.stride = floatBytes(t.in), 4*w.in
	}
	t.valid = t.stride
}

// converted reports whether float32 activations need rounding or padding.
func (t *product) converted() bool {
	f := t.w.format
	return t.w.padded != t.w.in || f.A8 || f.Kind == KindBF16 && !f.WideX
}

// activations converts rows [lo, hi).
func (t *product) activations(lo, hi int) {
	w := &t.w
	for r := lo; r < hi; r++ {
		x := t.in[r*w.in:][:w.in]
		switch {
		case w.digits() > 1:
			t.fixRow(r, x)
		case w.storage.integer():
			t.quantiseRow(r, x)
		case t.pairs():
			row := unsafe.Slice((*uint16)(unsafe.Pointer(&t.bytes[2*r*w.padded])), w.padded)
			narrowRow(row, x)
			clear(row[w.in:])
		case t.converted():
			row := t.x[r*w.padded:][:w.padded]
			clear(row[copy(row, x):])
			t.roundRow(row[:w.in])
		}
	}
}

// roundRow rounds activations that are multiplied as float32 to their format's values.
func (t *product) roundRow(row []float32) {
	switch f := t.w.format; {
	case f.A8:
		roundGroups(row, t.w.quantum)
	case f == BF16:
		roundBF16Row(row)
	}
}

// roundGroups rounds to int8 values, with one scale per group.
func roundGroups(row []float32, group int) {
	for ; len(row) > 0; row = row[min(group, len(row)):] {
		part := row[:min(group, len(row))]
		scale := absMax(part) / 127
		for i, v := range part {
			part[i] = float32(quantise(v, scale, 127)) * scale
		}
	}
}

// quantiseRow quantises row r of the activations to int8, with one scale per quantum of the weights, and computes the
// correction for the weights' offset in each group.
func (t *product) quantiseRow(r int, x []float32) {
	w := &t.w
	row, sx, fix := t.bytes[r*w.padded:][:w.padded], t.sx[r*w.groups:][:w.groups], t.fix[r*w.groups:][:w.groups]
	clear(row[w.in:])
	if w.quantum >= w.in {
		scale := quantiseFast(row[:w.in], x, 127)
		for g := range sx {
			sx[g], fix[g] = scale, w.offset(row[g*w.group:][:w.group])
		}
		return
	}
	whole := w.in / w.group
	for g := 0; g < len(sx); g++ {
		if g < whole {
			g += quantiseGroupsAVX512(whole-g, w.group, &row[g*w.group], &x[g*w.group], &sx[g], &fix[g], -w.bias())
		}
		if g < len(sx) { // an unusual scale or a partial group
			lo, hi := min(g*w.group, w.in), min((g+1)*w.group, w.in)
			sx[g], fix[g] = quantiseFast(row[lo:hi], x[lo:hi], 127), w.offset(row[lo:hi])
		}
	}
}

// offset returns the negated contribution of the stored weights' offset to products with activations q.
func (w *operand) offset(q []int8) int32 {
	n := len(q) &^ 63
	var sum int32
	if n > 0 {
		sum = sumBytesVNNI(n, &q[0])
	}
	for _, v := range q[n:] {
		sum += int32(v)
	}
	return -int32(w.bias()) * sum
}

// bias is the value added to the codes of stored weights.
func (w *operand) bias() int {
	if w.storage == storeNibbleQuads {
		return 8
	}
	return 128
}

// quantiseFast is quantiseGroup with vector instructions.
func quantiseFast(dst []int8, x []float32, top float32) (scale float32) {
	n := len(x) &^ 31
	largest := absMax(x[n:])
	if n > 0 {
		largest = max(largest, absMaxAVX512(n, &x[0]))
	}
	if scale = largest / top; scale == 0 || scale-scale != 0 {
		n = 0 // non-finite values go through the reference
	}
	if n > 0 {
		quantiseAVX512(n, &dst[0], &x[0], scale)
	}
	for i, v := range x[n:] {
		dst[n+i] = quantise(v, scale, top)
	}
	return scale
}

// narrowRow writes x rounded to bf16, with AVX-512.
func narrowRow(dst []uint16, x []float32) { narrowWith(narrowBF16AVX512, dst, x) }

// narrowRowAVX2 is narrowRow with AVX2.
func narrowRowAVX2(dst []uint16, x []float32) { narrowWith(narrowBF16AVX2, dst, x) }

// narrowWith runs a kernel on whole multiples of 32 elements.
func narrowWith(kernel func(n int, dst *uint16, src *float32), dst []uint16, x []float32) {
	n := len(x) &^ 31
	if n > 0 {
		kernel(n, &dst[0], &x[0])
	}
	half.NarrowBF16(dst[n:], x[n:])
}

// roundBF16Row rounds a row to bf16 values.
func roundBF16Row(row []float32) {
	n := len(row) &^ 31
	if n > 0 {
		roundBF16AVX2(n, &row[0], &row[0])
	}
	for i, v := range row[n:] {
		row[n+i] = half.FromBF16(half.ToBF16(v))
	}
}
