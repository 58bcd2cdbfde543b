package kernel

// codeMatrix is a Matrix of integer codes with one float32 scale per group of a row's weights: int8, two int4 per byte,
// or two indices of nf4 levels per byte. Rows are byte-aligned; the last group of a row may be shorter.
type codeMatrix struct {
	format  Format
	out, in int
	group   int // weights per scale, at most in
	groups  int // scales per row
	stride  int // bytes per row
	codes   []byte
	scales  []float32 // [out, groups]
}

// nf4Levels are 16 quantiles of the normal distribution, scaled to [-1, 1], with an exact zero (Dettmers et al. 2023,
// appendix E).
var nf4Levels = [16]float32{
	-1, -.69619280, -.52507305, -.39491749, -.28444138, -.18477343, -.09105004, 0,
	.07958030, .16093020, .24611230, .33791524, .44070983, .56261700, .72295684, 1,
}

// int4Levels are the values of int4 codes.
var int4Levels = [16]float32{-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7}

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
	}
}

// Part implements Matrix.
func (m *codeMatrix) Part(lo, hi int) Matrix { return m.part(lo, hi) }

func (m *codeMatrix) part(lo, hi int) *codeMatrix {
	part := *m
	part.out, part.codes, part.scales = hi-lo, m.codes[lo*m.stride:hi*m.stride], m.scales[lo*m.groups:hi*m.groups]
	return &part
}

func (m *codeMatrix) segment() int { return min(maxSegment, m.group) }

func (m *codeMatrix) scale(o, lo int) float32 { return m.scales[o*m.groups+lo/m.group] }

func (m *codeMatrix) widen(dst []float32, o, lo, hi int) {
	codes, scale := m.codes[o*m.stride:][:m.stride], m.scale(o, lo)
	switch m.format.Kind {
	case KindInt8:
		widenInt8(dst, codes[lo:hi], scale)
	case KindNF4:
		widenNibbles(dst, codes[lo/2:], nf4Levels, scale)
	default:
		widenNibbles(dst, codes[lo/2:], int4Levels, scale)
	}
}

func widenInt8(dst []float32, codes []byte, scale float32) {
	dst = dst[:len(codes)]
	for i, c := range codes {
		dst[i] = float32(int8(c)) * scale
	}
}

// widenNibbles looks up two weights per byte, the low nibble first.
func widenNibbles(dst []float32, codes []byte, levels [16]float32, scale float32) {
	for i := range levels {
		levels[i] *= scale
	}
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
	wideTasks.Get().(*wideTask).run(pool, m, y, x, rows)
}
