package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/kernel"
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
		`{"n_embd": 100, "n_head": 3}`:               "n_embd 100 is no multiple of n_head 3",
		`{"n_layer": 0}`:                             "n_layer is 0",
		`{"n_positions": -1}`:                        "n_positions is -1",
		`{"n_ctx": 10, "n_positions": 20}`:           `"n_positions" and "n_ctx" contradict each other`,
		`{"activation_function": "swish2"}`:          `activation_function is "swish2"`,
		`{"layer_norm_epsilon": 0}`:                  "layer_norm_epsilon is 0",
		`{"add_cross_attention": true}`:              "add_cross_attention",
		`{"model_type": "mistral"}`:                  `model_type is "mistral"`,
		`{"n_embd": "wide"}`:                         `key "n_embd" is "wide", want a whole number`,
		`{"initializer_range": 0, "vocab_size": 10}`: "initializer_range is 0",
		`[]`: "",
	} {
		if _, _, err := parseConfig([]byte(data), nil); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: error %v, want one with %q", data, err, message)
		}
	}
	if _, _, err := parseConfig([]byte(`{}`), map[string]string{"n_layers": "2"}); err == nil {
		t.Error("an option that is no key was accepted")
	}
}

func TestConfigWarns(t *testing.T) {
	_, r, err := parseConfig([]byte(`{"n_head_typo": 3}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if w := r.Warnings(); len(w) != 1 || !strings.Contains(w[0], "n_head_typo") {
		t.Errorf("warnings %q, want one about n_head_typo", w)
	}
}

// TestSchema checks that the schema accepts what the parser accepts, and refuses a wrong type.
func TestSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	fixture, err := os.ReadFile("testdata/gpt2-tiny/config.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{config3M, config124M, string(fixture)} {
		var v any
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s\n%v", data, err)
		}
	}
	if s.Validate(map[string]any{"n_layer": "two"}) == nil {
		t.Error("n_layer of a string was accepted")
	}
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
			ps := nn.NewParams(nil, 1, kernel.F32, kernel.F32)
			if New(c, ps); ps.Err() != nil {
				t.Errorf("declaring: %v", ps.Err())
			}
		}
	})
}
