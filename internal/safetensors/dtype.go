package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/archbench/archbench/internal/half"
)

// DType is a tensor's element type, spelled as in the file.
type DType string

// The element types of the format.
const (
	F64       DType = "F64"
	F32       DType = "F32"
	F16       DType = "F16"
	BF16      DType = "BF16"
	F8E4M3    DType = "F8_E4M3"
	F8E5M2    DType = "F8_E5M2"
	F8E8M0    DType = "F8_E8M0"
	F8E4M3NUZ DType = "F8_E4M3FNUZ"
	F8E5M2NUZ DType = "F8_E5M2FNUZ"
	F6E2M3    DType = "F6_E2M3" // four elements in three bytes
	F6E3M2    DType = "F6_E3M2"
	F4        DType = "F4" // two elements a byte
	C64       DType = "C64"
	I64       DType = "I64"
	I32       DType = "I32"
	I16       DType = "I16"
	I8        DType = "I8"
	U64       DType = "U64"
	U32       DType = "U32"
	U16       DType = "U16"
	U8        DType = "U8"
	Bool      DType = "BOOL"
)

// Bits is the size of one element, 0 for an unknown type.
func (d DType) Bits() int {
	switch d {
	case F64, I64, U64, C64:
		return 64
	case F32, I32, U32:
		return 32
	case F16, BF16, I16, U16:
		return 16
	case I8, U8, Bool, F8E4M3, F8E5M2, F8E8M0, F8E4M3NUZ, F8E5M2NUZ:
		return 8
	case F6E2M3, F6E3M2:
		return 6
	case F4:
		return 4
	}
	return 0
}

// bytes is the element size of a type with whole bytes.
func (d DType) bytes() int { return d.Bits() / 8 }

// Float reports whether d is a floating-point type that can be read as weights.
func (d DType) Float() bool { return d == F64 || d == F32 || d == F16 || d == BF16 }

// widen converts raw little-endian floating-point elements to float32, rounding F64 to nearest.
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
		return fmt.Errorf("dtype %s is not supported for weights: save it as F32, BF16 or F16", d)
	}
	return nil
}

// narrow appends src in d's little-endian format, rounded to nearest even.
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

// writable reports whether float32 rows can be written as d.
func (d DType) writable() bool { return d == F32 || d == BF16 || d == F16 }
