package main

import (
	"math"
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
)

func TestFixtureGradients(t *testing.T) {
	for _, name := range fixtures {
		t.Run(name, func(t *testing.T) { modeltest.FixtureGradients(t, Family{}, "testdata/"+name, nil) })
	}
}

// formulaGradients were computed by other programs for the formula weights.
var formulaGradients = []modeltest.KnownGradient{
	{Name: "backbone.embeddings.weight", Norm: 2.482657704, First: .146878},
	{Name: "backbone.layers.0.mixer.A_log", Norm: .023103389, First: 4.80001e-4},
	{Name: "backbone.layers.0.mixer.D", Norm: .297999001, First: 1.39634e-2},
	{Name: "backbone.layers.0.mixer.in_proj.weight", Norm: 1.402686296, First: -1.40809e-2},
	{Name: "backbone.layers.0.mixer.conv1d.weight", Norm: 1.153009185, First: -3.24125e-2},
	{Name: "backbone.layers.0.mixer.conv1d.bias", Norm: .520481294, First: math.NaN()},
	{Name: "backbone.layers.0.mixer.x_proj.weight", Norm: .431913129, First: 1.96736e-3},
	{Name: "backbone.layers.0.mixer.dt_proj.weight", Norm: .090925736, First: 8.97955e-3},
	{Name: "backbone.layers.0.mixer.dt_proj.bias", Norm: .077429091, First: math.NaN()},
	{Name: "backbone.layers.0.mixer.out_proj.weight", Norm: 1.342457414, First: math.NaN()},
	{Name: "backbone.layers.1.norm.weight", Norm: .337026937, First: math.NaN()},
	{Name: "backbone.norm_f.weight", Norm: .740648442, First: math.NaN()},
}

func TestFormulaGradients(t *testing.T) {
	loss := modeltest.KnownGradients(t, Family{}, formulaCheckpoint(t), "", 3.8468979215, formulaGradients, 1e-5)
	modeltest.Near(t, "loss", []float64{loss}, []float64{formulaLoss}, 2e-6)
}
