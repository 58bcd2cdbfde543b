package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
)

func TestConfigSpellings(t *testing.T) {
	hf := `{"model_type": "gpt2", "vocab_size": 32000, "n_embd": 256, "n_layer": 6, "n_head": 8, "n_positions": 512,
		"n_inner": null, "layer_norm_epsilon": 1e-6, "bos_token_id": 1, "eos_token_id": [2, 3]}`
	other := `{"model_type": "gpt2", "vocab_size": 32000, "hidden_size": 256, "num_layers": 6, "num_attention_heads": 8,
		"max_position_embeddings": 512, "layer_norm_eps": 1e-6, "dropout": 0.1, "bos_token_id": 1, "eos_token_id": [2, 3]}`
	want := Config{
		ModelType: "gpt2", Vocab: 32000, Positions: 512, Dim: 256, Layers: 6, Heads: 8, Inner: 1024, Activation: "gelu_new",
		Eps: 1e-6, InitStd: .02, Scale: true, Tied: true, BOS: config.IDs{1}, EOS: config.IDs{2, 3}, UseFlash: true,
	}
	for name, data := range map[string]string{"hugging face": hf, "other": other} {
		c, r, err := parseConfig([]byte(data), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := want
		if name == "other" {
			want.EmbedDrop, want.ResidualDrop = .1, .1
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

func TestConfigRefuses(t *testing.T) {
	for data, message := range map[string]string{
		`{"n_embd": 100, "n_head": 3}`:                       "n_embd 100 is not a multiple of n_head 3",
		`{"n_layer": 0}`:                                     "n_layer is 0",
		`{"n_positions": -1}`:                                "n_positions is -1",
		`{"max_position_embeddings": 10, "n_positions": 20}`: `"n_positions" and "max_position_embeddings" contradict each other`,
		`{"activation_function": "swish2"}`:                  `activation_function is "swish2"`,
		`{"activation_function": "quick_gelu"}`:              `activation_function is "quick_gelu"`,
		`{"layer_norm_epsilon": 0}`:                          "layer_norm_epsilon is 0",
		`{"add_cross_attention": true}`:                      "add_cross_attention",
		`{"model_type": "mistral"}`:                          `model_type is "mistral"`,
		`{"n_embd": "wide"}`:                                 `key "n_embd" is "wide", want a whole number`,
		`{"initializer_range": 0, "vocab_size": 10}`:         "initializer_range is 0",
		`[]`: "",
	} {
		if _, _, err := parseConfig([]byte(data), nil); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: error %v, want one with %q", data, err, message)
		}
	}
	if _, _, err := parseConfig([]byte(`{}`), map[string]string{"n_layers": "2"}); err == nil {
		t.Error("an unknown option was accepted")
	}
}

func TestConfigWarns(t *testing.T) {
	for data, word := range map[string]string{
		`{"n_head_typo": 3}`:                "n_head_typo",
		`{"n_positions": 72, "n_ctx": 100}`: "n_ctx 100 has no effect beside n_positions 72",
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

// TestRelics checks that keys that Hugging Face does not read count only in the absence of the key that it reads.
func TestRelics(t *testing.T) {
	beside := `{"n_positions": 72, "n_ctx": 1024, "n_layer": 2, "num_layers": 3, "n_inner": 8, "intermediate_size": 9,
		"activation_function": "relu", "hidden_act": "gelu", "layer_norm_epsilon": 1e-6, "layer_norm_eps": 1e-5}`
	alone := `{"n_ctx": 72, "num_layers": 2, "intermediate_size": 8, "hidden_act": "relu", "layer_norm_eps": 1e-6}`
	for data, warnings := range map[string]int{beside: 5, alone: 0} {
		c, r, err := parseConfig([]byte(data), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := []any{c.Positions, c.Layers, c.Inner, c.Activation, c.Eps}
		if diff := cmp.Diff([]any{72, 2, 8, config.Activation("relu"), 1e-6}, got); diff != "" || len(r.Warnings()) != warnings {
			t.Errorf("%s: warnings %q, want %d\n%s", data, r.Warnings(), warnings, diff)
		}
	}
}

// TestActivations checks that the model and its formulas have the same activations, at the same cost.
func TestActivations(t *testing.T) {
	if len(activationFLOPs) != len(activations) {
		t.Errorf("%d activations have a cost, %d are served", len(activationFLOPs), len(activations))
	}
	for name, a := range activations {
		if string(name) != a.Name || int64(activationFLOPs[name]) != a.FLOPs {
			t.Errorf("%s: the formula has %d FLOPs, the operation %s counts %d", name, activationFLOPs[name], a.Name, a.FLOPs)
		}
	}
}

func TestSchema(t *testing.T) {
	fixture, err := os.ReadFile("testdata/gpt2-tiny/config.json")
	if err != nil {
		t.Fatal(err)
	}
	_, r, err := parseConfig([]byte("{}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	modeltest.Schema(t, schema, r.Settings(), []string{config3M, config124M, string(fixture)}, []string{`{"n_layer": "two"}`})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(config3M))
	f.Add([]byte(`{"n_embd": 8, "n_head": 2, "n_layer": 1, "vocab_size": 3, "n_positions": 4}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, r, err := parseConfig(data, nil)
		if err != nil {
			return
		}
		if _, err := r.Effective(c); err != nil {
			t.Errorf("effective config: %v", err)
		}
		if c.Layers <= 2 && c.Inner <= 64 && c.Dim <= 64 && c.Vocab <= 64 && c.Positions <= 64 {
			ps := nn.NewParams(nil, 1, nn.Precision{})
			if New(c, ps); ps.Err() != nil {
				t.Errorf("declaring: %v", ps.Err())
			}
		}
	})
}
