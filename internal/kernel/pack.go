package kernel

import "math"

// packCodes quantises a matrix.
func packCodes(f Format, out, in int, row func(o int, dst []float32)) *codeMatrix {
	m := &codeMatrix{format: f, out: out, in: in, stride: in}
	m.chooseGroups()
	if f.Kind != KindInt8 {
		m.stride = (in + 1) / 2
	}
	m.codes, m.scales = make([]byte, out*m.stride), make([]float32, out*m.groups)
	line, codes := make([]float32, in), make([]int8, in+1)
	for o := range out {
		row(o, line)
		m.encodeRow(codes, m.scales[o*m.groups:][:m.groups], line, quantiseGroup)
		m.storeRow(o, codes)
	}
	return m
}

// chooseGroups sets the number of weights that share a scale.
func (m *codeMatrix) chooseGroups() {
	m.group = m.in
	if m.format.Group != 0 {
		m.group = min(m.format.Group, m.in)
	}
	m.groups = ceilDiv(m.in, m.group)
}

// encodeRow writes the codes and scales of one row. quantise is quantiseGroup or an equivalent.
func (m *codeMatrix) encodeRow(codes []int8, scales, w []float32, quantise func(dst []int8, x []float32, top float32) float32) {
	for g := range scales {
		lo, hi := g*m.group, min(m.in, (g+1)*m.group)
		switch m.format.Kind {
		case KindInt8:
			scales[g] = quantise(codes[lo:hi], w[lo:hi], 127)
		case KindNF4:
			scales[g] = quantiseNF4(codes[lo:hi], w[lo:hi])
		default:
			scales[g] = quantise(codes[lo:hi], w[lo:hi], 7)
		}
	}
}

// storeRow packs the codes of row o; int4 codes are stored with a bias of 8.
func (m *codeMatrix) storeRow(o int, codes []int8) {
	row, offset := m.codes[o*m.stride:][:m.stride], int8(8)
	switch m.format.Kind {
	case KindInt8:
		for i := range row {
			row[i] = byte(codes[i])
		}
		return
	case KindNF4:
		offset = 0
	}
	codes[m.in] = -offset // the high nibble of an odd row's last byte is zero
	for i := range row {
		pair := codes[2*i:][:2]
		row[i] = byte(pair[0]+offset) | byte(pair[1]+offset)<<4
	}
}

// quantiseGroup writes round-half-even(x/scale) and returns the scale, max|x|/top.
func quantiseGroup(dst []int8, x []float32, top float32) (scale float32) {
	scale = absMax(x) / top
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = quantise(v, scale, top)
	}
	return scale
}

// absMax returns the largest magnitude, or NaN if there is a NaN.
func absMax(x []float32) float32 {
	var top float32
	for _, v := range x {
		top = max(top, float32(math.Abs(float64(v))))
	}
	return top
}

// quantise returns v/scale rounded half to even, within ±top. A zero scale gives zero. A NaN scale gives zero, too,
// because it makes every product with the group NaN anyway.
func quantise(v, scale, top float32) int8 {
	q := v / scale
	if scale == 0 || q != q {
		return 0
	}
	const integers = 3 << 22 // floats of this size are integers, and their last byte is that of q
	return int8(math.Float32bits(max(-top, min(top, q)) + integers))
}

// nf4Midpoints are the midpoints between nf4 levels.
var nf4Midpoints = func() (mid [15]float32) {
	for i := range mid {
		mid[i] = (nf4Levels[i] + nf4Levels[i+1]) / 2
	}
	return mid
}()

// quantiseNF4 writes the index of the level nearest to x/scale and returns the scale, max|x|.
func quantiseNF4(dst []int8, x []float32) (scale float32) {
	scale = absMax(x)
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = 7 // zero
		if scale != 0 {
			dst[i] = nf4Code(v / scale)
		}
	}
	return scale
}

// nf4Code returns the index of the level nearest to v.
func nf4Code(v float32) (code int8) {
	for int(code) < len(nf4Midpoints) && v > nf4Midpoints[code] {
		code++
	}
	return code
}
