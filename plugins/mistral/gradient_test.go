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

// formulaGradients were computed by other programs for the formula weights.
var formulaGradients = []modeltest.KnownGradient{
	{Name: "model.embed_tokens.weight", Norm: 1.974031588, First: 0.0344509},
	{Name: "model.layers.0.input_layernorm.weight", Norm: 0.607359618, First: -0.0623161},
	{Name: "model.layers.0.self_attn.q_proj.weight", Norm: 1.304618872, First: -0.0274562},
	{Name: "model.layers.0.self_attn.k_proj.weight", Norm: 1.056864486, First: 0.0363833},
	{Name: "model.layers.0.self_attn.v_proj.weight", Norm: 2.737572205, First: -0.167556},
	{Name: "model.layers.0.self_attn.o_proj.weight", Norm: 2.382173939, First: 0.0484536},
	{Name: "model.layers.1.mlp.down_proj.weight", Norm: 0.738059749, First: 0.00904287},
	{Name: "model.norm.weight", Norm: 0.262395212, First: math.NaN()},
	{Name: "lm_head.weight", Norm: 1.683065661, First: 0.0271676},
}

func TestFormulaGradients(t *testing.T) {
	dir := modeltest.FormulaCheckpoint(t, fmt.Sprintf(formulaConfig, "4", "1e-5"), formulaTensors())
	modeltest.KnownGradients(t, Family{}, dir, "", 5.9378050273, formulaGradients, 1e-4)
}
