package main

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
)

func TestConfig(t *testing.T) {
	want := defaultConfig()
	want.Channels, want.Rank, want.Layers = 1536, 48, 24
	published := `{"architectures": ["MambaForCausalLM"], "bos_token_id": 0, "conv_kernel": 4, "d_inner": 1536, "d_model": 768,
		"eos_token_id": 0, "expand": 2, "fused_add_norm": true, "hidden_act": "silu", "hidden_size": 768, "initializer_range": 0.1,
		"intermediate_size": 1536, "layer_norm_epsilon": 1e-05, "model_type": "mamba", "n_layer": 24, "num_hidden_layers": 24,
		"pad_token_id": 0, "pad_vocab_size_multiple": 8, "rescale_prenorm_residual": false, "residual_in_fp32": true,
		"rms_norm": true, "ssm_cfg": {}, "state_size": 16, "time_step_floor": 0.0001, "time_step_init_scheme": "random",
		"time_step_max": 0.1, "time_step_min": 0.001, "time_step_rank": 48, "time_step_scale": 1.0, "torch_dtype": "float32",
		"use_bias": false, "use_cache": true, "use_conv_bias": true, "vocab_size": 50280}`
	for name, data := range map[string]string{
		"published": published,
		"defaults":  `{"num_hidden_layers": 24}`,
		"auto rank": `{"num_hidden_layers": 24, "time_step_rank": "auto"}`,
		"variant":   config130M,
	} {
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

func TestConfig2(t *testing.T) {
	data, err := os.ReadFile("testdata/mamba2-tiny/config.json")
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig2()
	want.Vocab, want.Dim, want.States, want.Layers, want.Heads, want.HeadDim, want.Groups, want.NormGroups = 384, 64, 16, 2, 8, 16, 2, 1
	c, r, err := parseConfig2(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c); diff != "" || len(r.Warnings()) != 1 {
		t.Errorf("warnings %q, config (-want +got):\n%s", r.Warnings(), diff)
	}
	saved, err := r.Effective(c)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := parseConfig2(saved, nil)
	if diff := cmp.Diff(want, again); diff != "" || err != nil {
		t.Errorf("saved and read again: %v\n%s", err, diff)
	}
	for data, message := range map[string]string{
		`{"num_heads": 3}`:                  "num_heads 3 times head_dim 64 is not expand 2 times hidden_size 4096",
		`{"n_groups": 3}`:                   "num_heads 128 is not a multiple of n_groups 3",
		`{"n_groups": 0}`:                   "n_groups is 0",
		`{"norm_groups": 0}`:                "norm_groups is 0",
		`{"norm_groups": 3}`:                "not a multiple of norm_groups 3",
		`{"time_step_limit": 1}`:            "want a list of two numbers",
		`{"time_step_limit": [2, 1]}`:       "time_step_limit is [2 1]",
		`{"time_step_limit": [0, "large"]}`: "want a list of two numbers",
		`{"time_step_limit": [0, null]}`:    "want a list of two numbers",
		`{"model_type": "mamba"}`:           `model_type is "mamba"`,
	} {
		if _, _, err := parseConfig2([]byte(data), nil); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: error %v, want one with %q", data, err, message)
		}
	}
}

func TestConfigOptions(t *testing.T) {
	c, r, err := parseConfig([]byte(`{"hidden_size": 20, "zeta": 1}`), map[string]string{"hidden_size": "40", "eos_token_id": "[1, 2]"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Dim != 40 || c.Channels != 80 || c.Rank != 3 || !cmp.Equal(c.EOS, config.IDs{1, 2}) {
		t.Errorf("options did not take effect: %+v", c)
	}
	if w := r.Warnings(); len(w) != 1 || !strings.Contains(w[0], "zeta") {
		t.Errorf("warnings %q, want one about zeta", w)
	}
}

func TestConfigTokensOutsideTheVocabulary(t *testing.T) {
	const data = `{"vocab_size": 10, "eos_token_id": [3, 10]}`
	c, r, err := parseConfig([]byte(data), nil)
	if err != nil || !cmp.Equal(c.EOS, config.IDs{3}) || len(r.Warnings()) != 1 {
		t.Errorf("Mamba: ids %v, warnings %q, %v", c.EOS, r.Warnings(), err)
	}
	c2, r, err := parseConfig2([]byte(data), nil)
	if err != nil || !cmp.Equal(c2.EOS, config.IDs{3}) || len(r.Warnings()) != 1 {
		t.Errorf("Mamba-2: ids %v, warnings %q, %v", c2.EOS, r.Warnings(), err)
	}
}

func TestConfigActivationNames(t *testing.T) {
	const data = `{"hidden_act": "swish"}`
	c, _, err := parseConfig([]byte(data), nil)
	if err != nil || c.Act != "silu" {
		t.Errorf("Mamba: %q, %v", c.Act, err)
	}
	c2, _, err := parseConfig2([]byte(data), nil)
	if err != nil || c2.Act != "silu" {
		t.Errorf("Mamba-2: %q, %v", c2.Act, err)
	}
}

func TestConfigRefuses(t *testing.T) {
	for data, message := range map[string]string{
		`{"hidden_size": 0}`:                          "hidden_size is 0",
		`{"vocab_size": 99999999999}`:                 "vocab_size is 99999999999",
		`{"conv_kernel": -1}`:                         "conv_kernel is -1",
		`{"intermediate_size": 700}`:                  "intermediate_size 700 is not expand 2 times hidden_size 768",
		`{"time_step_rank": 0}`:                       `want a whole number of at least 1, or "auto"`,
		`{"time_step_rank": "many"}`:                  `want a whole number of at least 1, or "auto"`,
		`{"hidden_act": "relu"}`:                      `hidden_act is "relu"`,
		`{"model_type": "gpt2"}`:                      `model_type is "gpt2"`,
		`{"layer_norm_epsilon": 0}`:                   "layer_norm_epsilon is 0",
		`{"initializer_range": -1}`:                   "initializer_range is -1",
		`{"time_step_min": 0.2}`:                      "need 0 < min <= max",
		`{"time_step_init_scheme": "none"}`:           `time_step_init_scheme is "none"`,
		`{"hidden_size": "wide"}`:                     `key "hidden_size" is "wide", want a whole number`,
		`{"hidden_size": 8, "d_model": 16}`:           `"hidden_size" and "d_model" contradict each other`,
		`{"hidden_size": 8, "hidden_size": 8}`:        "duplicate key",
		`{"use_bias": 1, "time_step_scale": 1}`:       `key "use_bias" is 1, want true or false`,
		`{"hidden_size": 1048577, "expand": 1}`:       "hidden_size is 1048577",
		`{"expand": 1048576, "hidden_size": 1048576}`: "intermediate_size is",
		`[]`: "",
	} {
		if _, _, err := parseConfig([]byte(data), nil); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: error %v, want one with %q", data, err, message)
		}
	}
	if _, _, err := parseConfig([]byte(`{}`), map[string]string{"sliding_window": "2"}); err == nil {
		t.Error("an unknown option was accepted")
	}
}

func TestSchema(t *testing.T) {
	_, r, err := parseConfig([]byte("{}"), nil)
	_, r2, err2 := parseConfig2([]byte("{}"), nil)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	accepted := []string{config3M, config130M, config2_3M, config2_130M}
	for _, name := range fixtures {
		data, err := os.ReadFile("testdata/" + name + "/config.json")
		if err != nil {
			t.Fatal(err)
		}
		accepted = append(accepted, string(data))
	}
	modeltest.Schema(t, schema, append(r.Settings(), r2.Settings()...), accepted, []string{`{"state_size": "two"}`})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(config3M))
	f.Add([]byte(smallConfig))
	f.Add([]byte(`{"d_model": 4, "n_layer": 1, "vocab_size": 3, "ssm_cfg": {"d_state": 2, "dt_rank": "auto"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		data, err := modernise(data)
		if err != nil {
			return
		}
		c, r, err := parseConfig(data, nil)
		if err != nil {
			return
		}
		if _, err := r.Effective(c); err != nil {
			t.Errorf("effective config: %v", err)
		}
		if c.Layers <= 2 && c.Channels <= 64 && c.States <= 64 && c.Vocab <= 64 && c.Taps <= 64 && c.Rank <= 64 {
			ps := nn.NewParams(nil, 1, nn.Precision{})
			if New(c, ps); ps.Err() != nil {
				t.Errorf("declaring: %v", ps.Err())
			}
		}
	})
}

func FuzzConfig2(f *testing.F) {
	f.Add([]byte(config2_3M))
	f.Add([]byte(smallConfig2))
	f.Add([]byte(`{"d_model": 32, "n_layer": 1, "vocab_size": 3, "ssm_cfg": {"layer": "Mamba2", "headdim": 8}}`))
	f.Add([]byte(`{"model_type": "mamba2", "time_step_limit": [0.0, {"__float__": "Infinity"}]}`))
	f.Add([]byte(`{"model_type": "mamba2", "time_step_limit": [0.0, Infinity]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		data, err := modernise(data)
		if err != nil {
			return
		}
		c, r, err := parseConfig2(data, nil)
		if err != nil {
			return
		}
		if _, err := r.Effective(c); err != nil {
			t.Errorf("effective config: %v", err)
		}
	})
}

// TestInfinity reads an infinite bound as Python programs write it, before and since transformers 5.
func TestInfinity(t *testing.T) {
	for _, spelled := range []string{`Infinity`, `{"__float__": "Infinity"}`} {
		c, r, err := parseConfig2([]byte(`{"model_type": "mamba2", "time_step_limit": [0.5, `+spelled+`]}`), nil)
		if err != nil || c.Limits != (limits{0.5, math.Inf(1)}) {
			t.Errorf("%s: limits %v, %v", spelled, c.Limits, err)
			continue
		}
		if text, err := r.Effective(c); err != nil || !json.Valid(text) {
			t.Errorf("%s: effective config %s, %v", spelled, text, err)
		}
	}
	if _, _, err := parseConfig2([]byte(`{"model_type": "mamba2", "time_step_limit": [0, NaN]}`), nil); err == nil {
		t.Error("NaN was accepted as a bound")
	}
}

// TestNormGroups reads configs of several programs, which disagree on the normalisation after the gate.
func TestNormGroups(t *testing.T) {
	for data, want := range map[string]struct{ groups, warnings int }{
		`{}`:                                  {groups: 8},
		`{"n_groups": 2}`:                     {groups: 2},
		`{"transformers_version": "5.23.0"}`:  {groups: 8},
		`{"transformers_version": "6.0.dev"}`: {groups: 8},
		`{"transformers_version": null}`:      {groups: 8},
		`{"transformers_version": 4}`:         {groups: 8},
		`{"transformers_version": "5.22.0"}`:  {groups: 1, warnings: 1},
		`{"transformers_version": "4.44.0.dev0", "time_step_limit": [0, Infinity]}`: {groups: 1, warnings: 1},
		`{"transformers_version": "4.44.0", "norm_groups": 8}`:                      {groups: 8},
		`{"transformers_version": "4.44.0", "n_groups": 1}`:                         {groups: 1},
	} {
		c, r, err := parseConfig2([]byte(data), nil)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if got := len(r.Warnings()); c.NormGroups != want.groups || got != want.warnings {
			t.Errorf("%s: %d groups, %d warnings, want %+v", data, c.NormGroups, got, want)
		}
	}
}
