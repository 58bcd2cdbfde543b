package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

// formulaConfig is a model of 7,872 parameters whose loss, logits and gradients are known to ten digits.
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

// TestKnownLosses checks settings that change the model, whose losses are known.
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

func TestScoreScale(t *testing.T) {
	c := Config{Dim: 64, Heads: 4, Scale: true, ScaleByInv: true}
	if got := c.scale(2); got != float32(1.0/12) {
		t.Errorf("scale of layer 2 with heads of 16 is %v, want 1/(4·3)", got)
	}
}

func TestFixture(t *testing.T) {
	for _, flash := range []string{"true", "false"} {
		t.Run("use_flash_attention="+flash, func(t *testing.T) {
			modeltest.Fixture(t, engine.New(Family{}), "testdata/gpt2-tiny", map[string]string{"use_flash_attention": flash})
		})
	}
}

func TestStreaming(t *testing.T) {
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: "testdata/gpt2-tiny"})
	r := modeltest.ReadReference(t, "testdata/gpt2-tiny")
	modeltest.Streaming(t, m, r.Inputs[0], 1, 3, 7, 64)
}

func TestContextLimit(t *testing.T) {
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: "testdata/gpt2-tiny"})
	_, err := m.Score(context.Background(), lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: make([]int32, 130), From: 1}}})
	if lm.KindOf(err) != lm.Invalid || !strings.Contains(fmt.Sprint(err), "n_positions=128") {
		t.Errorf("130 tokens in 128 positions: error %v, want kind invalid that names n_positions=128", err)
	}
	modeltest.Scores(t, m, make([]int32, 128))
}

// TestDecodingAllocatesNothing runs single tokens through a state that has its memory.
func TestDecodingAllocatesNothing(t *testing.T) {
	modeltest.NoAllocations(t, Family{}, "testdata/gpt2-tiny", 70)
}

func TestCheckpoint(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/gpt2-3m")
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir})
	e := modeltest.ReadEvaluation(t, dir)
	if got := m.Info().Parameters; got != e.Parameters {
		t.Errorf("%d parameters, want %d", got, e.Parameters)
	}
	if w := m.Info().Warnings; len(w) > 0 {
		t.Errorf("warnings: %q", w)
	}
	modeltest.Excerpts(t, m, e)
	modeltest.Continuations(t, m, e)
}

func TestCheckpointQuantised(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/gpt2-3m")
	modeltest.QuantisedExcerpt(t, engine.New(Family{}), modeltest.ReadEvaluation(t, dir), dir, map[string]float64{
		"bf16": .01, "int8": .01, "int4": .15, "nf4": .1, "int8a8": .05, "int4a8": .15,
	})
}

func TestPrecisionStreaming(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/gpt2-3m")
	tokens := modeltest.ReadEvaluation(t, dir).Excerpts["code"].IDs[:200]
	modeltest.PrecisionStreaming(t, engine.New(Family{}), dir, tokens)
}

// TestReferenceEvaluation repeats the whole reference evaluation, in float32 and quantised.
func TestReferenceEvaluation(t *testing.T) {
	sharedtest.Long(t)
	dir, texts := sharedtest.Dir(t, "checkpoints/gpt2-3m"), sharedtest.Dir(t, "corpora")
	e := modeltest.ReadEvaluation(t, dir)
	t.Run("f32", func(t *testing.T) {
		m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir})
		modeltest.Texts(t, m, e, dir, texts)
	})
	modeltest.QuantisedTexts(t, engine.New(Family{}), e, dir, texts)
}
