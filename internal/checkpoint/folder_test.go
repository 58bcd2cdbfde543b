package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/internal/sharedtest"
)

// put writes a file into dir.
func put(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// counted is a tensor with the elements from, from+1, ...
func counted(name string, from float32, shape ...int) safetensors.Tensor {
	_, cols := safetensors.Info{Shape: shape}.Rows()
	return safetensors.Tensor{Name: name, Shape: shape, ReadRows: func(lo, _ int, dst []float32) error {
		for i := range dst {
			dst[i] = from + float32(lo*cols+i)
		}
		return nil
	}}
}

// shard writes a file of float32 tensors into dir.
func shard(t testing.TB, dir, file string, tensors ...safetensors.Tensor) {
	t.Helper()
	for i := range tensors {
		tensors[i].DType = safetensors.F32
	}
	if err := safetensors.Write(filepath.Join(dir, file), tensors, nil); err != nil {
		t.Fatal(err)
	}
}

// open opens a valid folder.
func open(t testing.TB, dir string) *Folder {
	t.Helper()
	f, err := Open(dir)
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

// sharded writes a valid folder of two shards.
func sharded(t testing.TB) string {
	dir := t.TempDir()
	put(t, dir, ConfigFile, `{"model_type":"toy"}`)
	shard(t, dir, "a.safetensors", counted("x.weight", 1, 2, 3), counted("x.bias", 100, 2))
	shard(t, dir, "b.safetensors", counted("y", 7))
	put(t, dir, IndexFile, `{"metadata":{"total_size":36},"weight_map":{"x.weight":"a.safetensors","x.bias":"a.safetensors","y":"b.safetensors"}}`)
	return dir
}

func TestOpenShards(t *testing.T) {
	f := open(t, sharded(t))
	if diff := cmp.Diff([]string{"x.bias", "x.weight", "y"}, f.Names()); diff != "" {
		t.Error(diff)
	}
	if shape, ok := f.Shape("x.weight"); !ok || !slices.Equal(shape, []int{2, 3}) {
		t.Errorf("shape %v %v", shape, ok)
	}
	if shape, ok := f.Shape("y"); !ok || len(shape) != 0 {
		t.Errorf("scalar's shape %v %v", shape, ok)
	}
	row := make([]float32, 3)
	if err := f.ReadRows("x.weight", 1, 2, row); err != nil || !slices.Equal(row, []float32{4, 5, 6}) {
		t.Errorf("row 1 is %v, %v", row, err)
	}
	if got := f.Float32s("y"); len(got) != 1 || got[0] != 7 {
		t.Errorf("y is %v", got)
	}
	if f.BF16s("y") != nil || f.Float32s("none") != nil || f.BF16s("none") != nil {
		t.Error("a tensor came out of nothing")
	}
	if err := f.ReadRows("none", 0, 1, row); err == nil || !strings.Contains(err.Error(), `no tensor "none"`) {
		t.Errorf("error %v", err)
	}
	if _, ok := f.Shape("none"); ok {
		t.Error("an absent tensor has a shape")
	}
	f.ReleasePages("x.weight")
	f.ReleasePages("none")
}

func TestOpenRefuses(t *testing.T) {
	cases := []struct {
		name    string
		spoil   func(dir string)
		want    string
		missing bool
	}{
		{"no config", func(dir string) { os.Remove(filepath.Join(dir, ConfigFile)) }, "needs config.json", true},
		{"config no JSON", func(dir string) { put(t, dir, ConfigFile, "{") }, "config.json: line 1, column 1: unexpected end of JSON input", false},
		{"no weights", func(dir string) { os.Remove(filepath.Join(dir, IndexFile)) }, "holds neither model.safetensors nor", true},
		{"missing shard", func(dir string) { os.Remove(filepath.Join(dir, "b.safetensors")) }, "b.safetensors", true},
		{"corrupt shard", func(dir string) { put(t, dir, "b.safetensors", "xx") }, `is text that begins "xx", not the weights`, false},
		{"corrupt single file", func(dir string) { put(t, dir, WeightsFile, "xx") }, `is text that begins "xx", not the weights`, false},
		{"index no JSON", func(dir string) { put(t, dir, IndexFile, "[") }, IndexFile, false},
		{"index without map", func(dir string) { put(t, dir, IndexFile, "{}") }, "has no weight_map", false},
		{"index twice", func(dir string) { put(t, dir, IndexFile, `{"weight_map":{"y":"b","y":"c"}}`) }, `duplicate key "y"`, false},
		{"index leaves the folder", func(dir string) { put(t, dir, IndexFile, `{"weight_map":{"y":"../b"}}`) }, `"../b" is not the name of a file`, false},
		{"index to a control character", func(dir string) { put(t, dir, IndexFile, `{"weight_map":{"y":"\u001b[31m"}}`) }, `"\x1b[31m" is not the name of a file`, false},
		{"index to no string", func(dir string) { put(t, dir, IndexFile, `{"weight_map":{"y":3}}`) }, `tensor "y": json`, false},
		{"two shards", func(dir string) { shard(t, dir, "b.safetensors", counted("x.bias", 1)) }, `tensor "x.bias" is in two shards, a.safetensors and b.safetensors`, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := sharded(t)
			c.spoil(dir)
			f, err := Open(dir)
			if err == nil {
				f.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %q, want the folder and %q", err, c.want)
			}
			if errors.Is(err, fs.ErrNotExist) != c.missing {
				t.Errorf("error %q: is fs.ErrNotExist: %v, want %v", err, !c.missing, c.missing)
			}
		})
	}
}

// TestIndexIsAGuide opens shards whose index names absent tensors, omits present ones or places them wrongly. Only the
// shards' contents count.
func TestIndexIsAGuide(t *testing.T) {
	dir := sharded(t)
	put(t, dir, IndexFile, `{"weight_map":{"x.weight":"b.safetensors","head":"b.safetensors","y":"a.safetensors"}}`)
	f := open(t, dir)
	for _, name := range []string{"x.weight", "x.bias", "y"} {
		if f.Float32s(name) == nil || f.Absence(name) != "" {
			t.Errorf("%s is not there: %s", name, f.Absence(name))
		}
	}
	if _, ok := f.Shape("head"); ok || f.Absence("head") != "model.safetensors.index.json names it in b.safetensors, which does not hold it" {
		t.Errorf("head: %q", f.Absence("head"))
	}
	if got := f.Absence("none"); got != "" {
		t.Errorf("none: %q", got)
	}
}

func TestSHA256(t *testing.T) {
	dir := sharded(t)
	f := open(t, dir)
	got, err := f.SHA256()
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, name := range []string{"a.safetensors", "b.safetensors"} {
		sum, err := fileSHA256(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%s  %s\n", sum, name)
	}
	list := filepath.Join(t.TempDir(), "list")
	put(t, filepath.Dir(list), "list", lines.String())
	if want, _ := fileSHA256(list); got != want {
		t.Errorf("%s, want the hash of sha256sum's lines %s", got, want)
	}
}

func TestOpenReference(t *testing.T) {
	f := open(t, sharedtest.Dir(t, "checkpoints/gpt2-3m"))
	sum, err := f.SHA256()
	if want := "62e615e2b549d74cf7cf68a11b1b01045688a6a33011492c1fe6e1dd7c471b59"; err != nil || sum != want {
		t.Errorf("sha256 %s, %v, want %s", sum, err, want)
	}
	for _, name := range f.Names() {
		if f.Float32s(name) == nil {
			t.Errorf("tensor %q is not available in place", name)
		}
	}
}
