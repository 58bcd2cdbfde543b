package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/lm"
)

// formulaConfig describes a model of 7,872 parameters whose loss, logits and gradients are known to ten digits.
const formulaConfig = `{"model_type": "gpt2", "vocab_size": 48, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32,
	"n_inner": 64, "layer_norm_epsilon": 1e-5, "activation_function": %q, "bos_token_id": null, "eos_token_id": null}`

func formulaTensors() []modeltest.FormulaTensor {
	list := []modeltest.FormulaTensor{
		{Name: "wte.weight", Shape: []int{48, 16}, Scale: .25},
		{Name: "wpe.weight", Shape: []int{32, 16}, Scale: .125},
	}
	linear := func(name string, in, out int) {
		list = append(list,
			modeltest.FormulaTensor{Name: name + ".weight", Shape: []int{in, out}, Scale: .25},
			modeltest.FormulaTensor{Name: name + ".bias", Shape: []int{out}, Scale: .125})
	}
	norm := func(name string) {
		list = append(list,
			modeltest.FormulaTensor{Name: name + ".weight", Shape: []int{16}, Scale: .125, Offset: 1},
			modeltest.FormulaTensor{Name: name + ".bias", Shape: []int{16}, Scale: .125})
	}
	for l := range 2 {
		h := fmt.Sprintf("h.%d.", l)
		norm(h + "ln_1")
		linear(h+"attn.c_attn", 16, 48)
		linear(h+"attn.c_proj", 16, 16)
		norm(h + "ln_2")
		linear(h+"mlp.c_fc", 16, 64)
		linear(h+"mlp.c_proj", 64, 16)
	}
	norm("ln_f")
	return list
}

func loadFormula(t *testing.T, activation string, options map[string]string) lm.Model {
	t.Helper()
	dir := modeltest.FormulaCheckpoint(t, fmt.Sprintf(formulaConfig, activation), formulaTensors())
	return modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir, Options: options})
}

func TestFormulaWeights(t *testing.T) {
	for _, flash := range []string{"true", "false"} {
		t.Run("use_flash_attention="+flash, func(t *testing.T) {
			m := loadFormula(t, "gelu_new", map[string]string{"use_flash_attention": flash})
			if got := m.Info().Parameters; got != 7872 {
				t.Errorf("%d parameters, want 7872", got)
			}
			s := modeltest.Scores(t, m, modeltest.FormulaTokens)
			checkFormulaLogits(t, s.Logits)
			modeltest.Near(t, "loss", []float64{modeltest.Mean(s.NLL)}, []float64{3.8759323753}, 1e-6)
			modeltest.Streaming(t, m, modeltest.FormulaTokens, 1, 3, 5)
		})
	}
}

func checkFormulaLogits(t *testing.T, logits []float32) {
	t.Helper()
	modeltest.Near(t, "last logits", logits[11*48:][:6],
		[]float64{.26839646, -.74573038, .41947117, .46474457, -.71125490, -.17400909}, 2e-6)
	modeltest.Near(t, "first logits", logits[:4], []float64{.81505048, -.21894256, 1.62051414, .09679187}, 2e-6)
	sum, squares := modeltest.Sums(logits)
	modeltest.Near(t, "sums", []float64{sum, squares}, []float64{2.50493463, 205.30554889}, 1e-4)
	want := []int{2, 2, 28, 28, 16, 28, 13, 28, 2, 17, 28, 16}
	if got := modeltest.Argmax(logits, 48); !slices.Equal(got, want) {
		t.Errorf("most likely tokens %v, want %v", got, want)
	}
}

// TestKnownLosses checks settings that change the model against known losses.
func TestKnownLosses(t *testing.T) {
	tests := map[string]struct {
		activation string
		options    map[string]string
		loss       float64
	}{
		"exact GELU":      {"gelu", nil, 3.875904},
		"unscaled scores": {"gelu_new", map[string]string{"scale_attn_weights": "false"}, 3.883833},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := modeltest.Scores(t, loadFormula(t, tt.activation, tt.options), modeltest.FormulaTokens)
			modeltest.Near(t, "loss", []float64{modeltest.Mean(s.NLL)}, []float64{tt.loss}, 1e-6)
		})
	}
}
