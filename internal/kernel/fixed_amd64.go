package kernel

import "math"

// int8 and int4 weights are multiplied with float32 activations in integer arithmetic, too. The activations of a group
// are rounded to 24-bit fixed point and split into int8 digits, whose products are exact. Each activation loses up to
// half a unit, where a unit is 2^-23 of the group's largest activation, so an outlier costs the others digits; see
// docs/decisions/0001-precision-is-arithmetic.md. Three digits take fewer instructions than widening the weights to
// float32.

const (
	// fixedDigits is the number of base-256 digits per activation.
	fixedDigits = 3
	// fixedTop is the largest activation of a group in fixed point: its digits are 127, 0 and 0.
	fixedTop = 127 << 16
	// fixedLeast is the minimum used as a group's largest activation. It keeps the inverse of the scale finite and the
	// unit above about 2^-123.
	fixedLeast = 0x1p-100
	// maxFixedGroup is the largest number of activations that share a scale. It limits the reach of an outlier while
	// keeping scales cheap.
	maxFixedGroup = 512
)

// digits is the number of int8 digits per activation.
func (w *operand) digits() int {
	if w.storage.integer() && !w.format.A8 {
		return fixedDigits
	}
	return 1
}

// fixRow writes row r of the activations in fixed point, and computes the correction for the weights' offset for each
// digit.
func (t *product) fixRow(r int, x []float32) {
	w := &t.w
	row, sx := t.bytes[r*fixedDigits*w.padded:][:fixedDigits*w.padded], t.sx[r*w.groups:][:w.groups]
	fix := t.fix[r*fixedDigits*w.groups:][:fixedDigits*w.groups]
	for d := range fixedDigits {
		clear(row[d*w.padded+w.in : (d+1)*w.padded])
	}
	for g := range sx {
		lo, hi := min(g*w.group, w.in), min((g+1)*w.group, w.in)
		sx[g] = fixedPoint(row[lo:], w.padded, x[lo:hi])
		for d := range fixedDigits {
			fix[d*w.groups+g] = w.offset(row[d*w.padded+g*w.group:][:w.group])
		}
	}
}

// fixedPoint writes the digits of x, most significant first, ldd apart, and returns their scale. If x holds an infinity
// or NaN, only those count: the scale is infinite or NaN, and the digits are signs.
func fixedPoint(dst []int8, ldd int, x []float32) (scale float32) {
	n := len(x) &^ 31
	largest := absMax(x[n:])
	if n > 0 {
		largest = max(largest, absMaxAVX512(n, &x[0]))
	}
	if largest-largest != 0 {
		signs(dst, ldd, x)
		return largest
	}
	largest = max(largest, fixedLeast)
	inverse := fixedTop / largest
	if n > 0 {
		digitsAVX512(n, &dst[0], ldd, &x[0], inverse)
	}
	for i, v := range x[n:] {
		fixed := int32(math.RoundToEven(float64(v * inverse)))
		for d := fixedDigits - 1; d >= 0; d-- {
			dst[d*ldd+n+i] = int8(fixed)
			fixed = (fixed + 128) >> 8
		}
	}
	return largest / fixedTop
}

// signs writes 1 or -1 as the first digit of infinities, and zeros elsewhere.
func signs(dst []int8, ldd int, x []float32) {
	for d := range fixedDigits {
		clear(dst[d*ldd:][:len(x)])
	}
	for i, v := range x {
		switch {
		case math.IsInf(float64(v), 1):
			dst[i] = 1
		case math.IsInf(float64(v), -1):
			dst[i] = -1
		}
	}
}
