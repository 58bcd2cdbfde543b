package safetensors

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestNonFinite hides non-finite values among values with the largest and smallest exponents.
func TestNonFinite(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		d := rapid.SampledFrom([]DType{F32, BF16, F16}).Draw(r, "dtype")
		values := rapid.SliceOfN(rapid.SampledFrom([]float32{0, -0x1p-24, 1, -65504, 0x1.fcp15}), 1, 70).Draw(r, "values")
		want, first := 0, 0
		for i := range values {
			if rapid.IntRange(0, 30).Draw(r, "odd") == 0 {
				values[i] = rapid.SampledFrom([]float32{float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}).Draw(r, "bad")
				if want++; want == 1 {
					first = i
				}
			}
		}
		path := filepath.Join(dir, "n.safetensors")
		err := Write(path, []Tensor{{Name: "w", DType: d, Shape: []int{len(values)}, ReadRows: func(lo, hi int, dst []float32) error {
			copy(dst, values[lo:hi])
			return nil
		}}}, nil)
		if err != nil {
			r.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			r.Fatal(err)
		}
		defer f.Close()
		if count, at := f.NonFinite("w", 0, len(values)); count != want || at != first {
			r.Errorf("%s: %d values, the first at %d, want %d at %d", d, count, at, want, first)
		}
		if want > 0 {
			if count, at := f.NonFinite("w", first, len(values)); count != want || at != first {
				r.Errorf("%s from there: %d values, the first at %d, want %d at %d", d, count, at, want, first)
			}
			if count, _ := f.NonFinite("w", 0, first); count != 0 {
				r.Errorf("%s before: %d values", d, count)
			}
		}
	})
}

func TestNonFiniteDoubles(t *testing.T) {
	data := container(`{"d":{"dtype":"F64","shape":[5],"data_offsets":[0,40]},"i":{"dtype":"I64","shape":[1],"data_offsets":[40,48]}}`, 0)
	for _, v := range []float64{1, math.MaxFloat32, -1e39, math.Inf(1), math.NaN()} {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
	}
	f := open(t, store(t, binary.LittleEndian.AppendUint64(data, math.MaxUint64)))
	if n, first := f.NonFinite("d", 0, 5); n != 3 || first != 2 {
		t.Errorf("%d values, the first at %d, want 3 at 2", n, first)
	}
	if n := f.Overflows("d"); n != 1 {
		t.Errorf("%d values overflow, want 1", n)
	}
	for _, name := range []string{"i", "none"} {
		if n, _ := f.NonFinite(name, 0, 1); n+f.Overflows(name) != 0 {
			t.Errorf("%s: %d values", name, n)
		}
	}
}

// TestWriteOverflow writes values at the limits of a type's range: half a step beyond the largest value rounds to
// infinity.
func TestWriteOverflow(t *testing.T) {
	inf := float32(math.Inf(1))
	tests := map[string]struct {
		dtype  DType
		values []float32
		want   string
	}{
		"f16 in range":   {F16, []float32{65504, -65519}, ""},
		"f16 beyond":     {F16, []float32{1, 65520, -1e5}, "2 beyond F16, as large as 100000"},
		"f16 infinity":   {F16, []float32{inf, -inf, float32(math.NaN())}, ""},
		"bf16 in range":  {BF16, []float32{0x1.fep127, -0x1.fe8p127}, ""},
		"bf16 beyond":    {BF16, []float32{math.MaxFloat32}, "1 beyond BF16"},
		"f32 everything": {F32, []float32{math.MaxFloat32, inf}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var list []Tensor
			for _, tensor := range []string{"a", "b", "c", "d", "e"} {
				list = append(list, Tensor{Name: tensor, DType: tt.dtype, Shape: []int{len(tt.values)}, ReadRows: func(lo, hi int, dst []float32) error {
					copy(dst, tt.values[lo:hi])
					return nil
				}})
			}
			err := Write(filepath.Join(dir, "w.safetensors"), list, nil)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if o := (*OverflowError)(nil); !errors.As(err, &o) || !strings.Contains(err.Error(), `tensor "c": `+tt.want) || !strings.Contains(err.Error(), "and 2 tensors more") {
				t.Errorf("error %v, want %q and two tensors more", err, tt.want)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
}

// BenchmarkNonFinite scans data that fits in cache.
func BenchmarkNonFinite(b *testing.B) {
	raw := make([]byte, 1<<20)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if floatLanes[F32].any(raw) {
			b.Fatal("zeros are not finite")
		}
	}
}
