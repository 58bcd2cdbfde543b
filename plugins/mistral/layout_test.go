package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// TestLayouts loads checkpoints with and without a separate head, and with the buffers of old files.
func TestLayouts(t *testing.T) {
	all := formulaTensors()
	buffer := modeltest.FormulaTensor{Name: "model.layers.1.self_attn.rotary_emb.inv_freq", Shape: []int{4}}
	tied := map[string]string{"tie_word_embeddings": "true"}
	for name, tt := range map[string]struct {
		tensors    []modeltest.FormulaTensor
		options    map[string]string
		parameters int64
	}{
		"untied":      {all, nil, 17056},
		"tied":        {all[:len(all)-1], tied, 17056 - 48*32},
		"with buffer": {append(formulaTensors(), buffer), nil, 17056},
	} {
		t.Run(name, func(t *testing.T) {
			dir := modeltest.FormulaCheckpoint(t, fmt.Sprintf(formulaConfig, "4", "1e-5"), tt.tensors)
			info := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir, Options: tt.options}).Info()
			if info.Parameters != tt.parameters || len(info.Warnings) > 0 {
				t.Errorf("%d parameters and warnings %q, want %d and none", info.Parameters, info.Warnings, tt.parameters)
			}
		})
	}
}

// TestSaved loads the same weights as saved by different programs.
func TestSaved(t *testing.T) {
	config := strings.Replace(fmt.Sprintf(formulaConfig, "4", "1e-5"), "{", `{"tie_word_embeddings": true,`, 1)
	all := formulaTensors()
	modeltest.Layouts(t, engine.New(Family{}), modeltest.FormulaCheckpoint(t, config, all[:len(all)-1]), "model.", modeltest.FormulaTokens)
}

func TestBadCheckpoints(t *testing.T) {
	square := formulaTensors()
	square[3].Shape = []int{32, 32}
	for message, list := range map[string][]modeltest.FormulaTensor{
		`"model.embed_tokens.weight" of shape [48 32] is missing`:    formulaTensors()[1:],
		`"lm_head.weight" is missing from the checkpoint: tie_word_`: formulaTensors()[:len(formulaTensors())-1],
		`"model.layers.0.self_attn.k_proj.weight" has shape [32 32]`: square,
	} {
		dir := modeltest.FormulaCheckpoint(t, fmt.Sprintf(formulaConfig, "4", "1e-5"), list)
		_, err := engine.New(Family{}).Load(context.Background(), lm.LoadRequest{Checkpoint: dir})
		if lm.KindOf(err) != lm.Corrupt || !strings.Contains(fmt.Sprint(err), message) {
			t.Errorf("error %v, want kind corrupt with %s", err, message)
		}
	}
	_, err := engine.New(Family{}).Load(context.Background(), lm.LoadRequest{
		Variant: "3m", Options: map[string]string{"sliding_window_size": "129"},
	})
	if lm.KindOf(err) != lm.Invalid || !strings.Contains(fmt.Sprint(err), "sliding_window_size is 129") {
		t.Errorf("error %v, want kind invalid about sliding_window_size", err)
	}
}

// TestInitialisation checks the standard deviation of new weights and the parameters of the small variant.
func TestInitialisation(t *testing.T) {
	c, _, err := parseConfig([]byte(config3M), nil)
	if err != nil {
		t.Fatal(err)
	}
	ps := nn.NewParams(nil, 7, nn.Precision{})
	if New(c, ps); ps.Err() != nil {
		t.Fatal(ps.Err())
	}
	if got := ps.Count(); got != 2655936 {
		t.Errorf("%d parameters, want 2655936", got)
	}
	for _, p := range ps.Trainable() {
		if strings.Contains(p.Name, "norm") {
			continue
		}
		if got := modeltest.Norm(p.W) / math.Sqrt(float64(len(p.W))); math.Abs(got-.02) > .0006 {
			t.Errorf("%s has standard deviation %g, want 0.02", p.Name, got)
		}
	}
}

// TestBiases checks that messages about biases that only the config or only the checkpoint has name the key.
func TestBiases(t *testing.T) {
	config, biases := fmt.Sprintf(formulaConfig, "4", "1e-5"), formulaTensors()
	for l := range 2 {
		biases = append(biases, modeltest.FormulaTensor{Name: fmt.Sprintf("model.layers.%d.mlp.up_proj.bias", l), Shape: []int{40}})
	}
	plain := modeltest.FormulaCheckpoint(t, config, formulaTensors())
	for key, tensor := range map[string]string{"attention_bias": "self_attn.q_proj", "mlp_bias": "mlp.gate_proj"} {
		_, err := engine.New(Family{}).Load(t.Context(), lm.LoadRequest{Checkpoint: plain, Options: map[string]string{key: "true"}})
		want := "; " + key + " is true, in config.json or by default; if the checkpoint is right, set it to false (--option " + key + "=false)"
		if lm.KindOf(err) != lm.Corrupt || !strings.Contains(fmt.Sprint(err), `"model.layers.0.`+tensor+`.bias" of shape`) || !strings.HasSuffix(fmt.Sprint(err), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	warnings := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: modeltest.FormulaCheckpoint(t, config, biases)}).Info().Warnings
	want := `tensor "model.layers.0.mlp.up_proj.bias" of the checkpoint is unknown to the model and was not loaded: mlp_bias is false, in config.json or by default; ` +
		"if the checkpoint is right, set it to true (--option mlp_bias=true)"
	if len(warnings) != 2 || warnings[0] != want {
		t.Errorf("warnings %q, want %q", warnings, want)
	}
}
