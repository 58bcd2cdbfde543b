package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/archbench/archbench/internal/half"
)

// DType is the type of a tensor's elements, spelled as in the file.
type DType string

// The element types that may stand in a file.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// Size is the number of bytes of one element, 0 for an unknown type.
func (d DType) Size() int {
	switch d {
	case F64, I64:
		return 8
	case F32, I32:
		return 4
	case F16, BF16, I16:
		return 2
	case I8, U8, Bool:
		return 1
	}
	return 0
}

// Float reports whether it is a floating-point type.
func (d DType) Float() bool { return d == F64 || d == F32 || d == F16 || d == BF16 }

// widen converts raw little-endian elements of a floating-point type to float32; F64 is rounded.
func (d DType) widen(dst []float32, raw []byte) error {
	le := binary.LittleEndian
	switch d {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(raw[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = half.FromBF16(le.Uint16(raw[2*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = half.FromF16(le.Uint16(raw[2*i:]))
		}
	case F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(le.Uint64(raw[8*i:])))
		}
	default:
		return fmt.Errorf("holds %s, want a floating-point type", d)
	}
	return nil
}

// narrow appends src in the little-endian form of d, rounded to the nearest value, ties to even.
func (d DType) narrow(raw []byte, src []float32) []byte {
	le := binary.LittleEndian
	switch d {
	case F32:
		for _, f := range src {
			raw = le.AppendUint32(raw, math.Float32bits(f))
		}
	case BF16:
		for _, f := range src {
			raw = le.AppendUint16(raw, half.ToBF16(f))
		}
	case F16:
		for _, f := range src {
			raw = le.AppendUint16(raw, half.ToF16(f))
		}
	}
	return raw
}

// writable reports whether rows of float32 can be written as d.
func (d DType) writable() bool { return d == F32 || d == BF16 || d == F16 }
