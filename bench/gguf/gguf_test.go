package gguf

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/half"
)

// widen decodes a block according to its type's definition.
func widen(t Type, b []byte) []float32 {
	d, codes, x := half.FromF16(binary.LittleEndian.Uint16(b)), b[2:], make([]float32, blockLen)
	for i := range x {
		if t == Q8_0 {
			x[i] = d * float32(int8(codes[i]))
			continue
		}
		x[i] = d * (float32(codes[i%16]>>(i/16*4)&15) - 8)
	}
	return x
}

func TestBlocksKeepTheirElements(t *testing.T) {
	x := make([]float32, blockLen)
	for i := range x {
		x[i] = float32(math.Sin(float64(3*i))) * 0.7
	}
	for _, c := range []struct {
		kind  Type
		steps float64 // divisor of the largest magnitude
	}{{Q8_0, 127}, {Q4_0, 8}} {
		packed := c.kind.Append(nil, x)
		if len(packed) != c.kind.rowBytes(blockLen) {
			t.Fatalf("%s: a block has %d bytes, want %d", c.kind, len(packed), c.kind.rowBytes(blockLen))
		}
		// Half a step, or a whole one where the most positive code is clipped; d is rounded to 11 bits.
		step := math.Abs(float64(extreme(x))) / c.steps
		for i, got := range widen(c.kind, packed) {
			if diff := math.Abs(float64(got - x[i])); diff > 1.01*step {
				t.Errorf("%s: element %d is %g, was %g: %.2f steps away", c.kind, i, got, x[i], diff/step)
			}
		}
	}
}

func TestBlockOfZeros(t *testing.T) {
	for _, kind := range []Type{Q8_0, Q4_0} {
		for i, got := range widen(kind, kind.Append(nil, make([]float32, blockLen))) {
			if got != 0 {
				t.Errorf("%s: element %d of zeros is %g", kind, i, got)
			}
		}
	}
}

func TestFileLayout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	count := float32(0)
	fill := func(row []float32) {
		for i := range row {
			row[i] = count
			count++
		}
	}
	err := Write(path, []Value{{"general.architecture", "gpt2"}, {"n", uint32(7)}, {"eps", float32(0.5)}}, []Tensor{
		{Name: "v", Type: F32, Cols: 3, Fill: fill},
		{Name: "m", Type: F16, Rows: 2, Cols: 2, Fill: fill},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	add := func(values ...any) {
		for _, v := range values {
			if s, ok := v.(string); ok {
				want = binary.LittleEndian.AppendUint64(want, uint64(len(s)))
				want = append(want, s...)
				continue
			}
			if want, err = binary.Append(want, binary.LittleEndian, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	align := func() { want = append(want, make([]byte, aligned(len(want))-len(want))...) }
	add([]byte("GGUF"), uint32(3), uint64(2), uint64(3))
	add("general.architecture", uint32(8), "gpt2", "n", uint32(4), uint32(7), "eps", uint32(6), float32(0.5))
	add("v", uint32(1), uint64(3), uint32(0), uint64(0))
	add("m", uint32(2), uint64(2), uint64(2), uint32(1), uint64(32))
	align()
	add(float32(0), float32(1), float32(2))
	align()
	add(half.ToF16(3), half.ToF16(4), half.ToF16(5), half.ToF16(6))
	align()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("file differs (-want +got):\n%s", diff)
	}
}

func TestWriteRefuses(t *testing.T) {
	fill := func([]float32) {}
	for _, c := range []struct {
		name     string
		metadata []Value
		tensor   Tensor
		want     string
	}{
		{"half a block", nil, Tensor{Name: "w", Type: Q8_0, Rows: 2, Cols: 48, Fill: fill}, "blocks of 32"},
		{"unknown type", nil, Tensor{Name: "w", Type: 3, Cols: 32, Fill: fill}, "unsupported type 3"},
		{"no elements", nil, Tensor{Name: "w", Fill: fill}, "shape"},
		{"unknown metadata", []Value{{"k", true}}, Tensor{Name: "w", Cols: 1, Fill: fill}, "metadata k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.gguf")
			err := Write(path, c.metadata, []Tensor{c.tensor})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("a file was left behind")
			}
		})
	}
}
