package lmtest

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/internal/toy"
)

// ids and reals are tensors of a reference file.
func ids(name string, row []int32) safetensors.Tensor {
	var raw []byte
	for _, id := range row {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(id))
	}
	return safetensors.Tensor{Name: name, DType: safetensors.I64, Shape: []int{1, len(row)}, Raw: raw}
}

func reals(name string, values []float32, shape ...int) safetensors.Tensor {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return safetensors.Tensor{Name: name, DType: safetensors.F32, Shape: shape, Raw: raw}
}

// writeFixture saves a toy with its own outputs as the reference, changed by spoil.
func writeFixture(t *testing.T, spoil func(map[string]*safetensors.Tensor)) string {
	t.Helper()
	dir := t.TempDir()
	m, err := toy.Architecture{}.Load(t.Context(), lm.LoadRequest{Config: toy.Default, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.(lm.Saver).Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	k := &kit{model: m, info: m.Info()}
	text := k.document(1, 20)
	reply, err := k.score(t.Context(), true, text)
	if err != nil {
		t.Fatal(err)
	}
	var loss float64
	for _, nll := range reply.Scores[0].NLL {
		loss += nll / float64(len(text)-1)
	}
	greedy := append([]int32{}, text[:promptTokens]...)
	for range 6 {
		next, _, err := k.next(t.Context(), greedy)
		if err != nil {
			t.Fatal(err)
		}
		greedy = append(greedy, next)
	}
	tensors := map[string]*safetensors.Tensor{}
	for _, tensor := range []safetensors.Tensor{
		ids("input_ids", text),
		reals("logits", reply.Scores[0].Logits, 1, len(text), m.Info().Vocab),
		reals("loss", []float32{float32(loss)}, 1),
		ids("greedy", greedy),
	} {
		tensors[tensor.Name] = &tensor
	}
	spoil(tensors)
	var all []safetensors.Tensor
	for _, tensor := range tensors {
		all = append(all, *tensor)
	}
	if err := safetensors.Write(filepath.Join(dir, "reference.safetensors"), all, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCompareFixture(t *testing.T) {
	none := func(map[string]*safetensors.Tensor) {}
	flip := func(name string, byteOf int) func(map[string]*safetensors.Tensor) {
		return func(tensors map[string]*safetensors.Tensor) { tensors[name].Raw[byteOf] ^= 0x10 }
	}
	without := func(names ...string) func(map[string]*safetensors.Tensor) {
		return func(tensors map[string]*safetensors.Tensor) {
			for _, name := range names {
				delete(tensors, name)
			}
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(map[string]*safetensors.Tensor)
		want  map[string]Status
	}{
		{"own outputs", none, map[string]Status{"logits": Pass, "loss": Pass, "greedy": Pass, "gradients": Unavailable, "fixture": Pass}},
		{"other logits", flip("logits", 4*30+2), map[string]Status{"logits": Fail, "loss": Pass, "greedy": Pass, "gradients": Unavailable, "fixture": Pass}},
		{"other loss", flip("loss", 2), map[string]Status{"logits": Pass, "loss": Fail, "greedy": Pass, "gradients": Unavailable, "fixture": Pass}},
		{"other greedy", flip("greedy", 8*11), map[string]Status{"logits": Pass, "loss": Pass, "greedy": Fail, "gradients": Unavailable, "fixture": Pass}},
		{"no greedy", without("greedy"), map[string]Status{"logits": Pass, "loss": Pass, "greedy": Unavailable, "gradients": Unavailable, "fixture": Pass}},
		{"inputs alone", without("greedy", "logits", "loss"), map[string]Status{"logits": Unavailable, "loss": Unavailable, "greedy": Unavailable, "gradients": Unavailable, "fixture": Fail}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := map[string]Status{}
			for _, check := range CompareFixture(t.Context(), toy.Architecture{}, writeFixture(t, c.spoil), Options{}) {
				t.Log(check)
				got[check.Name] = check.Status
				if check.Name == "greedy" && check.Status == Unavailable && check.Message != NotInFixture {
					t.Errorf("message %q", check.Message)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFixtureWithoutReference(t *testing.T) {
	checks := CompareFixture(t.Context(), toy.Architecture{}, t.TempDir(), Options{})
	if OK(checks) || len(checks) != 1 {
		t.Errorf("%v", checks)
	}
}
