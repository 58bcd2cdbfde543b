package main

import (
	"fmt"
	"math"
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
)

func TestFixtureGradients(t *testing.T) {
	for _, name := range []string{"mistral-window", "mistral-full"} {
		for _, flash := range []string{"true", "false"} {
			t.Run(name+" use_flash_attention="+flash, func(t *testing.T) {
				modeltest.FixtureGradients(t, Family{}, "testdata/"+name, map[string]string{"use_flash_attention": flash})
			})
		}
	}
}

// formulaGradients are norms and first elements of gradients of the formula weights; NaN where none is known.
var formulaGradients = []struct {
	name        string
	norm, first float64
}{
	{"model.embed_tokens.weight", 1.974031588, 0.0344509},
	{"model.layers.0.input_layernorm.weight", 0.607359618, -0.0623161},
	{"model.layers.0.self_attn.q_proj.weight", 1.304618872, -0.0274562},
	{"model.layers.0.self_attn.k_proj.weight", 1.056864486, 0.0363833},
	{"model.layers.0.self_attn.v_proj.weight", 2.737572205, -0.167556},
	{"model.layers.0.self_attn.o_proj.weight", 2.382173939, 0.0484536},
	{"model.layers.1.mlp.down_proj.weight", 0.738059749, 0.00904287},
	{"model.norm.weight", 0.262395212, math.NaN()},
	{"lm_head.weight", 1.683065661, 0.0271676},
}

func TestFormulaGradients(t *testing.T) {
	dir := modeltest.FormulaCheckpoint(t, fmt.Sprintf(formulaConfig, "4", "1e-5"), formulaTensors())
	_, grads := modeltest.Gradients(t, Family{}, dir, nil, modeltest.FormulaTokens)
	var all []float32
	for _, g := range grads {
		all = append(all, g...)
	}
	modeltest.Near(t, "norm of all", []float64{modeltest.Norm(all)}, []float64{5.9378050273}, 1e-4*5.9378050273)
	for _, want := range formulaGradients {
		g := grads[want.name]
		modeltest.Near(t, want.name, []float64{modeltest.Norm(g)}, []float64{want.norm}, 1e-4*want.norm)
		if !math.IsNaN(want.first) {
			modeltest.Near(t, want.name+" first", g[:1], []float64{want.first}, 1e-4*math.Abs(want.first))
		}
	}
}
