package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
)

// TestVariantsAreTheTrainedConfigs compares the presets with the configs of the trained checkpoints, key by key.
func TestVariantsAreTheTrainedConfigs(t *testing.T) {
	parameters := map[string]int64{"bk-row-3m": 2633983, "bk-diag-3m": 2645386, "bk-original-3m": 2644272, "bk-keyed-3m": 2642646}
	for name, want := range parameters {
		got := variantConfig(t, name)
		if diff := cmp.Diff(object(t, readFile(t, name+"/config.json")), flat(object(t, got))); diff != "" {
			t.Errorf("%s (-trained +preset):\n%s", name, diff)
		}
		if _, ps := newNetwork(t, got, 1); ps.Count() != want {
			t.Errorf("%s has %d parameters, want %d", name, ps.Count(), want)
		}
	}
	if variantConfig(t, "3m") != variantConfig(t, "bk-row-3m") {
		t.Error("3m is not bk-row-3m")
	}
}

func variantConfig(t *testing.T, name string) string {
	t.Helper()
	for _, v := range (Family{}).Describe().Variants {
		if v.Name == name {
			return v.Config
		}
	}
	t.Fatalf("no variant %s", name)
	return ""
}

func object(t *testing.T, data string) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// flat moves the settings of parts to the top level, as in older folders.
func flat(config map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range config {
		if part, ok := value.(map[string]any); ok {
			maps.Copy(out, part)
		} else {
			out[key] = value
		}
	}
	return out
}

// TestPartsMayBeFlat checks that a config with and without part objects gives the same model, bit for bit, and that an
// option may name a setting either way.
func TestPartsMayBeFlat(t *testing.T) {
	documents := map[string]string{"scattering": readFile(t, "bk-seed-router/config.json"), "bump": readFile(t, "bk-seed-birman-schwinger/config.json")}
	maps.Copy(documents, configs)
	for name, config := range documents {
		t.Run(name, func(t *testing.T) {
			nested, ps := newNetwork(t, config, 3)
			parts := object(t, string(nested.Config()))
			older, err := json.Marshal(flat(parts))
			if err != nil {
				t.Fatal(err)
			}
			for _, again := range []string{string(nested.Config()), string(older)} {
				net, other := newNetwork(t, again, 3)
				if diff := cmp.Diff(parts, object(t, string(net.Config()))); diff != "" || other.Count() != ps.Count() {
					t.Errorf("%s: %d parameters, want %d\n%s", again, other.Count(), ps.Count(), diff)
				}
				if got, want := forward(t, net, newPass()), forward(t, nested, newPass()); got != want {
					t.Errorf("%s: loss %v, want %v", again, got, want)
				}
			}
		})
	}
	for _, key := range []string{"eta_mode", "core.eta_mode"} {
		for _, config := range []string{`{"n_layers": 1}`, `{"n_layers": 1, "eta_mode": "learned"}`, `{"n_layers": 1, "core": {"eta_mode": "learned"}}`} {
			net, _, err := Family{}.New([]byte(config), map[string]string{key: "const"}, nn.NewParams(nil, 1, nn.Precision{}))
			if err != nil {
				t.Fatal(err)
			}
			if got := flat(object(t, string(net.Config())))["eta_mode"]; got != "const" {
				t.Errorf("%s with option %s: eta_mode %v", config, key, got)
			}
		}
	}
}

func TestConfigRefuses(t *testing.T) {
	for data, message := range map[string]string{
		`{"mode": "causal"}`:                                     `mode is "causal", must be bidirectional or causal-diag or causal-keyed or causal-row`,
		`{"model_type": "gpt2"}`:                                 `model_type is "gpt2"`,
		`{"n_layers": 0}`:                                        "n_layers is 0",
		`{"bk_heads": -3}`:                                       "bk_heads is -3",
		`{"d_value": 0}`:                                         "d_value is 0",
		`{"eta_mode": "gate"}`:                                   `eta_mode is "gate", must be const or learned`,
		`{"mode": "causal-keyed", "key_dim": 0}`:                 "key_dim is 0",
		`{"mode": "causal-keyed", "conv_kernel": -1}`:            "conv_kernel is -1",
		`{"mode": "causal-keyed", "d_value": 0}`:                 "d_value is 0",
		`{"mode": "causal-keyed", "eta_mode": "token"}`:          `eta_mode is "token", must be const or gate or learned`,
		`{"mode": "causal-diag", "d_value": 16}`:                 "d_value is 16",
		`{"k_mode": "none"}`:                                     `k_mode is "none", must be const or gate or learned`,
		`{"eta_mode": "const", "eta_value": 0}`:                  "eta_value",
		`{"eta_min": -1}`:                                        "eta_min is -1",
		`{"eta_min": 0.1}`:                                       "eta_init_min is 0.05, must be above eta_min 0.1",
		`{"eta_init_max": 0.01}`:                                 "eta_init_max 0.01 is below eta_init_min 0.05",
		`{"feature_clamp": 0}`:                                   "feature_clamp is 0",
		`{"lm_head_bias": true}`:                                 `lm_head_bias is "true", must be false`,
		`{"position_embedding": "learned"}`:                      `position_embedding is "learned"`,
		`{"d_model": "wide"}`:                                    `key "d_model" is "wide", want a whole number`,
		`{"mode": "bidirectional", "n_seq": 0}`:                  "n_seq is 0",
		`{"mode": "bidirectional", "z_imag": 0}`:                 "z_imag is 0",
		`{"mode": "bidirectional", "router_bins": "quarters"}`:   `router_bins is "quarters"`,
		`{"mode": "bidirectional", "v_max": -1}`:                 "v_max",
		`{"mode": "bidirectional", "model_type": "mamba"}`:       `model_type is "mamba"`,
		`{"moe_gate": "scattering"}`:                             "moe_gate scattering",
		`{"core": {"eta_mode": "const"}, "eta_mode": "learned"}`: `"core.eta_mode" and "eta_mode" contradict`,
		`[]`: "",
	} {
		ps := nn.NewParams(nil, 1, nn.Precision{})
		if _, _, err := (Family{}).New([]byte(data), nil, ps); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: error %v, want one with %q", data, err, message)
		}
	}
}

func TestOptionsOverride(t *testing.T) {
	ps := nn.NewParams(nil, 1, nn.Precision{})
	options := map[string]string{"mode": "causal-diag", "n_layers": "2", "g_features": "cayley"}
	net, _, err := Family{}.New([]byte(`{"n_layers": 9, "d_model": 16, "vocab_size": 8}`), options, ps)
	if err != nil {
		t.Fatal(err)
	}
	if info := net.Info(); info.Mode != modeDiag || !info.Causal {
		t.Errorf("mode %q, causal %v", info.Mode, info.Causal)
	}
	if effective := object(t, string(net.Config())); effective["n_layers"] != 2.0 || flat(effective)["bk_heads"] != 64.0 {
		t.Errorf("effective config %v", effective)
	}
	if _, _, err := (Family{}).New([]byte(`{}`), map[string]string{"heads": "2"}, ps); err == nil || !strings.Contains(err.Error(), `option "heads"`) {
		t.Errorf("an unknown option: error %v", err)
	}
}

func TestConfigWarns(t *testing.T) {
	small := `"d_model": 16, "vocab_size": 8, "n_layers": 1`
	for data, message := range map[string]string{
		`{` + small + `, "bk_head": 3}`:                                                                      `unknown key "bk_head"`,
		`{` + small + `, "core": {"n_seq": 3}}`:                                                              `unknown key "core.n_seq"`,
		`{` + small + `, "use_scattering_router": true}`:                                                     `unknown key "use_scattering_router"`,
		`{` + small + `, "mode": "causal-diag", "g_features": "raw"}`:                                        `g_features "raw"`,
		`{` + small + `, "key_dim": 3}`:                                                                      `unknown key "key_dim"`,
		`{` + small + `, "row_include_g": true}`:                                                             `g_features "raw"`,
		`{` + small + `, "born_norm": false}`:                                                                "born_norm false",
		`{` + small + `, "eos_token_id": [0, 5000]}`:                                                         "eos_token_id 5000 is outside",
		`{` + small + `, "mode": "causal-diag", "g_features": "raw", "eta_mode": "const", "eta_value": 0.1}`: `g_features "raw"`,
		`{` + small + `, "mode": "causal-diag", "g_features": "raw", "eta_mode": "const"}`:                   "",
		`{` + small + `}`: "",
	} {
		_, warnings, err := Family{}.New([]byte(data), nil, nn.NewParams(nil, 1, nn.Precision{}))
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if text := strings.Join(warnings, "\n"); (message == "") != (text == "") || !strings.Contains(text, message) {
			t.Errorf("%s: warnings %q, want %q", data, warnings, message)
		}
	}
}

func TestSchema(t *testing.T) {
	accepted := []string{readFile(t, "bk-seed-router/config.json"), readFile(t, "bk-original-3m/config.json"), readFile(t, "bk-keyed-3m/config.json")}
	for _, v := range (Family{}).Describe().Variants {
		accepted = append(accepted, v.Config)
	}
	refused := []string{`{"mode": "causal"}`, `{"n_layers": "two"}`, `{"core": {"n_layers": 2}}`, `{"core": {"eta_mode": 3}}`}
	for mode := range modes {
		r, err := config.Parse([]byte(`{"mode": "`+mode+`"}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readConfig(r); err != nil {
			t.Fatal(err)
		}
		modeltest.Schema(t, configSchema, r.Settings(), accepted, refused)
	}
}

func FuzzConfig(f *testing.F) {
	for _, v := range (Family{}).Describe().Variants {
		f.Add([]byte(v.Config))
	}
	for _, config := range configs {
		f.Add([]byte(config))
	}
	f.Add([]byte(`{"vocab_size": 3, "d_model": 2, "n_layers": 1, "core": {"bk_heads": 2, "eta_mode": "const"}, "moe": {"num_experts": 2}}`))
	f.Add([]byte(`{"mode": "bidirectional", "n_seq": 4, "vocab_size": 3, "d_model": 2, "n_layers": 1, "prime_bump_init": true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if tooLarge(data) {
			return
		}
		ps := nn.NewParams(nil, 1, nn.Precision{})
		net, _, err := Family{}.New(data, nil, ps)
		if err != nil {
			return
		}
		if ps.Err() != nil {
			t.Errorf("declaring: %v", ps.Err())
		}
		if !json.Valid(net.Config()) {
			t.Errorf("the effective config is not JSON: %s", net.Config())
		}
	})
}

// tooLarge keeps the fuzzer from allocating large models.
func tooLarge(data []byte) bool {
	var v map[string]any
	if json.Unmarshal(data, &v) != nil {
		return false
	}
	for _, settings := range []map[string]any{v, flat(v)} {
		for _, key := range []string{"vocab_size", "d_model", "n_layers", "bk_heads", "d_value", "num_experts", "ffn_multiplier", "n_seq", "k_max_primes", "key_dim", "conv_kernel"} {
			if n, ok := settings[key].(float64); !ok && settings[key] != nil || ok && n > 16 {
				return true
			}
		}
	}
	return v["vocab_size"] == nil || v["d_model"] == nil || v["n_layers"] == nil
}

func ExampleFamily_variants() {
	for _, v := range (Family{}).Describe().Variants {
		fmt.Println(v.Name)
	}
	// Output:
	// 3m
	// bk-row-3m
	// bk-diag-3m
	// bk-keyed-3m
	// bk-original-3m
	// 124m
	// bk-bidirectional-3m
}
