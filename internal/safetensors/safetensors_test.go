package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/half"
	"github.com/archbench/archbench/internal/sharedtest"
)

// container returns a file with the given header and n zero bytes of data.
func container(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

// store writes data to a new file.
func store(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.safetensors")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens a valid file.
func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestOpenRefuses(t *testing.T) {
	const a = `"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	cases := []struct {
		name string
		data []byte
		want string // part of the message
	}{
		{"empty", nil, "is empty"},
		{"short", []byte{1, 2, 3}, "3 bytes long"},
		{"header beyond the end", binary.LittleEndian.AppendUint64(nil, 50), "is truncated: its header of 50 bytes ends after 0"},
		{"huge header", binary.LittleEndian.AppendUint64(nil, math.MaxUint64), "the format allows 100000000"},
		{"no JSON", container("hello", 0), "invalid character"},
		{"no object", container("[]", 0), "where an object is expected"},
		{"cut JSON", container("{"+a, 8), "EOF"},
		{"text after the end", container("{"+a+"} x", 8), "invalid character 'x'"},
		{"second value", container("{"+a+"}{}", 8), "after the end"},
		{"invalid UTF-8", container("{\"\xff\":{}}", 0), "UTF-8"},
		{"name twice", container("{"+a+","+a+"}", 8), `duplicate key "a"`},
		{"key twice", container(`{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), `tensor "a": duplicate key "dtype"`},
		{"unknown key", container(`{"a":{"dtyp":"F32"}}`, 0), `tensor "a": unknown key "dtyp"`},
		{"no dtype", container(`{"a":{"shape":[2],"data_offsets":[0,8]}}`, 8), `tensor "a": has no dtype`},
		{"unknown dtype", container(`{"a":{"dtype":"F8","shape":[2],"data_offsets":[0,8]}}`, 8), `unknown dtype "F8"`},
		{"no shape", container(`{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8), "has no shape"},
		{"no offsets", container(`{"a":{"dtype":"F32","shape":[2]}}`, 8), "not a pair"},
		{"three offsets", container(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}`, 8), "not a pair"},
		{"negative dimension", container(`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8), "-2 is not a count"},
		{"null dimension", container(`{"a":{"dtype":"F32","shape":[null],"data_offsets":[0,0]}}`, 0), "null is not a count"},
		{"fractional dimension", container(`{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`, 8), "2.0 is not a count"},
		{"negative offset", container(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8), "-8 is not a count"},
		{"reversed offsets", container(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8), "not a range"},
		{"wrong size", container(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8), "needs 12 bytes, data_offsets span 8"},
		{"overflowing shape", container(`{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}}`, 0), "too large to count"},
		{"overflow hidden by a zero", container(`{"a":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}`, 0), "too large to count"},
		{"truncated data", container("{"+a+"}", 7), "is truncated: 1 of 8 bytes of its tensors are missing"},
		{"trailing data", container("{"+a+"}", 9), "holds 9 bytes of data, its tensors cover 8"},
		{"overlap", container("{"+a+`,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), `tensor "b" overlaps tensor "a"`},
		{"hole", container("{"+a+`,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16), "hole"},
		{"metadata of numbers", container(`{"__metadata__":{"x":1},`+a+"}", 8), `value of "x" is not a string`},
		{"deep nesting", container(`{"a":{"shape":`+strings.Repeat("[", 20000)+`}}`, 0), "depth"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := store(t, c.data)
			f, err := Open(path)
			if err == nil {
				f.Close()
				t.Fatal("opened")
			}
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %q, want ErrCorrupt with the path and %q", err, c.want)
			}
		})
	}
}

func TestOpenMissing(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
}

// TestRead reads each element type from hand-made bytes. The bool leaves the data after it unaligned.
func TestRead(t *testing.T) {
	le := binary.LittleEndian
	data := container(`{"f":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[16,20]},`+
		`"__metadata__":{"format":"pt"},"h":{"dtype":"F16","shape":[1],"data_offsets":[20,22]},`+
		`"d":{"dtype":"F64","shape":[1],"data_offsets":[22,30]},"i":{"dtype":"I64","shape":[],"data_offsets":[30,38]},`+
		`"j":{"dtype":"I32","shape":[1],"data_offsets":[38,42]},"y":{"dtype":"BOOL","shape":[1],"data_offsets":[42,43]},`+
		`"e":{"dtype":"F32","shape":[0,3],"data_offsets":[43,43]},"u":{"dtype":"F32","shape":[1],"data_offsets":[43,47]}} `, 0)
	for _, f := range []float32{1, 2, 3, -4} {
		data = le.AppendUint32(data, math.Float32bits(f))
	}
	data = le.AppendUint16(data, half.ToBF16(0.5))
	data = le.AppendUint16(data, half.ToBF16(-8))
	data = le.AppendUint16(data, half.ToF16(1.5))
	data = le.AppendUint64(data, math.Float64bits(math.Pi))
	minusSeven := int64(-7)
	data = le.AppendUint64(data, uint64(minusSeven))
	data = le.AppendUint32(data, uint32(minusSeven&math.MaxUint32))
	data = append(data, 1)
	data = le.AppendUint32(data, math.Float32bits(9))
	f := open(t, store(t, data))

	if diff := cmp.Diff([]string{"f", "b", "h", "d", "i", "j", "y", "e", "u"}, f.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"format": "pt"}, f.Metadata()); diff != "" {
		t.Errorf("metadata:\n%s", diff)
	}
	for name, want := range map[string][]float32{"f": {1, 2, 3, -4}, "b": {0.5, -8}, "h": {1.5}, "d": {math.Pi}, "e": {}, "u": {9}} {
		got, err := f.Widen(name)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	row := make([]float32, 2)
	if err := f.ReadRows("f", 1, 2, row); err != nil || row[0] != 3 || row[1] != -4 {
		t.Errorf("row 1: %v %v", row, err)
	}
	if got, err := f.Float64s("d"); err != nil || got[0] != math.Pi {
		t.Errorf("Float64s: %v %v", got, err)
	}
	for _, name := range []string{"i", "j"} {
		if got, err := f.Int64s(name); err != nil || len(got) != 1 || got[0] != -7 {
			t.Errorf("Int64s(%s): %v %v", name, got, err)
		}
	}
	if raw, err := f.Raw("y"); err != nil || len(raw) != 1 || raw[0] != 1 {
		t.Errorf("Raw: %v %v", raw, err)
	}
	if f.Float32s("u") != nil {
		t.Error("an unaligned tensor was handed out as float32")
	}
	if f.Float32s("b") != nil || f.BF16s("f") != nil || f.Float32s("none") != nil {
		t.Error("a tensor of another type was handed out")
	}
}

func TestReadErrors(t *testing.T) {
	f := open(t, store(t, container(`{"i":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"f":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}`, 24)))
	dst := make([]float32, 2)
	_, errRaw := f.Raw("none")
	_, errInts := f.Int64s("f")
	_, errDoubles := f.Float64s("f")
	_, errWiden := f.Widen("none")
	for want, err := range map[string]error{
		`no tensor "none"`:                                   errRaw,
		`has no tensor "none"`:                               errWiden,
		`tensor "f" holds F32, want I64`:                     errInts,
		`tensor "f" holds F32, want F64`:                     errDoubles,
		`tensor "i": dtype I64 is not supported for weights`: f.ReadRows("i", 0, 2, dst),
		`tensor "f": rows 0 to 3 of 2`:                       f.ReadRows("f", 0, 3, dst),
		`tensor "f": rows -1 to 1 of 2`:                      f.ReadRows("f", -1, 1, dst),
		`tensor "f": 1 rows of 1 do not fit 2 elem`:          f.ReadRows("f", 0, 1, dst),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestZeroCopy checks that views share the file's memory and survive ReleasePages.
func TestZeroCopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "z.safetensors")
	const n = 10_000
	count := func(lo, _ int, dst []float32) error {
		for j := range dst {
			dst[j] = float32(lo*100 + j)
		}
		return nil
	}
	err := Write(path, []Tensor{
		{Name: "w", DType: F32, Shape: []int{n / 100, 100}, ReadRows: count},
		{Name: "b", DType: BF16, Shape: []int{n / 100, 100}, ReadRows: count},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	w, b := f.Float32s("w"), f.BF16s("b")
	if len(w) != n || len(b) != n {
		t.Fatalf("views of %d and %d elements, want %d", len(w), len(b), n)
	}
	f.ReleasePages("w")
	f.ReleasePages("b")
	for i := range w {
		if w[i] != float32(i) || b[i] != half.ToBF16(float32(i)) {
			t.Fatalf("element %d is %v and %#04x", i, w[i], b[i])
		}
	}
	if &w[0] != &f.Float32s("w")[0] {
		t.Error("two views of one tensor differ in memory")
	}
}

// TestReferenceFiles reads every tensor of every file that PyTorch wrote.
func TestReferenceFiles(t *testing.T) {
	root := sharedtest.Dir(t, "fixtures")
	files, tensors := 0, 0
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".safetensors" {
			return err
		}
		f := open(t, path)
		files++
		for _, info := range f.Tensors() {
			tensors++
			if info.DType == I64 {
				_, err = f.Int64s(info.Name)
			} else {
				_, err = f.Widen(info.Name)
			}
			if err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Errorf("%d files, %v", files, err)
	}
	t.Logf("%d files, %d tensors", files, tensors)
}

// TestOpenForeign opens what downloads and other programs leave under a weights file name.
func TestOpenForeign(t *testing.T) {
	sound := container(fmt.Sprintf("%-640s", `{"a":{"dtype":"F32","shape":[200],"data_offsets":[0,800]}}`), 800)
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"pointer", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 37096\n"), "t.safetensors is a Git LFS pointer, not the weights: git lfs pull"},
		{"page", []byte("<!DOCTYPE html>\n<html>"), "is a web page, not the weights"},
		{"message", []byte("Entry not found"), `is text that begins "Entry not found"`},
		{"short message", []byte("no"), `is text that begins "no"`},
		{"PyTorch", []byte("PK\x03\x04\x00\x00\x08\x08\x00\x00"), "torch.save"},
		{"pickle", []byte("\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8"), "pickle"},
		{"GGUF", []byte("GGUF\x03\x00\x00\x00\x00\x00"), "is a GGUF file"},
		{"zeros", make([]byte, 100), "unfinished download"},
		{"truncated, its header as long as a pickle's first bytes", sound[:1000], "is truncated: 448 of 800 bytes of its tensors are missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(store(t, c.data))
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestEveryDType opens a tensor of each type. Types that cannot be weights are readable as bytes and refused as
// numbers.
func TestEveryDType(t *testing.T) {
	for dtype, bytes := range map[DType]int{
		F64: 64, F32: 32, F16: 16, BF16: 16, F8E4M3: 8, F8E5M2: 8, F8E8M0: 8, F8E4M3NUZ: 8, F8E5M2NUZ: 8, F6E2M3: 6, F6E3M2: 6, F4: 4,
		C64: 64, I64: 64, I32: 32, I16: 16, I8: 8, U64: 64, U32: 32, U16: 16, U8: 8, Bool: 8,
	} {
		f := open(t, store(t, container(fmt.Sprintf(`{"a":{"dtype":%q,"shape":[4,2],"data_offsets":[0,%d]}}`, dtype, bytes), bytes)))
		if raw, err := f.Raw("a"); len(raw) != bytes || err != nil {
			t.Errorf("%s: %d bytes, %v", dtype, len(raw), err)
		}
		_, err := f.Widen("a")
		if want := fmt.Sprintf(`tensor "a": dtype %s is not supported for weights`, dtype); dtype.Float() == (err != nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", dtype, err)
		}
		path := filepath.Join(t.TempDir(), "w")
		if err := Write(path, []Tensor{{Name: "a", DType: dtype, Shape: []int{4, 2}, Raw: make([]byte, bytes)}}, nil); err != nil {
			t.Errorf("%s: %v", dtype, err)
		}
	}
	if _, err := Open(store(t, container(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, 2))); err == nil || !strings.Contains(err.Error(), "whole bytes") {
		t.Errorf("error %v", err)
	}
}
