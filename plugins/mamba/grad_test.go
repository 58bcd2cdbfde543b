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

// goldenGradients are norms and first elements of the golden model's gradients; NaN where none is known.
var goldenGradients = []struct {
	name        string
	norm, first float64
}{
	{"backbone.embeddings.weight", 2.482657704, .146878},
	{"backbone.layers.0.mixer.A_log", .023103389, 4.80001e-4},
	{"backbone.layers.0.mixer.D", .297999001, 1.39634e-2},
	{"backbone.layers.0.mixer.in_proj.weight", 1.402686296, -1.40809e-2},
	{"backbone.layers.0.mixer.conv1d.weight", 1.153009185, -3.24125e-2},
	{"backbone.layers.0.mixer.conv1d.bias", .520481294, math.NaN()},
	{"backbone.layers.0.mixer.x_proj.weight", .431913129, 1.96736e-3},
	{"backbone.layers.0.mixer.dt_proj.weight", .090925736, 8.97955e-3},
	{"backbone.layers.0.mixer.dt_proj.bias", .077429091, math.NaN()},
	{"backbone.layers.0.mixer.out_proj.weight", 1.342457414, math.NaN()},
	{"backbone.layers.1.norm.weight", .337026937, math.NaN()},
	{"backbone.norm_f.weight", .740648442, math.NaN()},
}

func TestGoldenGradients(t *testing.T) {
	loss, grads := modeltest.Gradients(t, Family{}, goldenCheckpoint(t), nil, modeltest.FormulaTokens)
	modeltest.Near(t, "loss", []float64{loss}, []float64{goldenLoss}, 2e-6)
	var all []float32
	for _, g := range grads {
		all = append(all, g...)
	}
	modeltest.Near(t, "norm of all", []float64{modeltest.Norm(all)}, []float64{3.8468979215}, 1e-5)
	for _, want := range goldenGradients {
		g := grads[want.name]
		modeltest.Near(t, want.name, []float64{modeltest.Norm(g)}, []float64{want.norm}, 1e-5*want.norm)
		if !math.IsNaN(want.first) {
			modeltest.Near(t, want.name+" first", g[:1], []float64{want.first}, 1e-5*math.Abs(want.first)+1e-7)
		}
	}
}
