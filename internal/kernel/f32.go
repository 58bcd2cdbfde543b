package kernel

import (
	"sync"
	"unsafe"
)

// F32Matrix is a float32 Matrix over memory owned by the caller, such as a mapped file or a tensor.
type F32Matrix struct {
	w       []float32
	out, in int
	operand operand
}

// NewF32 wraps w, [out, in] row-major, without copying it.
func NewF32(w []float32, out, in int) *F32Matrix {
	m := &F32Matrix{out: out, in: in}
	m.Rebind(w)
	return m
}

// Rebind replaces the memory with another slice of the same length, for parameters that move when training starts. The
// matrix must not be in use.
func (m *F32Matrix) Rebind(w []float32) {
	m.w = w[:m.out*m.in]
	m.operand = operand{
		format: F32, data: unsafe.Pointer(unsafe.SliceData(w)), stride: 4 * m.in, out: m.out, in: m.in, padded: m.in,
		small: len(m.w) <= smallMatrix,
	}
}

// Format implements Matrix.
func (m *F32Matrix) Format() Format { return F32 }

// Shape implements Matrix.
func (m *F32Matrix) Shape() (out, in int) { return m.out, m.in }

// Bytes implements Matrix.
func (m *F32Matrix) Bytes() int64 { return int64(4 * len(m.w)) }

// Row implements Matrix.
func (m *F32Matrix) Row(o int, dst []float32) { copy(dst, m.w[o*m.in:(o+1)*m.in]) }

// Part implements Matrix.
func (m *F32Matrix) Part(lo, hi int) Matrix {
	part := NewF32(m.w[lo*m.in:hi*m.in], hi-lo, m.in)
	part.operand.small = m.operand.small // a small part of a large matrix sums like the large one
	return part
}

// MulT implements Matrix. Products are summed in input order.
func (m *F32Matrix) MulT(pool *Pool, y, x []float32, rows int) {
	if active.product == nil {
		MulT(pool, y, x, m.w, rows, m.in, m.out)
		return
	}
	active.product(pool, &m.operand, y, x, rows)
}

// MulT computes y = x·wᵀ with x [rows, in], w [out, in] and y [rows, out].
func MulT(pool *Pool, y, x, w []float32, rows, in, out int) {
	spreadPooled(&mulTTasks, pool, outputBlocks(out), rows*in*out, mulTTask{y: y, x: x, w: w, rows: rows, in: in, out: out})
}

// MulNN computes c += a·b with a [m, k], b [k, n] and c [m, n]: the gradient of a linear layer's input.
func MulNN(pool *Pool, c, a, b []float32, m, n, k int) {
	active.mulAdd(pool, c, a, b, m, n, k, false)
}

// MulTN computes c += aᵀ·b with a [k, m], b [k, n] and c [m, n]: the gradient of a linear layer's weight.
func MulTN(pool *Pool, c, a, b []float32, m, n, k int) {
	active.mulAdd(pool, c, a, b, m, n, k, true)
}

// mulAddReference is the reference of tier.mulAdd.
func mulAddReference(pool *Pool, c, a, b []float32, m, n, k int, turned bool) {
	ai, ap := k, 1
	if turned {
		ai, ap = 1, m
	}
	spreadPooled(&mulAddTasks, pool, m, m*n*k, mulAddTask{c: c, a: a, b: b, n: n, k: k, ai: ai, ap: ap})
}

// Product tasks are pooled, so products do not allocate.
var (
	mulTTasks   = sync.Pool{New: func() any { return new(mulTTask) }}
	mulAddTasks = sync.Pool{New: func() any { return new(mulAddTask) }}
)

type mulTTask struct {
	y, x, w       []float32
	rows, in, out int
}

// Do computes blocks [lo, hi) of outputs.
func (t *mulTTask) Do(lo, hi int) {
	active.mulT(t.y, t.x, t.w, t.rows, t.in, t.out, lo*outputBlock, min(t.out, hi*outputBlock))
}

type mulAddTask struct {
	c, a, b      []float32
	n, k, ai, ap int
}

// Do computes rows [lo, hi) of c.
func (t *mulAddTask) Do(lo, hi int) { addProduct(t.c, t.a, t.b, t.n, t.k, t.ai, t.ap, lo, hi) }

// mulT is the reference for tier.mulT: every output sums its products in order. Four outputs are summed at once, or two
// by two for two rows, which keeps the adders busy without changing results.
func mulT(y, x, w []float32, rows, in, out, lo, hi int) {
	for ; lo+outputBlock <= hi; lo += outputBlock {
		w0, w1, w2, w3 := w[lo*in:][:in], w[(lo+1)*in:][:in], w[(lo+2)*in:][:in], w[(lo+3)*in:][:in]
		r := 0
		for ; r+1 < rows; r += 2 {
			x0, x1 := x[r*in:][:in], x[(r+1)*in:][:in]
			a, b := y[r*out+lo:][:outputBlock], y[(r+1)*out+lo:][:outputBlock]
			a[0], a[1], b[0], b[1] = dot2x2(x0, x1, w0, w1)
			a[2], a[3], b[2], b[3] = dot2x2(x0, x1, w2, w3)
		}
		if r < rows {
			a := y[r*out+lo:][:outputBlock]
			a[0], a[1], a[2], a[3] = dot1x4(x[r*in:][:in], w0, w1, w2, w3)
		}
	}
	for ; lo < hi; lo++ {
		for r := range rows {
			y[r*out+lo] = dotInOrder(x[r*in:][:in], w[lo*in:][:in])
		}
	}
}

// dotInOrder returns Σ x·w, summed in order.
func dotInOrder(x, w []float32) (sum float32) {
	w = w[:len(x)]
	for i, v := range x {
		sum += v * w[i]
	}
	return sum
}

// dot1x4 returns the products of x with four rows, each summed in order. If it or its siblings were inlined, the sums
// would not stay in registers.
//
//go:noinline
func dot1x4(x, w0, w1, w2, w3 []float32) (s0, s1, s2, s3 float32) {
	w0, w1, w2, w3 = w0[:len(x)], w1[:len(x)], w2[:len(x)], w3[:len(x)]
	for i, v := range x {
		s0 += v * w0[i]
		s1 += v * w1[i]
		s2 += v * w2[i]
		s3 += v * w3[i]
	}
	return s0, s1, s2, s3
}

// dot2x2 returns the products of x and z with two rows, each summed in order.
//
//go:noinline
func dot2x2(x, z, w0, w1 []float32) (s0, s1, t0, t1 float32) {
	z, w0, w1 = z[:len(x)], w0[:len(x)], w1[:len(x)]
	for i, u := range x {
		v, a, b := z[i], w0[i], w1[i]
		s0 += u * a
		t0 += v * a
		s1 += u * b
		t1 += v * b
	}
	return s0, s1, t0, t1
}

// mulAddRows is the number of rows of b that stay in the cache while all rows of c accumulate them.
const mulAddRows = 64

// addProduct computes c[lo:hi, :] += a[lo:hi, :]·b with a[i, p] at a[i·ai + p·ap], adding one row of b after another.
func addProduct(c, a, b []float32, n, k, ai, ap, lo, hi int) {
	for p0 := 0; p0 < k; p0 += mulAddRows {
		p1 := min(k, p0+mulAddRows)
		for i := lo; i < hi; i++ {
			row, p := c[i*n:][:n], p0
			for ; p+4 <= p1; p += 4 {
				q := a[i*ai+p*ap:]
				axpy4(row, q[0], q[ap], q[2*ap], q[3*ap], b[p*n:][:n], b[(p+1)*n:][:n], b[(p+2)*n:][:n], b[(p+3)*n:][:n])
			}
			for ; p < p1; p++ {
				axpyReference(a[i*ai+p*ap], b[p*n:][:n], row)
			}
		}
	}
}

// axpy4 adds a0·x0, then a1·x1, a2·x2 and a3·x3 to y.
func axpy4(y []float32, a0, a1, a2, a3 float32, x0, x1, x2, x3 []float32) {
	x0, x1, x2, x3 = x0[:len(y)], x1[:len(y)], x2[:len(y)], x3[:len(y)]
	for i, v := range y {
		y[i] = v + a0*x0[i] + a1*x1[i] + a2*x2[i] + a3*x3[i]
	}
}
