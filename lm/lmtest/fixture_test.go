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

// ids and reals return tensors for a reference file.
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

// writeFixture saves a toy model with its own outputs as the reference, changed by spoil.
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
	gradient := gradientOf(t, m, text)
	for _, tensor := range []safetensors.Tensor{
		reals("grad.head", gradient, m.Info().Vocab, len(gradient)/m.Info().Vocab),
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

// gradientOf returns the gradient of the toy's output matrix, which the toy's own test checks by finite differences.
func gradientOf(t *testing.T, m lm.Model, text []int32) []float32 {
	t.Helper()
	training, err := m.(lm.Trainer).OpenTraining(t.Context(), lm.TrainingRequest{})
	if err != nil {
		t.Fatal(err)
	}
	defer training.Close()
	path := filepath.Join(t.TempDir(), "gradients")
	if _, err := training.Step(t.Context(), lm.TrainStep{Gradients: path, Documents: []lm.TrainDocument{{Tokens: text}}}); err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	gradient, err := file.Widen("head")
	if err != nil {
		t.Fatal(err)
	}
	return gradient
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
		{"own outputs", none, map[string]Status{"logits": Pass, "loss": Pass, "greedy": Pass, "gradients": Pass, "fixture": Pass}},
		{"other logits", flip("logits", 4*30+2), map[string]Status{"logits": Fail, "loss": Pass, "greedy": Pass, "gradients": Pass, "fixture": Pass}},
		{"other loss", flip("loss", 2), map[string]Status{"logits": Pass, "loss": Fail, "greedy": Pass, "gradients": Pass, "fixture": Pass}},
		{"other greedy", flip("greedy", 8*11), map[string]Status{"logits": Pass, "loss": Pass, "greedy": Fail, "gradients": Pass, "fixture": Pass}},
		{"other gradient", flip("grad.head", 2), map[string]Status{"logits": Pass, "loss": Pass, "greedy": Pass, "gradients": Fail, "fixture": Pass}},
		{"no greedy", without("greedy"), map[string]Status{"logits": Pass, "loss": Pass, "greedy": Unavailable, "gradients": Pass, "fixture": Pass}},
		{"inputs alone", without("greedy", "logits", "loss", "grad.head"), map[string]Status{"logits": Unavailable, "loss": Unavailable, "greedy": Unavailable, "gradients": Unavailable, "fixture": Fail}},
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
