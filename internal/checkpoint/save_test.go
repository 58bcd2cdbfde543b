package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/half"
	"github.com/archbench/archbench/internal/safetensors"
)

func TestSave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "model")
	tensors := []safetensors.Tensor{counted("fc.weight", 1.001, 3, 5), counted("fc.bias", 1.001, 3), counted("A_log", 1.001, 3, 2), counted("scale", 1.001)}
	for i := range tensors {
		tensors[i].DType = safetensors.F32
	}
	tensors[0].DType = safetensors.BF16
	if err := Save(dir, []byte(`{"a":1}`), tensors); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir)
	if string(f.Config()) != `{"a":1}` {
		t.Errorf("config %s", f.Config())
	}
	for _, name := range []string{"fc.bias", "A_log", "scale"} {
		if got := f.Float32s(name); len(got) == 0 || got[0] != 1.001 {
			t.Errorf("%s is %v, want float32 as it was", name, got)
		}
	}
	if got := f.BF16s("fc.weight"); len(got) != 15 || got[0] != half.ToBF16(1.001) {
		t.Errorf("fc.weight is %v", got)
	}
	if err := Save(dir, []byte(`{"a":2}`), tensors[:1]); err != nil {
		t.Fatal(err)
	}
	if g := open(t, dir); string(g.Config()) != `{"a":2}` || len(g.Names()) != 1 {
		t.Errorf("saved again: %s, %v", g.Config(), g.Names())
	}
}

func TestSaveFailureLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	dir := filepath.Join(t.TempDir(), "model")
	err := Save(dir, nil, []safetensors.Tensor{{Name: "x", Shape: []int{2}, DType: safetensors.F32, ReadRows: func(int, int, []float32) error { return broken }}})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), `tensor "x"`) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is there: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	put(t, filepath.Dir(file), "file", "")
	if err := Save(filepath.Join(file, "model"), nil, nil); err == nil {
		t.Error("a model was saved into a file")
	}
}

// TestConvert converts to bf16 and back: values rounded once do not change again.
func TestConvert(t *testing.T) {
	src := sharded(t)
	put(t, src, TokenizerFile, `{"t":1}`)
	put(t, src, "merges.txt", "a b")
	put(t, src, "secret.txt", "not part of a model")
	if err := (&Card{Name: "toy", Architecture: "none"}).Write(src); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	narrow, wide, again := filepath.Join(root, "narrow"), filepath.Join(root, "wide"), filepath.Join(root, "again")
	for _, step := range []struct {
		src, dst string
		dtype    safetensors.DType
	}{{src, narrow, safetensors.BF16}, {narrow, wide, safetensors.F32}, {wide, again, safetensors.BF16}} {
		if _, err := Convert(step.src, step.dst, step.dtype); err != nil {
			t.Fatal(err)
		}
	}
	f, g := open(t, narrow), open(t, wide)
	if f.BF16s("x.weight") == nil || f.Float32s("x.bias") == nil {
		t.Error("types are not those of storedAs")
	}
	a, b := make([]float32, 6), make([]float32, 6)
	if err := errors.Join(f.ReadRows("x.weight", 0, 2, a), g.ReadRows("x.weight", 0, 2, b)); err != nil || !slices.Equal(a, b) {
		t.Errorf("widening changed %v to %v, %v", a, b, err)
	}
	first, _ := os.ReadFile(filepath.Join(narrow, WeightsFile))
	second, _ := os.ReadFile(filepath.Join(again, WeightsFile))
	if len(first) == 0 || !bytes.Equal(first, second) {
		t.Error("converting there and back changed the bytes")
	}
	want, err := open(t, src).SHA256()
	if card, errCard := f.Card(); err != nil || errCard != nil || card == nil || card.SourceSHA256 != want {
		t.Errorf("card %+v, %v, %v; want source %s", card, err, errCard, want)
	}
	if card, _ := g.Card(); card == nil || card.SourceSHA256 != want {
		t.Errorf("the second card lost the source: %+v", card)
	}
	entries, _ := os.ReadDir(narrow)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{CardFile, ConfigFile, "merges.txt", WeightsFile, TokenizerFile}, names); diff != "" {
		t.Error(diff)
	}
}

// TestConvertKeepsIntegers includes a counter among the weights, as PyTorch state dicts do.
func TestConvertKeepsIntegers(t *testing.T) {
	src := t.TempDir()
	put(t, src, ConfigFile, "{}")
	err := safetensors.Write(filepath.Join(src, WeightsFile), []safetensors.Tensor{
		{Name: "steps", DType: safetensors.I64, Raw: []byte{9, 0, 0, 0, 0, 0, 0, 0}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "d")
	if _, err := Convert(src, dst, safetensors.BF16); err != nil {
		t.Fatal(err)
	}
	if info, _ := open(t, dst).Info("steps"); info.DType != safetensors.I64 {
		t.Errorf("steps became %s", info.DType)
	}
}

func TestConvertRefuses(t *testing.T) {
	src, full := sharded(t), sharded(t)
	for want, c := range map[string]struct {
		src, dst string
		dtype    safetensors.DType
	}{
		"is not empty":      {src, full, safetensors.F32},
		`written as "I64"`:  {src, filepath.Join(t.TempDir(), "x"), safetensors.I64},
		"needs config.json": {t.TempDir(), filepath.Join(t.TempDir(), "x"), safetensors.F32},
		"not a directory":   {src, filepath.Join(src, "b.safetensors", "x"), safetensors.F32},
	} {
		if _, err := Convert(c.src, c.dst, c.dtype); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	put(t, src, CardFile, `{"name":"toy"}`)
	dst := filepath.Join(t.TempDir(), "x")
	if _, err := Convert(src, dst, safetensors.BF16); err == nil || !strings.Contains(err.Error(), "architecture is empty") {
		t.Errorf("error %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(dst)); err != nil || len(entries) != 0 {
		t.Errorf("a failed conversion left %v, %v", entries, err)
	}
}

// values is a one-row tensor.
func values(name string, row ...float32) safetensors.Tensor {
	return safetensors.Tensor{Name: name, Shape: []int{1, len(row)}, ReadRows: func(_, _ int, dst []float32) error { copy(dst, row); return nil }}
}

func TestConvertOverflow(t *testing.T) {
	src := t.TempDir()
	put(t, src, ConfigFile, "{}")
	shard(t, src, WeightsFile, values("up.weight", 1, 7e4, -65520), values("norm", 1e5), values("down.weight", 65519))
	dst := filepath.Join(t.TempDir(), "d")
	_, err := Convert(src, dst, safetensors.F16)
	if want := `convert checkpoint: values overflow: tensor "up.weight": 2 beyond F16, as large as 70000`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	if left, _ := os.ReadDir(filepath.Dir(dst)); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
	if _, err := Convert(src, dst, safetensors.BF16); err != nil {
		t.Error(err)
	}
}

// TestConvertNonFinite keeps infinite values and warns about them; a float64 that overflows float32 is an error.
func TestConvertNonFinite(t *testing.T) {
	src, root := t.TempDir(), t.TempDir()
	put(t, src, ConfigFile, "{}")
	shard(t, src, WeightsFile, values("mask", 0, float32(math.Inf(-1))), values("w.weight", 1))
	warnings, err := Convert(src, filepath.Join(root, "a"), safetensors.F16)
	if diff := cmp.Diff([]string{`tensor "mask" holds non-finite values, which stay so: 1 of 2`}, warnings); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	raw := binary.LittleEndian.AppendUint64(nil, math.Float64bits(1e39))
	if err := safetensors.Write(filepath.Join(src, WeightsFile), []safetensors.Tensor{{Name: "d", DType: safetensors.F64, Shape: []int{1}, Raw: raw}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Convert(src, filepath.Join(root, "b"), safetensors.F32); err == nil || !strings.Contains(err.Error(), `values overflow: tensor "d": 1 beyond F32`) {
		t.Errorf("error %v", err)
	}
}
