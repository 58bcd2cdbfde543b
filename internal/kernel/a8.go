package kernel

import "sync"

// a8Matrix is a codeMatrix whose products also quantise the activations to int8, with one scale per token and weight
// group:
//
//	y[r, o] = Σ_groups (scale[o, group]·xscale[r, group]) · float32(Σ_i∈group xcode[r, i]·code[o, i])
//
// The inner sum is exact in int32; the outer sum runs in order.
type a8Matrix struct{ *codeMatrix }

// MulT implements Matrix.
func (m *a8Matrix) MulT(pool *Pool, y, x []float32, rows int) {
	t := a8Tasks.Get().(*a8Task)
	t.quantise(m.codeMatrix, x, rows)
	t.y, t.rows = y, rows
	pool.spread(outputBlocks(m.out), rows*m.in*m.out, t)
	t.w, t.y = nil, nil
	a8Tasks.Put(t)
}

// Part implements Matrix.
func (m *a8Matrix) Part(lo, hi int) Matrix { return &a8Matrix{m.part(lo, hi)} }

// a8Task is a product with int8 activations.
type a8Task struct {
	w      *codeMatrix
	y      []float32
	rows   int
	x      []int8    // [rows, in]
	scales []float32 // [rows, groups]
}

var a8Tasks = sync.Pool{New: func() any { return new(a8Task) }}

// quantise quantises the activations.
func (t *a8Task) quantise(w *codeMatrix, x []float32, rows int) {
	t.w, t.x, t.scales = w, grow(t.x, rows*w.in), grow(t.scales, rows*w.groups)
	for r := range rows {
		for g := range w.groups {
			lo, hi := r*w.in+g*w.group, r*w.in+min(w.in, (g+1)*w.group)
			t.scales[r*w.groups+g] = quantiseGroup(t.x[lo:hi], x[lo:hi], 127)
		}
	}
}

// intPanel holds one group of four int8 rows.
type intPanel [outputBlock][]int8

var intPanels = sync.Pool{New: func() any { return new(intPanel) }}

// Do computes blocks [lo, hi) of outputs.
func (t *a8Task) Do(lo, hi int) {
	buf := intPanels.Get().(*intPanel)
	for o := lo * outputBlock; o < min(t.w.out, hi*outputBlock); o += outputBlock {
		t.block(buf, o, min(outputBlock, t.w.out-o))
	}
	intPanels.Put(buf)
}

// block computes n outputs from o. In the last block, missing rows repeat its first row and their outputs are not
// stored.
func (t *a8Task) block(buf *intPanel, o, n int) {
	w := t.w
	for r := range t.rows {
		clear(t.y[r*w.out+o:][:n])
	}
	for g := range w.groups {
		lo, hi := g*w.group, min(w.in, (g+1)*w.group)
		for j := range buf {
			buf[j] = w.ints(grow(buf[j], hi-lo), o+j%n, lo)
		}
		for r := range t.rows {
			var sums [outputBlock]int32
			sums[0], sums[1], sums[2], sums[3] = intDot1x4(t.x[r*w.in+lo:r*w.in+hi], buf[0], buf[1], buf[2], buf[3])
			xscale := t.scales[r*w.groups+g]
			for j, sum := range sums[:n] {
				t.y[r*w.out+o+j] += w.scales[(o+j)*w.groups+g] * xscale * float32(sum)
			}
		}
	}
}

// ints widens the codes of row o from lo to int8. lo is a group start, which is byte-aligned.
func (m *codeMatrix) ints(dst []int8, o, lo int) []int8 {
	codes := m.codes[o*m.stride:][:m.stride]
	if m.format.Kind == KindInt8 {
		for i, c := range codes[lo:][:len(dst)] {
			dst[i] = int8(c)
		}
		return dst
	}
	pairs := len(dst) / 2
	for i, c := range codes[lo/2:][:pairs] {
		pair := dst[2*i:][:2]
		pair[0], pair[1] = int8(c&15)-8, int8(c>>4)-8
	}
	if len(dst)%2 == 1 {
		dst[2*pairs] = int8(codes[lo/2+pairs]&15) - 8
	}
	return dst
}

// intDot1x4 returns the exact products of x with four rows.
//
//go:noinline
func intDot1x4(x, w0, w1, w2, w3 []int8) (s0, s1, s2, s3 int32) {
	w0, w1, w2, w3 = w0[:len(x)], w1[:len(x)], w2[:len(x)], w3[:len(x)]
	for i, v := range x {
		s0 += int32(v) * int32(w0[i])
		s1 += int32(v) * int32(w1[i])
		s2 += int32(v) * int32(w2[i])
		s3 += int32(v) * int32(w3[i])
	}
	return s0, s1, s2, s3
}
