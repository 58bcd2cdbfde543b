package main

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
)

func TestConfigSpellings(t *testing.T) {
	seed := `{"model_type": "mistral", "vocab_size": 32000, "hidden_size": 2048, "num_layers": 24, "num_attention_heads": 32,
		"num_kv_heads": 8, "intermediate_size": 5632, "max_position_embeddings": 32768, "sliding_window": 4096,
		"rope_theta": 10000.0, "rms_norm_eps": 1e-6, "layer_norm_eps": 1e-6, "dropout": 0.1, "attention_dropout": 0.1,
		"activation_function": "silu", "initializer_range": 0.02, "use_cache": true, "torch_dtype": "float32",
		"pad_token_id": 3, "bos_token_id": 1, "eos_token_id": 2, "output_attentions": false, "output_hidden_states": false}`
	hf := `{"model_type": "mistral", "architectures": ["MistralForCausalLM"], "vocab_size": 32000, "hidden_size": 2048,
		"num_hidden_layers": 24, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 5632,
		"max_position_embeddings": 32768, "sliding_window": 4096, "rope_parameters": {"rope_theta": 1e4, "rope_type": "default"},
		"rms_norm_eps": 1e-6, "hidden_act": "silu", "initializer_range": 0.02, "dtype": "float32", "bos_token_id": 1,
		"eos_token_id": 2, "tie_word_embeddings": false}`
	want := Config{
		ModelType: "mistral", Vocab: 32000, Dim: 2048, Layers: 24, Heads: 32, KVHeads: 8, HeadDim: 64, Inner: 5632,
		MaxPositions: 32768, Window: new(4096), Theta: 1e4, Eps: 1e-6, Activation: "silu", InitStd: .02,
		BOS: config.IDs{1}, EOS: config.IDs{2}, UseFlash: true,
	}
	for name, data := range map[string]string{"seed": seed, "hugging face": hf, "variant": config1200M} {
		c, r, err := parseConfig([]byte(data), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, c); diff != "" || len(r.Warnings()) > 0 {
			t.Errorf("%s: warnings %q, config (-want +got):\n%s", name, r.Warnings(), diff)
		}
		saved, err := r.Effective(c)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := parseConfig(saved, nil)
		if diff := cmp.Diff(want, again); diff != "" || err != nil {
			t.Errorf("%s: saved and read again: %v\n%s", name, err, diff)
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	tests := []struct {
		data    string
		options map[string]string
		kvHeads int
		headDim int
		keys    int
	}{
		{data: `{}`, kvHeads: 32, headDim: 128, keys: 4096},
		{data: `{"num_kv_heads": null, "head_dim": null, "sliding_window": null}`, kvHeads: 32, headDim: 128, keys: 0},
		{data: `{"num_kv_heads": 4, "head_dim": 6, "sliding_window": 7}`, kvHeads: 4, headDim: 6, keys: 7},
		{data: `{"sliding_window": 7, "window_compat": "hf_legacy"}`, kvHeads: 32, headDim: 128, keys: 8},
		{data: `{}`, options: map[string]string{"sliding_window_size": "1024"}, kvHeads: 32, headDim: 128, keys: 1024},
		{data: `{"model_type": "llama"}`, kvHeads: 32, headDim: 128, keys: 0},
		{data: `{"model_type": "llama", "sliding_window": null}`, kvHeads: 32, headDim: 128, keys: 0},
		{data: `{"model_type": "llama"}`, options: map[string]string{"sliding_window_size": "9"}, kvHeads: 32, headDim: 128, keys: 9},
		{data: `{"num_hidden_layers": 2, "layer_types": ["full_attention", "sliding_attention"]}`, kvHeads: 32, headDim: 128, keys: 0},
		{data: `{"num_hidden_layers": 2, "layer_types": ["full_attention", "sliding_attention"]}`,
			options: map[string]string{"sliding_window_size": "9"}, kvHeads: 32, headDim: 128, keys: 9},
		{data: `{"sliding_window": 7}`, options: map[string]string{"sliding_window": "null"}, kvHeads: 32, headDim: 128, keys: 0},
	}
	for _, tt := range tests {
		c, _, err := parseConfig([]byte(tt.data), tt.options)
		if err != nil {
			t.Errorf("%s %v: %v", tt.data, tt.options, err)
			continue
		}
		if c.KVHeads != tt.kvHeads || c.HeadDim != tt.headDim || c.keys(0) != tt.keys {
			t.Errorf("%s %v: %d key heads of %d and %d keys, want %d, %d, %d",
				tt.data, tt.options, c.KVHeads, c.HeadDim, c.keys(0), tt.kvHeads, tt.headDim, tt.keys)
		}
	}
}

func TestConfigRefuses(t *testing.T) {
	for data, message := range map[string]string{
		`{"num_attention_heads": 6, "num_kv_heads": 4}`:             "num_attention_heads 6 is not a multiple of num_key_value_heads 4",
		`{"num_kv_heads": 2, "num_key_value_heads": 4}`:             `"num_key_value_heads" and "num_kv_heads" contradict each other`,
		`{"num_attention_heads": 0}`:                                "num_attention_heads is 0",
		`{"num_attention_heads": 3}`:                                "set head_dim",
		`{"head_dim": 7}`:                                           "head_dim is 7, must be even",
		`{"sliding_window": 0}`:                                     "sliding_window is 0",
		`{"sliding_window": "wide"}`:                                `key "sliding_window" is "wide", want a whole number`,
		`{"sliding_window_size": 4097}`:                             "sliding_window_size is 4097, must be from 1 to sliding_window 4096",
		`{"sliding_window_size": 0}`:                                "sliding_window_size is 0",
		`{"sliding_window": null, "sliding_window_size": 40000}`:    "max_position_embeddings 32768",
		`{"window_compat": "other"}`:                                "window_compat",
		`{"hidden_act": "gelu"}`:                                    `hidden_act is "gelu"`,
		`{"rope_theta": 0}`:                                         "rope_theta is 0",
		`{"rope_parameters": {"rope_type": "yarn"}}`:                `rope_type is "yarn"`,
		`{"rope_scaling": {"type": "yarn", "factor": 2}}`:           `rope_type is "yarn": only default, linear and llama3`,
		`{"rope_scaling": {"rope_type": "longrope", "factor": 2}}`:  `rope_type is "longrope"`,
		`{"rope_scaling": {"type": "linear"}}`:                      "factor of the linear rotations is 0",
		`{"rope_scaling": {"type": "linear", "rope_type": "yarn"}}`: "contradict each other",
		`{"rope_scaling": {"factor": 2}}`:                           "there is no rope_type",
		`{"rope_scaling": "linear"}`:                                `key "rope_scaling" is "linear", want an object`,
		`{"rope_scaling": {"type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4}}`: "need 0 < low < high",
		`{"rope_parameters": {"full_attention": {"rope_theta": 1e4}}}`:                                   "differ between layers",
		`{"partial_rotary_factor": 0.5}`:                                                                 "partial_rotary_factor is 0.5",
		`{"partial_rotary_factor": 0.5, "rope_parameters": {"partial_rotary_factor": 0.5}}`:              "partial_rotary_factor is 0.5",
		`{"layer_types": ["full_attention"]}`:                                                            "layer_types has 1 entries for 32 layers",
		`{"num_hidden_layers": 1, "layer_types": ["chunked_attention"]}`:                                 `layer_types[0] is "chunked_attention"`,
		`{"num_hidden_layers": 1, "layer_types": ["sliding_attention"], "sliding_window": null}`:         "there is no sliding_window",
		`{"num_hidden_layers": 1, "layer_types": ["sliding_attention"], "model_type": "llama"}`:          "there is no sliding_window",
		`{"rope_theta": 1e6, "rope_parameters": {"rope_theta": 1e4}}`:                                    "contradict each other",
		`{"rms_norm_eps": -1}`:       "rms_norm_eps is -1",
		`{"model_type": "gpt2"}`:     `model_type is "gpt2"`,
		`{"intermediate_size": 2.5}`: `key "intermediate_size" is 2.5, want a whole number`,
	} {
		if _, _, err := parseConfig([]byte(data), nil); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: error %v, want one with %q", data, err, message)
		}
	}
}

func TestConfigWarns(t *testing.T) {
	for data, word := range map[string]string{
		`{"sliding_windows": 3}`:                                   `"sliding_windows"`,
		`{"model_type": "llama", "sliding_window": 3}`:             "sliding_window 3 has no effect",
		`{"rope_scaling": {"type": "default", "factor": 2}}`:       "factor 2 has no effect",
		`{"rope_parameters": {"rope_type": "default", "beta": 1}}`: `"rope_parameters.beta"`,
	} {
		_, r, err := parseConfig([]byte(data), nil)
		if err != nil {
			t.Fatal(err)
		}
		if w := r.Warnings(); len(w) != 1 || !strings.Contains(w[0], word) {
			t.Errorf("%s: warnings %q, want one about %s", data, w, word)
		}
	}
}

// TestActivationNames checks that both names of the activation are accepted.
func TestActivationNames(t *testing.T) {
	for _, data := range []string{`{"hidden_act": "swish"}`, `{"activation_function": "swish"}`, `{"hidden_act": "silu"}`, `{}`} {
		if c, _, err := parseConfig([]byte(data), nil); err != nil || c.Activation != "silu" {
			t.Errorf("%s: %q, %v", data, c.Activation, err)
		}
	}
}

// TestFrequencies compares scaled rotations with the published formula in float64: those of Llama 3.2 1B, where a few of 64
// components lie between fast and slow, and those of interpolated positions.
func TestFrequencies(t *testing.T) {
	for _, spelling := range []string{`"rope_theta": 5e5, "rope_scaling": {"type"`, `"rope_parameters": {"rope_theta": 5e5, "rope_type"`} {
		c, r, err := parseConfig([]byte(`{"model_type": "llama", "head_dim": 64, `+spelling+`: "llama3", "factor": 32,
			"low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8192}}`), nil)
		if err != nil || len(r.Warnings()) > 0 {
			t.Fatal(err, r.Warnings())
		}
		freq := c.frequencies()
		for i, want := range map[int]float64{
			0: 1, 10: .01656044008, 13: .004839421346, 14: .003211445995, 15: .001290547928, 16: .0004295567966,
			17: 9.708287803e-5, 18: 1.946163818e-5, 31: 9.418306725e-8,
		} {
			if got := float64(freq[i]); math.Abs(got-want) > 1e-6*want {
				t.Errorf("llama3: frequency %d is %.10g, want %.10g", i, got, want)
			}
		}
		saved, err := r.Effective(c)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := parseConfig(saved, nil)
		if diff := cmp.Diff(c, again); diff != "" || err != nil {
			t.Errorf("saved and read again: %v\n%s", err, diff)
		}
	}
	c, _, err := parseConfig([]byte(`{"head_dim": 4, "rope_scaling": {"rope_type": "linear", "factor": 4.0}}`), nil)
	if diff := cmp.Diff([]float32{.25, .0025}, c.frequencies()); diff != "" || err != nil {
		t.Errorf("linear: %v\n%s", err, diff)
	}
}

func TestSchema(t *testing.T) {
	accepted := []string{config3M, config1200M}
	for _, name := range []string{"mistral-window", "mistral-full"} {
		data, err := os.ReadFile("testdata/" + name + "/config.json")
		if err != nil {
			t.Fatal(err)
		}
		accepted = append(accepted, string(data))
	}
	_, r, err := parseConfig([]byte("{}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	modeltest.Schema(t, schema, r.Settings(), accepted, []string{`{"head_dim": 7.0}`})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(config3M))
	f.Add([]byte(`{"hidden_size": 8, "num_attention_heads": 2, "num_layers": 1, "vocab_size": 3, "intermediate_size": 4}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, r, err := parseConfig(data, nil)
		if err != nil {
			return
		}
		if _, err := r.Effective(c); err != nil {
			t.Errorf("effective config: %v", err)
		}
		if c.Layers <= 2 && c.Inner <= 64 && c.Dim <= 64 && c.Vocab <= 64 && c.Heads <= 8 && c.HeadDim <= 64 {
			ps := nn.NewParams(nil, 1, nn.Precision{})
			if New(c, ps); ps.Err() != nil {
				t.Errorf("declaring: %v", ps.Err())
			}
		}
	})
}
