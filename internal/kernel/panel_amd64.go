package kernel

import (
	"unsafe"

	"github.com/archbench/archbench/internal/half"
)

// panelMatrix is a Matrix in the layout that tiles of one shape read: panels of shape.cols() outputs. A panel is always
// read front to back, by one row of activations or many, and sums in input order, so a row's result does not depend on
// the number of rows. The last panel and the last step are padded with zeros.
type panelMatrix struct {
	shape   *tileShape
	operand operand
}

// newMatrix packs a matrix into panels.
func (s *tileShape) newMatrix(f Format, out, in int, row func(o int, dst []float32)) Matrix {
	if out == 0 || in == 0 {
		return newMatrix(f, out, in, row)
	}
	p := newPacker(s, f, out, in)
	for o := range out {
		p.add(o, row)
	}
	return &panelMatrix{shape: s, operand: p.operand}
}

// Format implements Matrix.
func (m *panelMatrix) Format() Format { return m.operand.format }

// Shape implements Matrix.
func (m *panelMatrix) Shape() (out, in int) { return m.operand.out, m.operand.in }

// Bytes implements Matrix.
func (m *panelMatrix) Bytes() int64 { return m.operand.format.Bytes(m.Shape()) }

// MulT implements Matrix.
func (m *panelMatrix) MulT(pool *Pool, y, x []float32, rows int) {
	multiply(m.shape, pool, &m.operand, y, x, rows)
}

// Row implements Matrix.
func (m *panelMatrix) Row(o int, dst []float32) {
	w, cols := &m.operand, m.shape.cols()
	dst = dst[:w.in]
	w.widen(dst, unsafe.Slice(w.panel(o/cols), w.stride)[o%cols*storageSize[w.storage]:], cols*storageSize[w.storage])
	if w.groups == 0 {
		return
	}
	scales := w.scales[o/cols*w.groups*cols+o%cols:]
	for i := range dst {
		dst[i] *= scales[i/w.group*cols]
	}
}

// Part implements Matrix.
func (m *panelMatrix) Part(lo, hi int) Matrix {
	part, panel := *m, lo/m.shape.cols()
	w := &part.operand
	w.out, w.data = hi-lo, unsafe.Pointer(w.panel(panel))
	if w.groups > 0 {
		w.scales = w.scales[panel*w.groups*m.shape.cols():]
	}
	return &part
}

// widen writes the unscaled weights of an output; its steps are stride bytes apart.
func (w *operand) widen(dst []float32, steps []byte, stride int) {
	switch levels := levelsOf(w.format); w.storage {
	case storeFloats:
		for i := range dst {
			dst[i] = *(*float32)(unsafe.Pointer(&steps[i*stride]))
		}
	case storePairs:
		for i := range dst {
			dst[i] = half.FromBF16(*(*uint16)(unsafe.Pointer(&steps[i/2*stride+i%2*2])))
		}
	case storeBytes:
		for i := range dst {
			dst[i] = float32(int8(steps[i*stride]))
		}
	case storeNibbles:
		for i := range dst {
			dst[i] = levels[steps[i/2*stride]>>(i%2*4)&15]
		}
	case storeQuads:
		for i := range dst {
			dst[i] = float32(steps[i/4*stride+i%4]) - 128
		}
	case storeNibbleQuads:
		for i := range dst {
			dst[i] = float32(steps[i/8*stride+i%4]>>(i&4)&15) - 8
		}
	}
}

// levelsOf returns the values of 4-bit codes.
func levelsOf(f Format) *[16]float32 {
	if f.Kind == KindNF4 {
		return &nf4Levels
	}
	return &int4Levels
}
