package safetensors

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/archbench/archbench/internal/half"
	"github.com/archbench/archbench/internal/sharedtest"
)

// constant fills rows with v.
func constant(v float32) func(int, int, []float32) error {
	return func(_, _ int, dst []float32) error {
		for i := range dst {
			dst[i] = v
		}
		return nil
	}
}

// TestRoundTrip writes arbitrary tensors and reads them back.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		path := filepath.Join(dir, "r.safetensors")
		names := rapid.SliceOfNDistinct(rapid.String(), 0, 6, rapid.ID[string]).Draw(r, "names")
		metadata := rapid.MapOf(rapid.String(), rapid.String()).Draw(r, "metadata")
		var tensors []Tensor
		content := map[string][]float32{}
		for _, name := range names {
			if name == metadataKey {
				continue
			}
			shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(r, "shape")
			info := Info{Shape: shape}
			_, cols := info.Rows()
			dtype := rapid.SampledFrom([]DType{F32, BF16, F16}).Draw(r, "dtype")
			fits := func(v float32) bool { return !math.IsInf(float64(rounded(dtype, v)), 0) }
			values := rapid.SliceOfN(rapid.Float32().Filter(fits), info.Elements(), info.Elements()).Draw(r, "values")
			content[name] = values
			tensors = append(tensors, Tensor{Name: name, Shape: shape, DType: dtype,
				ReadRows: func(lo, hi int, dst []float32) error { copy(dst, values[lo*cols:hi*cols]); return nil }})
		}
		if err := Write(path, tensors, metadata); err != nil {
			r.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			r.Fatal(err)
		}
		defer f.Close()
		if len(f.Names()) != len(tensors) || len(f.Metadata()) != len(metadata) {
			r.Fatalf("%d tensors and %d strings, want %d and %d", len(f.Names()), len(f.Metadata()), len(tensors), len(metadata))
		}
		for k, v := range metadata {
			if f.Metadata()[k] != v {
				r.Errorf("metadata %q is %q, want %q", k, f.Metadata()[k], v)
			}
		}
		for _, tensor := range tensors {
			got, err := f.Widen(tensor.Name)
			if err != nil {
				r.Fatal(err)
			}
			for i, v := range content[tensor.Name] {
				if want := rounded(tensor.DType, v); got[i] != want {
					r.Errorf("%s %q[%d] = %v, want %v", tensor.DType, tensor.Name, i, got[i], want)
				}
			}
		}
	})
}

// rounded is v as stored in d.
func rounded(d DType, v float32) float32 {
	switch d {
	case BF16:
		return half.FromBF16(half.ToBF16(v))
	case F16:
		return half.FromF16(half.ToF16(v))
	}
	return v
}

// TestWriteKeepsEveryTensorAligned mixes odd lengths and types.
func TestWriteKeepsEveryTensorAligned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.safetensors")
	err := Write(path, []Tensor{
		{Name: "flag", DType: Bool, Shape: []int{3}, Raw: []byte{1, 0, 1}},
		{Name: "odd", DType: BF16, Shape: []int{7}, ReadRows: constant(1)},
		{Name: "a", DType: F32, Shape: []int{5}, ReadRows: constant(2)},
		{Name: "scalar", DType: F32, ReadRows: constant(3)},
		{Name: "count", DType: I64, Shape: []int{1}, Raw: []byte{42, 0, 0, 0, 0, 0, 0, 0}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	if got := strings.Join(f.Names(), " "); got != "count a scalar odd flag" {
		t.Errorf("order %q", got)
	}
	if f.Float32s("a") == nil || f.Float32s("scalar") == nil || f.BF16s("odd") == nil {
		t.Error("a tensor is not aligned")
	}
	if n, err := f.Int64s("count"); err != nil || n[0] != 42 {
		t.Errorf("count %v %v", n, err)
	}
}

func TestWriteRefuses(t *testing.T) {
	row := constant(0)
	for want, tensors := range map[string][]Tensor{
		`tensor "a": name is taken`:            {{Name: "a", DType: F32, ReadRows: row}, {Name: "a", DType: BF16, ReadRows: row}},
		`tensor "__metadata__": name is taken`: {{Name: metadataKey, DType: F32, ReadRows: row}},
		`unknown dtype "F8"`:                   {{Name: "a", DType: "F8", ReadRows: row}},
		"has no content":                       {{Name: "a", DType: F32}},
		"cannot be written as I64":             {{Name: "a", DType: I64, ReadRows: row}},
		"shape [-1] is impossible":             {{Name: "a", DType: F32, Shape: []int{-1}, ReadRows: row}},
		"shape [4611686018427387904] is":       {{Name: "a", DType: F32, Shape: []int{1 << 62}, ReadRows: row}},
		"needs 8 bytes, got 1":                 {{Name: "a", DType: I64, Raw: []byte{1}}},
	} {
		dir := t.TempDir()
		err := Write(filepath.Join(dir, "x"), tensors, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		wantEmpty(t, dir)
	}
}

// wantEmpty fails if a failed write left anything behind.
func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

// TestWriteFailureKeepsTheOldFile fails partway through the content.
func TestWriteFailureKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "w.safetensors")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("source is gone")
	err := Write(path, []Tensor{{Name: "w", DType: F32, Shape: []int{10, 100_000}, ReadRows: func(lo, _ int, _ []float32) error {
		if lo == 7 {
			return broken
		}
		return nil
	}}}, nil)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), `tensor "w"`) {
		t.Errorf("error %v", err)
	}
	entries, _ := os.ReadDir(dir)
	if old, _ := os.ReadFile(path); string(old) != "old" || len(entries) != 1 {
		t.Errorf("file is %q among %v", old, entries)
	}
}

func TestWriteIntoNoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "w.safetensors")
	if err := Write(path, []Tensor{{Name: "w", DType: F32, ReadRows: constant(math.Pi)}}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want os.ErrNotExist", err)
	}
}

// TestRewriteIsByteIdentical reads a checkpoint of the reference library and writes it again.
func TestRewriteIsByteIdentical(t *testing.T) {
	for _, name := range []string{"fixtures/gpt2-tiny/model.safetensors", "fixtures/mamba-tiny/model.safetensors", "checkpoints/bk-row-3m/model.safetensors"} {
		src := sharedtest.Dir(t, name)
		f := open(t, src)
		var tensors []Tensor
		for _, info := range f.Tensors() {
			tensors = append(tensors, Tensor{Name: info.Name, DType: info.DType, Shape: info.Shape,
				ReadRows: func(lo, hi int, dst []float32) error { return f.ReadRows(info.Name, lo, hi, dst) }})
		}
		path := filepath.Join(t.TempDir(), "copy.safetensors")
		if err := Write(path, tensors, f.Metadata()); err != nil {
			t.Fatal(err)
		}
		want, errWant := os.ReadFile(src)
		got, errGot := os.ReadFile(path)
		if errWant != nil || errGot != nil || !bytes.Equal(want, got) {
			t.Errorf("%s: the copy differs (%v, %v)", name, errWant, errGot)
		}
	}
}
