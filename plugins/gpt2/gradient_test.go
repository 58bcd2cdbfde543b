package main

import (
	"fmt"
	"math"
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
)

func TestFixtureGradients(t *testing.T) {
	for _, name := range []string{"gpt2-tiny"} {
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
	{"wte.weight", 1.233604914, -0.00526654},
	{"wpe.weight", 0.730752227, -0.00137728},
	{"h.0.ln_1.weight", 0.08619967, -0.00967344},
	{"h.0.ln_1.bias", 0.141613928, math.NaN()},
	{"h.0.attn.c_attn.weight", 0.489055599, -0.00775762},
	{"h.0.attn.c_attn.bias", 0.207246356, math.NaN()},
	{"h.1.mlp.c_proj.weight", 0.383453573, 0.000405146},
	{"ln_f.weight", 0.146617891, math.NaN()},
	{"ln_f.bias", 0.105663588, math.NaN()},
}

func TestFormulaGradients(t *testing.T) {
	dir := modeltest.FormulaCheckpoint(t, fmt.Sprintf(formulaConfig, "gelu_new"), formulaTensors())
	_, grads := modeltest.Gradients(t, Family{}, dir, nil, modeltest.FormulaTokens)
	var all []float32
	for _, g := range grads {
		all = append(all, g...)
	}
	modeltest.Near(t, "norm of all", []float64{modeltest.Norm(all)}, []float64{2.1634356965}, 1e-4*2.1634356965)
	for _, want := range formulaGradients {
		g := grads["transformer."+want.name]
		modeltest.Near(t, want.name, []float64{modeltest.Norm(g)}, []float64{want.norm}, 1e-4*want.norm)
		if !math.IsNaN(want.first) {
			modeltest.Near(t, want.name+" first", g[:1], []float64{want.first}, 1e-4*math.Abs(want.first))
		}
	}
}
