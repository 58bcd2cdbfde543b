package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// lanes tells numbers that are not finite apart in a word of several: their exponents are all ones, and adding one at
// the exponents' last bits carries into the signs' places.
type lanes struct{ exponent, one, sign uint64 }

// floatLanes are those of the types that reading as float32 keeps finite.
var floatLanes = map[DType]lanes{
	F32:  {0x7f800000_7f800000, 0x00800000_00800000, 0x80000000_80000000},
	BF16: {0x7f807f80_7f807f80, 0x00800080_00800080, 0x80008000_80008000},
	F16:  {0x7c007c00_7c007c00, 0x04000400_04000400, 0x80008000_80008000},
}

// any reports whether raw holds a number that is not finite. It reads as fast as memory delivers.
func (l lanes) any(raw []byte) bool {
	le := binary.LittleEndian
	var a, b uint64
	for ; len(raw) >= 32; raw = raw[32:] {
		w := raw[:32]
		a |= le.Uint64(w)&l.exponent + l.one
		b |= le.Uint64(w[8:])&l.exponent + l.one
		a |= le.Uint64(w[16:])&l.exponent + l.one
		b |= le.Uint64(w[24:])&l.exponent + l.one
	}
	var rest [32]byte
	copy(rest[:], raw)
	for i := 0; i < len(rest); i += 8 {
		a |= le.Uint64(rest[i:])&l.exponent + l.one
	}
	return (a|b)&l.sign != 0
}

// NonFinite counts the values in rows [lo, hi) of a floating-point tensor, seen as [shape[0], the rest], that are infinite
// or NaN as float32, and gives the number of the first of them among all values. A tensor of another type has none.
func (f *File) NonFinite(name string, lo, hi int) (count, first int) {
	t, ok := f.Info(name)
	rows, cols := t.Rows()
	if !ok || !t.DType.Float() || lo < 0 || hi > rows || lo >= hi {
		return 0, 0
	}
	size := t.DType.bytes()
	raw := f.raw(t)[lo*cols*size : hi*cols*size]
	if l, ok := floatLanes[t.DType]; ok && !l.any(raw) {
		return 0, 0
	}
	count, first = t.DType.countNonFinite(raw)
	return count, lo*cols + first
}

// countNonFinite looks at raw elements value by value.
func (d DType) countNonFinite(raw []byte) (count, first int) {
	var block [1024]float32
	size := d.bytes()
	for at := 0; at < len(raw)/size; at += len(block) {
		values := block[:min(len(block), len(raw)/size-at)]
		_ = d.widen(values, raw[at*size:]) // it is a floating-point type
		for i, v := range values {
			if v-v == 0 {
				continue
			}
			if count == 0 {
				first = at + i
			}
			count++
		}
	}
	return count, first
}

// Overflows counts the values of an F64 tensor that are finite and become infinite as float32; others have none.
func (f *File) Overflows(name string) int {
	values, err := f.Float64s(name)
	if err != nil {
		return 0
	}
	n := 0
	for _, v := range values {
		if math.IsInf(float64(float32(v)), 0) && !math.IsInf(v, 0) {
			n++
		}
	}
	return n
}

// OverflowError is the error about finite values that are beyond the range of the type that they are written in.
type OverflowError struct {
	Tensors []string // what is to be said of each
}

// Error implements error.
func (e *OverflowError) Error() string {
	const most = 3
	shown := e.Tensors[:min(most, len(e.Tensors))]
	text := "values overflow: " + strings.Join(shown, "; ")
	if more := len(e.Tensors) - most; more > 0 {
		text += fmt.Sprintf("; and %d tensors more", more)
	}
	return text
}

// overflow tells of finite values that became infinite as dtype.
type overflow struct {
	dtype   DType
	n       int
	largest float64 // of their magnitudes
}

// Error implements error.
func (o *overflow) Error() string {
	return fmt.Sprintf("%d beyond %s, as large as %g", o.n, o.dtype, o.largest)
}

// count looks through values and what they were narrowed to.
func (o *overflow) count(raw []byte, values []float32) {
	if !floatLanes[o.dtype].any(raw) {
		return
	}
	for i, v := range values {
		var narrowed [1]float32
		_ = o.dtype.widen(narrowed[:], raw[i*o.dtype.bytes():]) // it is a floating-point type
		if v-v == 0 && math.IsInf(float64(narrowed[0]), 0) {
			o.n++
			o.largest = max(o.largest, math.Abs(float64(v)))
		}
	}
}
