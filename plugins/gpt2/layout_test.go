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
	"github.com/archbench/archbench/internal/study"
	"github.com/archbench/archbench/lm"
)

// prefixed renames tensors as transformers does when it saves a model again.
func prefixed(list []modeltest.FormulaTensor) []modeltest.FormulaTensor {
	out := make([]modeltest.FormulaTensor, len(list))
	for i, t := range list {
		t.Name = "transformer." + t.Name
		out[i] = t
	}
	return out
}

// TestLayouts loads the layouts that GPT-2 checkpoints come in.
func TestLayouts(t *testing.T) {
	head := modeltest.FormulaTensor{Name: "lm_head.weight", Shape: []int{48, 16}, Scale: .25}
	buffers := []modeltest.FormulaTensor{
		{Name: "h.0.attn.bias", Shape: []int{1, 1, 32, 32}}, {Name: "h.1.attn.masked_bias", Shape: []int{}},
	}
	tests := []struct {
		name       string
		tensors    []modeltest.FormulaTensor
		parameters int64
		tied       bool
		warnings   int
	}{
		{"without prefix", formulaTensors(), 7872, true, 0},
		{"with prefix", prefixed(formulaTensors()), 7872, true, 0},
		{"with buffers", append(buffers, formulaTensors()...), 7872, true, 0},
		{"with prefix and buffers", prefixed(append(buffers, formulaTensors()...)), 7872, true, 0},
		{"with its own head", append(prefixed(formulaTensors()), head), 7872 + 48*16, false, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := modeltest.FormulaCheckpoint(t, fmt.Sprintf(formulaConfig, "gelu_new"), tt.tensors)
			info := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir}).Info()
			if info.Parameters != tt.parameters || len(info.Warnings) != tt.warnings {
				t.Errorf("%d parameters and warnings %q, want %d and %d", info.Parameters, info.Warnings, tt.parameters, tt.warnings)
			}
			if want := fmt.Sprintf(`"tie_word_embeddings": %v`, tt.tied); !strings.Contains(info.Config, want) {
				t.Errorf("the effective config lacks %s:\n%s", want, info.Config)
			}
		})
	}
}

// TestSaved loads the same weights as saved by different programs.
func TestSaved(t *testing.T) {
	dir := modeltest.FormulaCheckpoint(t, fmt.Sprintf(formulaConfig, "gelu_new"), prefixed(formulaTensors()))
	modeltest.Layouts(t, engine.New(Family{}), dir, "transformer.", modeltest.FormulaTokens)
}

func TestBadCheckpoints(t *testing.T) {
	missing := formulaTensors()[1:]
	square := formulaTensors()
	square[0].Shape = []int{48, 17}
	extra := append(formulaTensors(), modeltest.FormulaTensor{Name: "h.7.ln_1.bias", Shape: []int{16}})
	for tensor, list := range map[string][]modeltest.FormulaTensor{"wte.weight": missing, `"wte.weight" has shape [48 17]`: square} {
		dir := modeltest.FormulaCheckpoint(t, fmt.Sprintf(formulaConfig, "gelu_new"), list)
		_, err := engine.New(Family{}).Load(context.Background(), lm.LoadRequest{Checkpoint: dir})
		if lm.KindOf(err) != lm.Corrupt || !strings.Contains(fmt.Sprint(err), tensor) {
			t.Errorf("error %v, want one of kind corrupt that names %s", err, tensor)
		}
	}
	dir := modeltest.FormulaCheckpoint(t, fmt.Sprintf(formulaConfig, "gelu_new"), extra)
	info := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir}).Info()
	if len(info.Warnings) != 1 || !strings.Contains(info.Warnings[0], "h.7.ln_1.bias") {
		t.Errorf("warnings %q, want one about h.7.ln_1.bias", info.Warnings)
	}
}

// TestInitialisation checks the standard deviations of new weights: 0.02, and 0.02/√(2L) into the residual stream.
func TestInitialisation(t *testing.T) {
	c, _, err := parseConfig([]byte(config3M), nil)
	if err != nil {
		t.Fatal(err)
	}
	ps := nn.NewParams(nil, 7, nn.Precision{})
	if New(c, ps); ps.Err() != nil {
		t.Fatal(ps.Err())
	}
	if got := ps.Count(); got != 2664576 {
		t.Errorf("%d parameters, want 2664576", got)
	}
	for _, p := range ps.Trainable() {
		want := .02
		switch {
		case strings.HasSuffix(p.Name, "bias"):
			want = 0
		case strings.Contains(p.Name, "ln_"):
			continue
		case strings.Contains(p.Name, "c_proj"):
			want = .02 / math.Sqrt(8)
		}
		if got := modeltest.Norm(p.W) / math.Sqrt(float64(len(p.W))); math.Abs(got-want) > .03*want {
			t.Errorf("%s has standard deviation %g, want %g", p.Name, got, want)
		}
	}
}

// TestStudyKnowsLayout checks that a study of the file transposes the same matrices as the model.
func TestStudyKnowsLayout(t *testing.T) {
	c, _, err := parseConfig([]byte(config3M), nil)
	if err != nil {
		t.Fatal(err)
	}
	ps := nn.NewParams(nil, 7, nn.Precision{})
	New(c, ps)
	for _, p := range ps.Trainable() {
		if got := study.InputFirst("gpt2", p.Name); got != p.Transposed {
			t.Errorf("%s: stored as [in, out]: %v for a study, %v for the model", p.Name, got, p.Transposed)
		}
	}
}

// TestUniformWhenNew checks that a new model predicts nearly uniformly: loss ln V.
func TestUniformWhenNew(t *testing.T) {
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Variant: "3m", Seed: 1})
	if !m.Info().Initialised {
		t.Error("the model does not say that it is initialised from a seed")
	}
	tokens := make([]int32, 64)
	for i := range tokens {
		tokens[i] = int32(i * 61)
	}
	modeltest.Near(t, "loss", []float64{modeltest.Mean(modeltest.Scores(t, m, tokens).NLL)}, []float64{math.Log(4096)}, .2)
}
