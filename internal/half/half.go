// Package half converts between float32 and the two 16-bit floating-point formats used for weights: bfloat16 (8
// exponent and 7 fraction bits) and IEEE 754 binary16 (5 and 10). Widening is exact. Narrowing rounds to nearest even,
// overflows to infinity and keeps NaN a NaN.
package half

import "math"

// FromBF16 widens a bfloat16.
func FromBF16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// ToBF16 narrows to bfloat16.
func ToBF16(f float32) uint16 {
	u := math.Float32bits(f)
	if f != f {
		return uint16(u>>16) | 0x40 // quiet NaN: the payload's high bits may be zero
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// FromF16 widens a binary16.
func FromF16(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp, frac := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exp {
	case 0: // zero and subnormals: frac·2^-24
		f := float32(frac) * 0x1p-24
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 0x1f: // infinity and NaN
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	default:
		return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
	}
}

// ToF16 narrows to binary16.
func ToF16(f float32) uint16 {
	u := math.Float32bits(f)
	sign, abs := uint16(u>>16&0x8000), u&0x7fffffff
	switch {
	case abs > 0x7f800000: // NaN
		return sign | 0x7e00 | uint16(abs>>13&0x3ff)
	case abs >= 0x477ff000: // at or beyond halfway between the largest binary16 and 2^16
		return sign | 0x7c00
	case abs >= 0x38800000: // normal, at least 2^-14
		abs -= (127 - 15) << 23
		return sign | uint16((abs+0xfff+abs>>13&1)>>13)
	default: // subnormal: the addition makes the hardware round at 2^-24
		g := math.Float32frombits(abs) + 0.5
		return sign | uint16(math.Float32bits(g)-math.Float32bits(0.5))
	}
}

// WidenBF16 widens src into dst, which must be at least as long.
func WidenBF16(dst []float32, src []uint16) {
	dst = dst[:len(src)]
	for i, b := range src {
		dst[i] = FromBF16(b)
	}
}

// NarrowBF16 narrows src into dst, which must be at least as long.
func NarrowBF16(dst []uint16, src []float32) {
	dst = dst[:len(src)]
	for i, f := range src {
		dst[i] = ToBF16(f)
	}
}
