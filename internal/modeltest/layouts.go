package modeltest

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/lm"
)

// Layouts checks that a model gives the same losses from every layout in which programs save it. dir is a float32 checkpoint
// of one file with a tied head; body is the prefix of all its tensors, for example "model.".
func Layouts(t *testing.T, arch lm.Architecture, dir, body string, tokens []int32) {
	want := Scores(t, Load(t, arch, lm.LoadRequest{Checkpoint: dir}), tokens).NLL
	tensors := rawTensors(t, dir)
	for name, c := range map[string]struct {
		save     func(t testing.TB, dst string, tensors []safetensors.Tensor)
		tensors  []safetensors.Tensor
		warnings int
	}{
		"compiled":             {saveAs, renamed(tensors, "", "_orig_mod."), 0},
		"parallel, compiled":   {saveAs, renamed(tensors, "", "module._orig_mod."), 0},
		"in a class":           {saveAs, renamed(tensors, "", "model."), 0},
		"body alone":           {saveAs, renamed(tensors, body, ""), 0},
		"body alone, compiled": {saveAs, renamed(tensors, body, "_orig_mod."), 0},
		"body in a class":      {saveAs, renamed(tensors, body, "model."), 0},
		"doubles":              {saveAs, doubled(tensors), 0},
		"shards":               {saveShards, tensors, 0},
		"embedding as head":    {saveShared, tensors, 0},
		"unneeded types":       {saveAs, slices.Concat(tensors, unneeded), len(unneeded)},
	} {
		t.Run(name, func(t *testing.T) {
			dst := t.TempDir()
			c.save(t, dst, c.tensors)
			copyConfig(t, dir, dst)
			m := Load(t, arch, lm.LoadRequest{Checkpoint: dst})
			if got := Scores(t, m, tokens).NLL; !slices.Equal(got, want) || len(m.Info().Warnings) != c.warnings {
				t.Errorf("losses %v, want %v; warnings %q, want %d", got, want, m.Info().Warnings, c.warnings)
			}
		})
	}
	t.Run("needed type", func(t *testing.T) {
		dst := t.TempDir()
		copyConfig(t, dir, dst)
		list := slices.Clone(tensors)
		list[0].DType, list[0].Raw = safetensors.F8E4M3, make([]byte, len(list[0].Raw)/4)
		saveAs(t, dst, list)
		_, err := arch.Load(t.Context(), lm.LoadRequest{Checkpoint: dst})
		if err == nil || !strings.Contains(err.Error(), list[0].Name) || !strings.Contains(err.Error(), "dtype F8_E4M3 is not supported for weights") {
			t.Errorf("error %v, want one that names %s and its type", err, list[0].Name)
		}
	})
}

// saveShared saves like save_model of the safetensors library, which keeps the first name, in order, of a shared tensor and
// lists the others in the metadata.
func saveShared(t testing.TB, dst string, tensors []safetensors.Tensor) {
	t.Helper()
	const kept = "lm_head.weight"
	tensors, shared := slices.Clone(tensors), map[string]string{"format": "pt"}
	for i := range tensors {
		if name := &tensors[i].Name; strings.Contains(*name, "wte.") || strings.Contains(*name, "embed") {
			shared[*name], *name = kept, kept
		}
	}
	if err := safetensors.Write(filepath.Join(dst, checkpoint.WeightsFile), tensors, shared); err != nil {
		t.Fatal(err)
	}
}

// unneeded are tensors that no model uses, of types that cannot be weights.
var unneeded = []safetensors.Tensor{
	{Name: "k_scale", DType: safetensors.F8E4M3, Raw: []byte{56}},
	{Name: "packed", DType: safetensors.F4, Shape: []int{3, 2}, Raw: []byte{1, 2, 3}},
	{Name: "rotations", DType: safetensors.C64, Shape: []int{1}, Raw: make([]byte, 8)},
}

// rawTensors reads all tensors of a folder.
func rawTensors(t testing.TB, dir string) []safetensors.Tensor {
	t.Helper()
	f, err := safetensors.Open(filepath.Join(dir, checkpoint.WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []safetensors.Tensor
	for _, info := range f.Tensors() {
		raw, err := f.Raw(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, safetensors.Tensor{Name: info.Name, DType: info.DType, Shape: info.Shape, Raw: slices.Clone(raw)})
	}
	return list
}

// renamed replaces the prefix before of the names.
func renamed(tensors []safetensors.Tensor, before, with string) []safetensors.Tensor {
	list := slices.Clone(tensors)
	for i := range list {
		list[i].Name = with + strings.TrimPrefix(list[i].Name, before)
	}
	return list
}

// doubled stores float32 tensors as F64.
func doubled(tensors []safetensors.Tensor) []safetensors.Tensor {
	list := slices.Clone(tensors)
	for i := range list {
		var raw []byte
		for value := range slices.Chunk(list[i].Raw, 4) {
			double := float64(math.Float32frombits(binary.LittleEndian.Uint32(value)))
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(double))
		}
		list[i].DType, list[i].Raw = safetensors.F64, raw
	}
	return list
}

func saveAs(t testing.TB, dir string, tensors []safetensors.Tensor) {
	t.Helper()
	if err := safetensors.Write(filepath.Join(dir, checkpoint.WeightsFile), tensors, nil); err != nil {
		t.Fatal(err)
	}
}

// saveShards writes two shards with an index that names a head, which is not saved, and omits the last tensor.
func saveShards(t testing.TB, dir string, tensors []safetensors.Tensor) {
	t.Helper()
	half := len(tensors) / 2
	entries := []string{`"lm_head.weight":"a.safetensors"`}
	for file, part := range map[string][]safetensors.Tensor{"a.safetensors": tensors[:half], "b.safetensors": tensors[half:]} {
		if err := safetensors.Write(filepath.Join(dir, file), part, nil); err != nil {
			t.Fatal(err)
		}
		for _, tensor := range part[:len(part)-1] {
			entries = append(entries, fmt.Sprintf("%q:%q", tensor.Name, file))
		}
	}
	index := fmt.Sprintf(`{"metadata":{},"weight_map":{%s}}`, strings.Join(entries, ","))
	if err := os.WriteFile(filepath.Join(dir, checkpoint.IndexFile), []byte(index), 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyConfig(t testing.TB, src, dst string) {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(src, checkpoint.ConfigFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(dst, checkpoint.ConfigFile), config, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
