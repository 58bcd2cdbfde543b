package kernel

import (
	"math"
	"unsafe"
)

// codeMatrix is a Matrix of integer codes with float32 scales, one for every group of a row's weights: int8, two int4
// in a byte, or two indices into the levels of nf4. Rows begin at a byte; the last group of a row may be shorter.
type codeMatrix struct {
	format  Format
	out, in int
	group   int // weights a scale, at most in
	groups  int // scales a row
	stride  int // bytes a row
	codes   []byte
	scales  []float32 // [out, groups]
	operand operand
}

// packCodes quantises a matrix.
func packCodes(f Format, out, in int, row func(o int, dst []float32)) *codeMatrix {
	m := &codeMatrix{format: f, out: out, in: in, group: in, stride: in}
	if f.Group != 0 {
		m.group = min(f.Group, in)
	}
	m.groups = (in + m.group - 1) / m.group
	if f.Kind != KindInt8 {
		m.stride = (in + 1) / 2
	}
	m.codes, m.scales = make([]byte, out*m.stride, out*m.stride+slack), make([]float32, out*m.groups)
	m.operand = operand{format: f, data: unsafe.Pointer(unsafe.SliceData(m.codes)), stride: m.stride, out: out, in: in,
		group: m.group, groups: m.groups, scales: m.scales}
	line := make([]float32, in)
	for o := range out {
		row(o, line)
		m.packRow(o, line)
	}
	return m
}

// packRow quantises row o.
func (m *codeMatrix) packRow(o int, w []float32) {
	codes := m.codes[o*m.stride:][:m.stride]
	for g := range m.groups {
		lo := g * m.group
		part := w[lo:min(m.in, lo+m.group)]
		scale := absMax(part) / m.format.top()
		m.scales[o*m.groups+g] = scale
		for i, v := range part {
			m.put(codes, lo+i, v, scale)
		}
	}
}

// put stores the code of weight i of a row.
func (m *codeMatrix) put(codes []byte, i int, v, scale float32) {
	var code byte
	switch m.format.Kind {
	case KindInt8:
		codes[i] = byte(quantise(v, scale, 127))
		return
	case KindNF4:
		code = nf4Code(v, scale)
	default:
		code = byte(quantise(v, scale, 7) + 8)
	}
	codes[i/2] |= code << (i % 2 * 4)
}

// top is the code's value of the largest weight of a group.
func (f Format) top() float32 {
	switch f.Kind {
	case KindInt8:
		return 127
	case KindInt4:
		return 7
	default:
		return 1
	}
}

// absMax returns the largest magnitude, NaN if there is a NaN.
func absMax(x []float32) float32 {
	var top float32
	for _, v := range x {
		top = max(top, float32(math.Abs(float64(v))))
	}
	return top
}

// quantise returns v/scale rounded half to even, within ±top. A zero scale gives zero. A scale that is no number makes
// every product with the group NaN, so zero does there too.
func quantise(v, scale, top float32) int8 {
	if scale == 0 {
		return 0
	}
	q := v / scale
	if q != q {
		return 0
	}
	return int8(math.RoundToEven(float64(max(-top, min(top, q)))))
}

// nf4Levels are the 16 quantiles of a normal distribution, scaled to [-1, 1], with an exact zero (Dettmers et al. 2023,
// appendix E).
var nf4Levels = [16]float32{
	-1, -.69619280, -.52507305, -.39491749, -.28444138, -.18477343, -.09105004, 0,
	.07958030, .16093020, .24611230, .33791524, .44070983, .56261700, .72295684, 1,
}

// int4Levels are the values of the codes of int4.
var int4Levels = [16]float32{-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7}

// nf4Code returns the index of the level nearest to v/scale.
func nf4Code(v, scale float32) byte {
	if scale == 0 {
		v, scale = 0, 1
	}
	code := byte(0)
	for code < 15 && v/scale > (nf4Levels[code]+nf4Levels[code+1])/2 {
		code++
	}
	return code
}

// Format implements Matrix.
func (m *codeMatrix) Format() Format { return m.format }

// Shape implements Matrix.
func (m *codeMatrix) Shape() (out, in int) { return m.out, m.in }

// Bytes implements Matrix.
func (m *codeMatrix) Bytes() int64 { return int64(len(m.codes) + 4*len(m.scales)) }

// Row implements Matrix.
func (m *codeMatrix) Row(o int, dst []float32) {
	for lo := 0; lo < m.in; lo += m.segment() {
		hi := min(m.in, lo+m.segment())
		m.widen(dst[lo:hi], o, lo, hi)
		scale := m.scale(o, lo)
		for i := range dst[lo:hi] {
			dst[lo+i] *= scale
		}
	}
}

func (m *codeMatrix) segment() int { return min(maxSegment, m.group) }

func (m *codeMatrix) scale(o, lo int) float32 { return m.scales[o*m.groups+lo/m.group] }

func (m *codeMatrix) widen(dst []float32, o, lo, hi int) {
	codes := m.codes[o*m.stride:][:m.stride]
	switch m.format.Kind {
	case KindInt8:
		widenInt8(dst, codes[lo:hi])
	case KindNF4:
		widenNibbles(dst, codes[lo/2:], &nf4Levels)
	default:
		widenNibbles(dst, codes[lo/2:], &int4Levels)
	}
}

func widenInt8(dst []float32, codes []byte) {
	dst = dst[:len(codes)]
	for i, c := range codes {
		dst[i] = float32(int8(c))
	}
}

// widenNibbles looks up two weights for every byte, the low nibble first.
func widenNibbles(dst []float32, codes []byte, levels *[16]float32) {
	pairs := len(dst) / 2
	for i, c := range codes[:pairs] {
		pair := dst[2*i:][:2]
		pair[0], pair[1] = levels[c&15], levels[c>>4]
	}
	if len(dst)%2 == 1 {
		dst[2*pairs] = levels[codes[pairs]&15]
	}
}

// MulT implements Matrix.
func (m *codeMatrix) MulT(pool *Pool, y, x []float32, rows int) {
	if m.operand.multiply(pool, y, x, rows) {
		return
	}
	wideTasks.Get().(*wideTask).run(pool, m, y, x, rows)
}
