package kernel

import "math"

// Weights of int8 and int4 are multiplied with float32 activations as integers too: those of a group are rounded to fixed
// point of 24 bits and split into digits of int8. The products with each digit are exact; what is lost is up to half a
// unit of each activation, and the unit is 2^-23 of the largest of the group. So an outlier costs the others digits, see
// docs/decisions/0001-precision-is-arithmetic.md. A product with three digits takes fewer instructions than weights
// that are widened to float32.

const (
	// fixedDigits is the number of digits of an activation, of base 256.
	fixedDigits = 3
	// fixedTop is the largest activation of a group in fixed point: its digits are 127, 0 and 0.
	fixedTop = 127 << 16
	// fixedLeast is taken for the largest activation where that is less: the inverse of the scale is finite, and the
	// unit never below about 2^-123.
	fixedLeast = 0x1p-100
	// maxFixedGroup is the largest number of activations that share a scale: it bounds how far an outlier reaches, while
	// scales stay cheap.
	maxFixedGroup = 512
)

// digits is the number of int8 that stand for an activation.
func (w *operand) digits() int {
	if w.storage.integer() && !w.format.A8 {
		return fixedDigits
	}
	return 1
}

// fixRow writes row r of the activations in fixed point, and computes what undoes the weights' offset for each digit.
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

// fixedPoint writes the digits of x, the largest first, each ldd from the one before, and returns their scale. Of what
// holds an infinity or NaN these alone count: the scale is infinite or NaN, and the digits are signs.
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

// signs writes 1 and -1 as the first digit of infinities, and zeros.
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
