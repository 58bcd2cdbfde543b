package kernel

import (
	"unsafe"

	"github.com/archbench/archbench/internal/half"
)

// widenRow writes elements [from, from+len(dst)) of row o as float32, scaled.
func (t *product) widenRow(dst []float32, o, from int) {
	w := &t.w
	if w.format.Kind == KindBF16 {
		t.widenPart(dst, w.row(o), from, 1)
		return
	}
	for lo := 0; lo < len(dst); {
		group := (from + lo) / w.group
		hi := min(len(dst), (group+1)*w.group-from)
		t.widenPart(dst[lo:hi], w.row(o), from+lo, w.scales[o*w.groups+group])
		lo = hi
	}
}

// widenPart writes scale times the values of a row's elements from from on.
func (t *product) widenPart(dst []float32, row *byte, from int, scale float32) {
	n := len(dst) &^ 31
	if t.shape.lanes < 16 {
		n = 0
	}
	base := unsafe.Pointer(row)
	switch t.w.format.Kind {
	case KindBF16:
		src := unsafe.Slice((*uint16)(unsafe.Add(base, 2*from)), len(dst))
		if n > 0 {
			widenBF16AVX512(n, &dst[0], &src[0])
		}
		half.WidenBF16(dst[n:], src[n:])
	case KindInt8:
		src := unsafe.Slice((*byte)(unsafe.Add(base, from)), len(dst))
		if n > 0 {
			widenInt8AVX512(n, &dst[0], &src[0], scale)
		}
		widenInt8(dst[n:], src[n:])
		scaleBy(dst[n:], scale)
	default:
		levels := &int4Levels
		if t.w.format.Kind == KindNF4 {
			levels = &nf4Levels
		}
		src := unsafe.Slice((*byte)(unsafe.Add(base, from/2)), (len(dst)+1)/2)
		if n > 0 {
			widenNibblesAVX512(n, &dst[0], &src[0], &levels[0], scale)
		}
		widenNibbles(dst[n:], src[n/2:], levels)
		scaleBy(dst[n:], scale)
	}
}

func scaleBy(dst []float32, scale float32) {
	for i := range dst {
		dst[i] *= scale
	}
}
