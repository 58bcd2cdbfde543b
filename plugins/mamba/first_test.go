package main

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/lm"
)

// TestFirstPublished scores bytes with a checkpoint of mamba_ssm whose vocabulary of 253 is padded to 256 and whose ssm_cfg
// differs from the defaults. Another program computed the value in float64.
func TestFirstPublished(t *testing.T) {
	m := load(t, lm.LoadRequest{Checkpoint: "testdata/mamba-first"})
	info := m.Info()
	if info.Vocab != 256 || info.BOS != 0 || len(info.Warnings) > 0 || info.Mode != "mamba" {
		t.Errorf("vocabulary %d, start token %d, mode %s, warnings %q", info.Vocab, info.BOS, info.Mode, info.Warnings)
	}
	text, err := os.ReadFile("testdata/mamba-first/text.txt")
	if err != nil {
		t.Fatal(err)
	}
	tokens := []int32{0}
	for _, b := range text {
		tokens = append(tokens, int32(b))
	}
	bits := modeltest.Mean(modeltest.Scores(t, m, tokens).NLL) / math.Ln2
	modeltest.Near(t, "bits per byte", []float64{bits}, []float64{11.653064}, 1e-5)
}

func TestModernise(t *testing.T) {
	want := defaultConfig()
	want.Dim, want.Layers, want.Vocab, want.Channels, want.Rank = 768, 24, 50280, 1536, 48
	check(t, want, `{"d_model": 768, "n_layer": 24, "vocab_size": 50277, "ssm_cfg": {}, "rms_norm": true, "residual_in_fp32": true,
		"fused_add_norm": true, "pad_vocab_size_multiple": 8}`)
	want.Tied, want.Vocab, want.Rank, want.Taps, want.Bias, want.StepMax = false, 50277, 3, 3, true, .5
	check(t, want, `{"d_model": 768, "n_layer": 24, "vocab_size": 50277, "pad_vocab_size_multiple": 1, "tie_embeddings": false,
		"ssm_cfg": {"layer": "Mamba1", "dt_rank": 3, "d_conv": 3, "bias": true, "dt_max": 0.5, "use_fast_path": false}}`)
}

func check(t *testing.T, want Config, data string) {
	t.Helper()
	modern, err := modernise([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	got, r, err := parseConfig(modern, nil)
	if err != nil || len(r.Warnings()) > 0 {
		t.Fatalf("%v, warnings %q", err, r.Warnings())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestModernise2(t *testing.T) {
	modern, err := modernise([]byte(`{"d_model": 768, "d_intermediate": 0, "n_layer": 24, "vocab_size": 50277, "ssm_cfg": {"layer": "Mamba2"},
		"attn_layer_idx": [], "attn_cfg": {}, "rms_norm": true, "residual_in_fp32": true, "fused_add_norm": true,
		"pad_vocab_size_multiple": 16, "tie_embeddings": true}`))
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig2()
	want.Vocab, want.Dim, want.Layers, want.Heads, want.Groups, want.NormGroups, want.Tied = 50288, 768, 24, 24, 1, 1, true
	want.EOS = config.IDs{0}
	got, r, err := parseConfig2(modern, nil)
	if err != nil || len(r.Warnings()) > 0 {
		t.Fatalf("%v, warnings %q", err, r.Warnings())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestModerniseRefuses(t *testing.T) {
	for data, message := range map[string]string{
		`{"d_model": 8, "attn_layer_idx": [1]}`:                                    "attn_layer_idx is [1]",
		`{"d_model": 8, "d_intermediate": 64}`:                                     "d_intermediate is 64",
		`{"d_model": 8, "rms_norm": false}`:                                        "rms_norm is false",
		`{"d_model": 8, "ssm_cfg": {"layer": "Mamba3"}}`:                           `ssm_cfg.layer is "Mamba3"`,
		`{"d_model": 8, "ssm_cfg": {"layer": "Mamba2", "rmsnorm": false}}`:         "rmsnorm is false",
		`{"d_model": 8, "ssm_cfg": {"headdims": 3}}`:                               "argument headdims of a layer is not served",
		`{"d_model": 8, "pad_vocab_size_multiple": 0}`:                             "pad_vocab_size_multiple is 0, must be from 1",
		`{"d_model": 8, "ssm_cfg": {"layer": "Mamba2", "headdim": 0}}`:             "headdim is 0, must be from 1",
		`{"d_model": 8, "ssm_cfg": {"layer": "Mamba2", "norm_before_gate": true}}`: "norm_before_gate is true",
		`{"d_model": 8, "ssm_cfg": []}`:                                            `key "ssm_cfg" is [], want an object`,
		`{"d_model": 8, "vocab_size": "many"}`:                                     `key "vocab_size" is "many", want a whole number`,
		`{"d_model": 8, "ssm_cfg": {"headdim": 8, "headdim": 4}}`:                  "duplicate key",
	} {
		if _, err := modernise([]byte(data)); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: error %v, want one with %q", data, err, message)
		}
	}
}
