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

// formulaGradients were computed by other programs for the formula weights.
var formulaGradients = []modeltest.KnownGradient{
	{Name: "wte.weight", Norm: 1.233604914, First: -0.00526654},
	{Name: "wpe.weight", Norm: 0.730752227, First: -0.00137728},
	{Name: "h.0.ln_1.weight", Norm: 0.08619967, First: -0.00967344},
	{Name: "h.0.ln_1.bias", Norm: 0.141613928, First: math.NaN()},
	{Name: "h.0.attn.c_attn.weight", Norm: 0.489055599, First: -0.00775762},
	{Name: "h.0.attn.c_attn.bias", Norm: 0.207246356, First: math.NaN()},
	{Name: "h.1.mlp.c_proj.weight", Norm: 0.383453573, First: 0.000405146},
	{Name: "ln_f.weight", Norm: 0.146617891, First: math.NaN()},
	{Name: "ln_f.bias", Norm: 0.105663588, First: math.NaN()},
}

func TestFormulaGradients(t *testing.T) {
	dir := modeltest.FormulaCheckpoint(t, fmt.Sprintf(formulaConfig, "gelu_new"), formulaTensors())
	modeltest.KnownGradients(t, Family{}, dir, "transformer.", 2.1634356965, formulaGradients, 1e-4)
}
