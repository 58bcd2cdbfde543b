package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/lm"
)

// formulaConfig describes a model of 17,056 parameters whose loss, logits and gradients are known to ten digits.
const formulaConfig = `{"model_type": "mistral", "vocab_size": 48, "hidden_size": 32, "num_hidden_layers": 2,
	"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 40, "max_position_embeddings": 64,
	"sliding_window": %s, "rms_norm_eps": %s, "bos_token_id": null, "eos_token_id": null}`

func formulaTensors() []modeltest.FormulaTensor {
	var list []modeltest.FormulaTensor
	linear := func(name string, scale float64, out, in int) {
		list = append(list, modeltest.FormulaTensor{Name: name + ".weight", Shape: []int{out, in}, Scale: scale})
	}
	norm := func(name string) {
		list = append(list, modeltest.FormulaTensor{Name: name + ".weight", Shape: []int{32}, Scale: .125, Offset: 1})
	}
	linear("model.embed_tokens", .5, 48, 32)
	for l := range 2 {
		h := fmt.Sprintf("model.layers.%d.", l)
		norm(h + "input_layernorm")
		linear(h+"self_attn.q_proj", .25, 32, 32)
		linear(h+"self_attn.k_proj", .25, 16, 32)
		linear(h+"self_attn.v_proj", .25, 16, 32)
		linear(h+"self_attn.o_proj", .25, 32, 32)
		norm(h + "post_attention_layernorm")
		linear(h+"mlp.gate_proj", .25, 40, 32)
		linear(h+"mlp.up_proj", .25, 40, 32)
		linear(h+"mlp.down_proj", .25, 32, 40)
	}
	norm("model.norm")
	linear("lm_head", .25, 48, 32)
	return list
}

func loadFormula(t *testing.T, window, eps string, options map[string]string) lm.Model {
	t.Helper()
	dir := modeltest.FormulaCheckpoint(t, fmt.Sprintf(formulaConfig, window, eps), formulaTensors())
	return modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir, Options: options})
}

// TestFormulaWeights checks windows and the norm's epsilon against known losses, in both forms of attention, and that
// feeding the ring in pieces gives the same losses.
func TestFormulaWeights(t *testing.T) {
	tests := []struct {
		window, eps string
		options     map[string]string
		loss        float64
	}{
		{"4", "1e-5", nil, 4.2467799169},
		{"3", "1e-5", nil, 4.3162807579},
		{"5", "1e-5", nil, 4.4590589664},
		{"null", "1e-5", nil, 4.5526367764},
		{"4", "1e-5", map[string]string{"window_compat": "hf_legacy"}, 4.4590589664},
		{"4", "1e-5", map[string]string{"sliding_window_size": "3"}, 4.3162807579},
		{"null", "1e-5", map[string]string{"sliding_window_size": "5"}, 4.4590589664},
		{"4", "1e-6", nil, 4.246804},
		{"4", "1e-5", map[string]string{"use_flash_attention": "false"}, 4.2467799169},
		{"null", "1e-5", map[string]string{"use_flash_attention": "false"}, 4.5526367764},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("W=%s eps=%s %v", tt.window, tt.eps, tt.options), func(t *testing.T) {
			m := loadFormula(t, tt.window, tt.eps, tt.options)
			if got := m.Info().Parameters; got != 17056 {
				t.Errorf("%d parameters, want 17056", got)
			}
			s := modeltest.Scores(t, m, modeltest.FormulaTokens)
			modeltest.Near(t, "loss", []float64{modeltest.Mean(s.NLL)}, []float64{tt.loss}, 1e-6)
			modeltest.Streaming(t, m, modeltest.FormulaTokens, 1, 3, 4, 5, 6)
		})
	}
}

// TestFormulaVariants checks the settings of Llama and windows in some layers only. Another program computed the losses in
// float64. Feeding in pieces must give the same losses.
func TestFormulaVariants(t *testing.T) {
	tests := map[string]struct {
		change string // of the config
		loss   float64
	}{
		"llama":                {`"model_type": "llama", "sliding_window": null`, 4.5526367764},
		"full, then windowed":  {`"sliding_window": 4, "layer_types": ["full_attention", "sliding_attention"]`, 4.6211143015},
		"windowed, then full":  {`"sliding_window": 4, "layer_types": ["sliding_attention", "full_attention"]`, 4.2767248957},
		"windowed in all":      {`"sliding_window": 4, "layer_types": ["sliding_attention", "sliding_attention"]`, 4.2467799169},
		"default rotations":    {`"sliding_window": null, "rope_scaling": {"type": "default"}`, 4.5526367764},
		"rotations by 1":       {`"sliding_window": null, "rope_scaling": {"type": "linear", "factor": 1.0}`, 4.5526367764},
		"rotations by 4":       {`"sliding_window": null, "rope_parameters": {"rope_type": "linear", "factor": 4.0}`, 4.4472429498},
		"rotations of Llama 3": {`"sliding_window": null, "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 128}`, 4.5579726025},
		"biases of attention":  {`"sliding_window": null, "attention_bias": true`, 4.2451785518},
		"biases of the MLP":    {`"sliding_window": null, "mlp_bias": true`, 4.6310404304},
		"all biases":           {`"sliding_window": null, "attention_bias": true, "mlp_bias": true`, 4.3293212106},
	}
	for name, tt := range tests {
		for _, flash := range []string{"true", "false"} {
			t.Run(name+" use_flash_attention="+flash, func(t *testing.T) {
				m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{
					Checkpoint: variantCheckpoint(t, tt.change), Options: map[string]string{"use_flash_attention": flash},
				})
				s := modeltest.Scores(t, m, modeltest.FormulaTokens)
				modeltest.Near(t, "loss", []float64{modeltest.Mean(s.NLL)}, []float64{tt.loss}, 1e-6)
				modeltest.Streaming(t, m, modeltest.FormulaTokens, 1, 3, 4, 5, 6)
				modeltest.Cost(t, m, 1, 3, 4, 5, 12)
			})
		}
	}
}

// variantCheckpoint writes formula weights with a changed config.
func variantCheckpoint(t *testing.T, change string) string {
	t.Helper()
	list := formulaTensors()
	for _, w := range formulaTensors() {
		if name, ok := strings.CutSuffix(w.Name, "_proj.weight"); ok && strings.Contains(change, biasOf(name)) {
			list = append(list, modeltest.FormulaTensor{Name: name + "_proj.bias", Shape: w.Shape[:1], Scale: .125})
		}
	}
	config := fmt.Sprintf(formulaConfig, "null", "1e-5")
	config = strings.Replace(config, `"sliding_window": null`, change, 1)
	if strings.Contains(change, "model_type") {
		config = strings.Replace(config, `"model_type": "mistral", `, "", 1)
	}
	return modeltest.FormulaCheckpoint(t, config, list)
}

// biasOf returns the config key that gives a projection a bias.
func biasOf(projection string) string {
	if strings.Contains(projection, "mlp") {
		return "mlp_bias"
	}
	return "attention_bias"
}

func TestFormulaLogits(t *testing.T) {
	logits := modeltest.Scores(t, loadFormula(t, "4", "1e-5", nil), modeltest.FormulaTokens).Logits
	modeltest.Near(t, "last logits", logits[11*48:][:6],
		[]float64{-.72807296, -1.13916900, .56307536, 1.60160361, -.44753360, -.11466141}, 3e-6)
	modeltest.Near(t, "first logits", logits[:4], []float64{-.07722396, -.23511936, .36654219, .11850195}, 2e-6)
	sum, squares := modeltest.Sums(logits)
	modeltest.Near(t, "sums", []float64{sum, squares}, []float64{3.08695940, 381.92607250}, 1e-4)
	want := []int{46, 21, 46, 13, 19, 37, 15, 23, 19, 19, 18, 39}
	if got := modeltest.Argmax(logits, 48); !slices.Equal(got, want) {
		t.Errorf("most likely tokens %v, want %v", got, want)
	}
}
