package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// TestInitialisation checks what the paper prescribes for a new model.
func TestInitialisation(t *testing.T) {
	ps := nn.NewParams(nil, 7, nn.Precision{})
	net, _, err := Family{}.New([]byte(config3M), map[string]string{"rescale_prenorm_residual": "true"}, ps)
	if err != nil {
		t.Fatal(err)
	}
	m := net.(*Model)
	b := m.Blocks[3].mixer.(*Block)
	for i, a := range b.Scan.ALog.W[:16] {
		if math.Abs(math.Exp(float64(a))-float64(i+1)) > 1e-5 {
			t.Errorf("A of state %d is -%v, want -%d", i, math.Exp(float64(a)), i+1)
		}
	}
	var steps []float64
	for i, bias := range b.Step.Bias.W {
		steps = append(steps, math.Log1p(math.Exp(float64(bias))))
		if steps[i] < .999e-3 || steps[i] > .1001 {
			t.Errorf("the step size of channel %d is %v, want it in [0.001, 0.1]", i, steps[i])
		}
	}
	slices.Sort(steps)
	if median := steps[len(steps)/2]; median < .007 || median > .014 {
		t.Errorf("the median step size is %v, want about 0.01, the middle of a log-uniform law", median)
	}
	for name, w := range map[string]struct {
		w     []float32
		bound float64
	}{
		"dt_proj":  {b.Step.Weight.W, 1 / math.Sqrt(12)},
		"in_proj":  {b.In.Weight.W, 1 / math.Sqrt(184)},
		"x_proj":   {b.X.Weight.W, 1 / math.Sqrt(368)},
		"out_proj": {b.Out.Weight.W, 1 / math.Sqrt(368*8)},
		"conv1d":   {b.Conv.Weight.W, .5},
	} {
		if top := float64(max(slices.Max(w.w), -slices.Min(w.w))); top > w.bound || top < .95*w.bound {
			t.Errorf("%s reaches %v, want just below %v", name, top, w.bound)
		}
	}
	again, _, err := Family{}.New([]byte(config3M), nil, nn.NewParams(nil, 7, nn.Precision{}))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.(*Model).Blocks[3].mixer.(*Block).In.Weight.W, b.In.Weight.W) {
		t.Error("one seed gives two sets of weights")
	}
}

// TestSave checks that a saved model gives the same logits.
func TestSave(t *testing.T) {
	m := load(t, lm.LoadRequest{Config: smallConfig, Seed: 3})
	tokens := someTokens(20, 37)
	dir := t.TempDir()
	if err := m.(lm.Saver).Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	saved := load(t, lm.LoadRequest{Checkpoint: dir})
	if !slices.Equal(modeltest.Scores(t, saved, tokens).Logits, modeltest.Scores(t, m, tokens).Logits) {
		t.Error("a saved model gives other logits")
	}
	if w := saved.Info().Warnings; len(w) > 0 {
		t.Errorf("a saved model is loaded with warnings %q", w)
	}
}

func TestOldEmbeddingName(t *testing.T) {
	tensors := []modeltest.FormulaTensor{
		{Name: "backbone.embedding.weight", Shape: []int{4, 2}, Scale: .5},
		{Name: "backbone.norm_f.weight", Shape: []int{2}, Offset: 1},
		{Name: "lm_head.weight", Shape: []int{4, 2}, Scale: 1},
		{Name: "stray", Shape: []int{1}},
	}
	const name = "backbone.layers.0."
	for tensor, shape := range map[string][]int{
		"norm.weight": {2}, "mixer.in_proj.weight": {8, 2}, "mixer.conv1d.weight": {4, 1, 4}, "mixer.conv1d.bias": {4},
		"mixer.x_proj.weight": {5, 4}, "mixer.dt_proj.weight": {4, 1}, "mixer.dt_proj.bias": {4}, "mixer.A_log": {4, 2},
		"mixer.D": {4}, "mixer.out_proj.weight": {2, 4},
	} {
		tensors = append(tensors, modeltest.FormulaTensor{Name: name + tensor, Shape: shape, Scale: .5})
	}
	const config = `{"vocab_size": 4, "hidden_size": 2, "state_size": 2, "num_hidden_layers": 1}`
	m := load(t, lm.LoadRequest{Checkpoint: modeltest.FormulaCheckpoint(t, config, tensors)})
	if !strings.Contains(m.Info().Config, `"tie_word_embeddings": false`) {
		t.Errorf("a checkpoint with lm_head.weight is not untied: %s", m.Info().Config)
	}
	if w := m.Info().Warnings; len(w) != 2 || !strings.Contains(w[0], "lm_head.weight") || !strings.Contains(w[1], `"stray"`) {
		t.Errorf("warnings %q, want one that names the head and one that names stray", w)
	}
}

func TestBadCheckpoints(t *testing.T) {
	arch := engine.New(Family{})
	dir := t.TempDir()
	weights, err := os.ReadFile("testdata/mamba-tiny/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors"), weights, 0o600); err != nil {
		t.Fatal(err)
	}
	for config, message := range map[string]string{
		`{"vocab_size": 384, "hidden_size": 64, "num_hidden_layers": 4}`:                   `"backbone.layers.3.norm.weight" of shape [64] is missing`,
		`{"vocab_size": 384, "hidden_size": 64, "num_hidden_layers": 3, "state_size": 8}`:  `shape [36 128] in the checkpoint, want [20 128]`,
		`{"vocab_size": 384, "hidden_size": 64, "num_hidden_layers": 3, "expand": 0}`:      "expand is 0",
		`{"vocab_size": 384, "hidden_size": 64, "num_hidden_layers": 3, "use_bias": true}`: `in_proj.bias" of shape [256] is missing`,
		`{"vocab_size": 385, "hidden_size": 64, "num_hidden_layers": 3, "state_size": 16}`: `"backbone.embeddings.weight" has shape [384 64]`,
	} {
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := arch.Load(context.Background(), lm.LoadRequest{Checkpoint: dir})
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: error %v, want one with %q", config, err, message)
		}
	}
}

// TestSaved loads the same weights as saved by different programs.
func TestSaved(t *testing.T) {
	modeltest.Layouts(t, engine.New(Family{}), formulaCheckpoint(t), "backbone.", modeltest.FormulaTokens)
}
