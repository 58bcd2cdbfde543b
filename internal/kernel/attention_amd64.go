package kernel

import (
	"sync"
	"unsafe"
)

// attentionAVX512 runs attention tiles on the matrix-product micro-kernels.
var attentionAVX512 = wide512.attention(&rows512)

// attentionAVX2 is the same with smaller tiles.
var attentionAVX2 = wide256.attention(&rows256)

func (s *tileShape) attention(a *rowAssembly) attentionKernels {
	kernels := attentionReference
	kernels.mulT, kernels.mulAdd = s.tileMulT, s.tileMulAdd
	kernels.mulTAdd = func(c, a, b Rows, m, n, k int) {
		w := attentionPacks.Get().(*attentionPack)
		w.packAT(s, a, m, k)
		w.packB(s, b, n, k)
		w.multiply(s, c, m, n, k, false)
		attentionPacks.Put(w)
	}
	kernels.expShift = func(x []float32, shift float32) float32 { return float32(a.expShifted(len(x), &x[0], shift, &x[0])) }
	kernels.scale = func(x []float32, f float32) { a.scale(len(x), f, &x[0], &x[0]) }
	kernels.scoreGrad = func(p, ds []float32, scale, shift, delta float32) {
		a.scoreGrad(len(p), &p[0], &ds[:len(p)][0], scale, shift, delta)
	}
	return kernels
}

// tileMulT implements attentionKernels. With few rows it reads the part of b that fills vectors in place.
func (s *tileShape) tileMulT(c, a, b Rows, m, n, k int) {
	if whole := n / s.lanes * s.lanes; m <= skinnyTile && k%s.lanes == 0 && whole > 0 {
		s.chains[m](whole, k, &a.Data[0], a.Stride, &b.Data[0], b.Stride, &c.Data[0], c.Stride)
		if n == whole {
			return
		}
		c, b, n = c.From(0, whole), b.From(whole, 0), n-whole
	}
	w := attentionPacks.Get().(*attentionPack)
	w.packA(s, a, m, k)
	w.packBT(s, b, n, k)
	w.multiply(s, c, m, n, k, true)
	attentionPacks.Put(w)
}

// tileMulAdd implements attentionKernels. With few rows it reads b in place.
func (s *tileShape) tileMulAdd(c, a, b Rows, m, n, k int) {
	if m <= skinnyTile {
		for i := range m {
			s.weighted(k, &a.Data[i*a.Stride], &b.Data[0], b.Stride, &c.Data[i*c.Stride], n)
		}
		return
	}
	w := attentionPacks.Get().(*attentionPack)
	w.packA(s, a, m, k)
	w.packB(s, b, n, k)
	w.multiply(s, c, m, n, k, false)
	attentionPacks.Put(w)
}

// skinnyTile is the largest number of rows for which transposing does not pay.
const skinnyTile = 4

// attentionPack holds the operands of one tile product in the order the micro-kernel reads them: panels of s.lanes rows
// of a and of s.cols() columns of b, one step of k after another.
type attentionPack struct {
	a, b []uint32
	edge [14 * 32]float32 // outputs of a tile that extends beyond c
	tile [16 * 64]byte
}

var attentionPacks = sync.Pool{New: func() any { return new(attentionPack) }}

// panelsOf is the number of panels of at most s.rows rows that m rows are divided into, as evenly as possible: panel p
// starts at row p·m/panels.
func (s *tileShape) panelsOf(m int) int { return ceilDiv(m, s.rows) }

// packA packs a [m, k].
func (w *attentionPack) packA(s *tileShape, a Rows, m, k int) {
	n, size := s.panelsOf(m), roundUp(k, s.lanes)*s.lanes
	w.a = grow(w.a, n*size)
	for p := range n {
		r, end := p*m/n, (p+1)*m/n
		dst := w.a[p*size:]
		if end-r <= skinnyTile {
			scatter(dst, s.lanes, a.From(r, 0), end-r, k)
			continue
		}
		s.pack(dst, s.lanes, byteAt(a.Data, r*a.Stride), 4*a.Stride, end-r, m-r, 4*k, k, &w.tile)
	}
}

// scatter writes column i of a few rows to dst[i*ldd:].
func scatter(dst []uint32, ldd int, a Rows, rows, k int) {
	for r := range rows {
		for i, v := range bits(a.Data[r*a.Stride:][:k]) {
			dst[i*ldd+r] = v
		}
	}
}

// packAT packs a stored as [k, m].
func (w *attentionPack) packAT(s *tileShape, a Rows, m, k int) {
	n, size := s.panelsOf(m), roundUp(k, s.lanes)*s.lanes
	w.a = grow(w.a, n*size)
	for p := range n {
		r, end := p*m/n, (p+1)*m/n
		copyColumns(w.a[p*size:], s.lanes, a.From(0, r), end-r, k)
	}
}

// packB packs b [k, n].
func (w *attentionPack) packB(s *tileShape, b Rows, n, k int) {
	cols := s.cols()
	w.b = grow(w.b, roundUp(n, cols)*roundUp(k, s.lanes))
	for j := 0; j < n; j += cols {
		copyColumns(w.b[j*roundUp(k, s.lanes):], cols, b.From(0, j), min(cols, n-j), k)
	}
}

// copyColumns copies n columns of k rows into dst, whose rows are ldd apart.
func copyColumns(dst []uint32, ldd int, x Rows, n, k int) {
	for i := range k {
		copy(dst[i*ldd:][:n], bits(x.Data[i*x.Stride:][:n]))
	}
}

// packBT packs b stored as [n, k].
func (w *attentionPack) packBT(s *tileShape, b Rows, n, k int) {
	cols, steps := s.cols(), roundUp(k, s.lanes)
	w.b = grow(w.b, roundUp(n, cols)*steps)
	for j := 0; j < n; j += s.lanes {
		dst := w.b[j/cols*cols*steps+j%cols:]
		s.pack(dst, cols, byteAt(b.Data, j*b.Stride), 4*b.Stride, min(s.lanes, n-j), n-j, 4*k, k, &w.tile)
	}
}

// multiply computes c = a·b if first is set, else c += a·b.
func (w *attentionPack) multiply(s *tileShape, c Rows, m, n, k int, first bool) {
	panels, cols, steps := s.panelsOf(m), s.cols(), roundUp(k, s.lanes)
	for j := 0; j < n; j += cols {
		b := (*float32)(unsafe.Pointer(&w.b[j*steps]))
		for p := range panels {
			r, end := p*m/panels, (p+1)*m/panels
			a := (*float32)(unsafe.Pointer(&w.a[p*steps*s.lanes]))
			if j+cols <= n {
				s.fma[end-r](k, a, b, &c.Data[r*c.Stride+j], c.Stride, first)
				continue
			}
			part := Rows{w.edge[:], cols}
			copyRows(part, c.From(r, j), end-r, n-j)
			s.fma[end-r](k, a, b, &w.edge[0], cols, first)
			copyRows(c.From(r, j), part, end-r, n-j)
		}
	}
}

// copyRows copies n columns of a few rows.
func copyRows(dst, src Rows, rows, n int) {
	for r := range rows {
		copy(dst.Data[r*dst.Stride:][:n], src.Data[r*src.Stride:])
	}
}

// bits returns floats as dwords, the units of panels.
func bits(x []float32) []uint32 { return unsafe.Slice((*uint32)(unsafe.Pointer(&x[0])), len(x)) }
