package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// lanes detects non-finite numbers in a word that packs several: their exponents are all ones, so adding one at the
// lowest exponent bit carries into the sign bit.
type lanes struct{ exponent, one, sign uint64 }

// floatLanes holds the types whose finite values stay finite as float32.
var floatLanes = map[DType]lanes{
	F32:  {0x7f800000_7f800000, 0x00800000_00800000, 0x80000000_80000000},
	BF16: {0x7f807f80_7f807f80, 0x00800080_00800080, 0x80008000_80008000},
	F16:  {0x7c007c00_7c007c00, 0x04000400_04000400, 0x80008000_80008000},
}

// any reports whether raw holds a non-finite number. It is as fast as memory.
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

// NonFinite counts the values in rows [lo, hi) of a floating-point tensor, seen as [shape[0], the rest], that are
// infinite or NaN as float32. It also returns the index of the first such value in the whole tensor. Other types have
// none.
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

// countNonFinite counts raw elements one by one.
func (d DType) countNonFinite(raw []byte) (count, first int) {
	var block [1024]float32
	size := d.bytes()
	for at := 0; at < len(raw)/size; at += len(block) {
		values := block[:min(len(block), len(raw)/size-at)]
		_ = d.widen(values, raw[at*size:]) // a floating-point type, so it cannot fail
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

// Overflows counts the finite values of an F64 tensor that become infinite as float32; other types have none.
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

// OverflowError reports finite values beyond the range of the type they are written in.
type OverflowError struct {
	Tensors []string // one message per tensor
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

// overflow describes finite values that became infinite as dtype.
type overflow struct {
	dtype   DType
	n       int
	largest float64 // largest magnitude
}

// Error implements error.
func (o *overflow) Error() string {
	return fmt.Sprintf("%d beyond %s, as large as %g", o.n, o.dtype, o.largest)
}

// count compares values with their narrowed form.
func (o *overflow) count(raw []byte, values []float32) {
	if !floatLanes[o.dtype].any(raw) {
		return
	}
	for i, v := range values {
		var narrowed [1]float32
		_ = o.dtype.widen(narrowed[:], raw[i*o.dtype.bytes():]) // a floating-point type, so it cannot fail
		if v-v == 0 && math.IsInf(float64(narrowed[0]), 0) {
			o.n++
			o.largest = max(o.largest, math.Abs(float64(v)))
		}
	}
}
