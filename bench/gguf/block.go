package gguf

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/archbench/archbench/internal/half"
)

// Type is a tensor's storage format, numbered as in ggml.
type Type uint32

// The supported types.
const (
	F32  Type = 0
	F16  Type = 1
	Q4_0 Type = 2 // blocks of 32: a scale d as f16, 4-bit codes of x/d + 8, element i beside element i+16
	Q8_0 Type = 8 // blocks of 32: a scale d as f16, int8 codes of x/d
)

const blockLen = 32

// layouts says how many elements each type stores together, and in how many bytes.
var layouts = map[Type]struct {
	name            string
	elements, bytes int
}{
	F32: {"F32", 1, 4}, F16: {"F16", 1, 2}, Q4_0: {"Q4_0", blockLen, 2 + blockLen/2}, Q8_0: {"Q8_0", blockLen, 2 + blockLen},
}

// String implements fmt.Stringer.
func (t Type) String() string { return layouts[t].name }

// Block is the number of elements stored together.
func (t Type) Block() int { return layouts[t].elements }

// rowBytes is the size of n elements, which must be whole blocks.
func (t Type) rowBytes(n int) int { return n / t.Block() * layouts[t].bytes }

// Append appends the elements of x, which must be whole blocks, to dst.
func (t Type) Append(dst []byte, x []float32) []byte {
	switch t {
	case F16:
		for _, v := range x {
			dst = binary.LittleEndian.AppendUint16(dst, half.ToF16(v))
		}
	case Q4_0:
		for block := range slices.Chunk(x, blockLen) {
			dst = appendQ4(dst, block)
		}
	case Q8_0:
		for block := range slices.Chunk(x, blockLen) {
			dst = appendQ8(dst, block)
		}
	default:
		for _, v := range x {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
		}
	}
	return dst
}

// appendQ8 maps the largest magnitude to ±127.
func appendQ8(dst []byte, x []float32) []byte {
	d := float32(math.Abs(float64(extreme(x)))) / 127
	dst = binary.LittleEndian.AppendUint16(dst, half.ToF16(d))
	inverse := invert(d)
	for _, v := range x {
		dst = append(dst, byte(int8(math.Round(float64(v*inverse)))))
	}
	return dst
}

// appendQ4 maps the element of largest magnitude to code 0, which means -8.
func appendQ4(dst []byte, x []float32) []byte {
	d := extreme(x) / -8
	dst = binary.LittleEndian.AppendUint16(dst, half.ToF16(d))
	inverse := invert(d)
	code := func(v float32) byte { return byte(min(15, v*inverse+8.5)) }
	for i := range blockLen / 2 {
		dst = append(dst, code(x[i])|code(x[i+blockLen/2])<<4)
	}
	return dst
}

// extreme returns the element of largest magnitude.
func extreme(x []float32) float32 {
	var e float32
	for _, v := range x {
		if math.Abs(float64(v)) > math.Abs(float64(e)) {
			e = v
		}
	}
	return e
}

// invert returns 1/d, or 0 for a block of zeros.
func invert(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}
