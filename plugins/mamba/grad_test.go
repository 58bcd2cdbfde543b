package main

import (
	"math"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
)

// backward runs documents forward and backward and returns the loss and the gradients by parameter.
func backward(t *testing.T, m *Model, ps *nn.Params, docs ...[]int32) (loss float64, grads map[string]*nn.Param) {
	t.Helper()
	if err := ps.Train(); err != nil {
		t.Fatal(err)
	}
	p := nn.Pass{Tape: &nn.Tape{}}
	var b nn.Batch
	var targets []int32
	for _, doc := range docs {
		b.Spans = append(b.Spans, nn.Span{Start: len(b.Tokens), Len: len(doc)})
		b.Tokens = append(b.Tokens, doc...)
		targets = append(append(targets, doc[1:]...), -1)
	}
	hidden, err := m.Forward(&p, b)
	if err != nil {
		t.Fatal(err)
	}
	loss = nn.CrossEntropy(&p, m.Logits(&p, hidden), targets)
	p.Tape.Backward()
	grads = map[string]*nn.Param{}
	for _, param := range ps.Trainable() {
		grads[param.Name] = param
	}
	return loss, grads
}

// TestGoldenGradients holds norm and first element of gradients against values computed in float64.
func TestGoldenGradients(t *testing.T) {
	m, ps := goldenModel(t)
	loss, grads := backward(t, m, ps, modeltest.FormulaTokens)
	modeltest.Near(t, "loss", []float64{loss}, []float64{goldenLoss}, 2e-6)
	const first = "backbone.layers.0.mixer."
	for _, want := range []struct {
		name    string
		norm    float64
		element float64 // NaN: not known
	}{
		{"backbone.embeddings.weight", 2.482657704, .146878},
		{first + "A_log", .023103389, 4.80001e-4},
		{first + "D", .297999001, 1.39634e-2},
		{first + "in_proj.weight", 1.402686296, -1.40809e-2},
		{first + "conv1d.weight", 1.153009185, -3.24125e-2},
		{first + "conv1d.bias", .520481294, math.NaN()},
		{first + "x_proj.weight", .431913129, 1.96736e-3},
		{first + "dt_proj.weight", .090925736, 8.97955e-3},
		{first + "dt_proj.bias", .077429091, math.NaN()},
		{first + "out_proj.weight", 1.342457414, math.NaN()},
		{"backbone.layers.1.norm.weight", .337026937, math.NaN()},
		{"backbone.norm_f.weight", .740648442, math.NaN()},
	} {
		grad := grads[want.name].Grad
		_, squares := modeltest.Sums(grad)
		modeltest.Near(t, want.name, []float64{math.Sqrt(squares)}, []float64{want.norm}, 1e-5*want.norm)
		if !math.IsNaN(want.element) {
			modeltest.Near(t, want.name+"[0]", grad[:1], []float64{want.element}, 1e-5*math.Abs(want.element)+1e-7)
		}
	}
	var squares float64
	for _, p := range ps.Trainable() {
		_, s := modeltest.Sums(p.Grad)
		squares += s
	}
	modeltest.Near(t, "norm of all", []float64{math.Sqrt(squares)}, []float64{3.8468979215}, 1e-5)
}

// TestFixtureGradients holds every gradient against the reference's.
func TestFixtureGradients(t *testing.T) {
	const dir = "testdata/mamba-tiny"
	r := modeltest.ReadReference(t, dir)
	m, ps := open(t, dir)
	loss, grads := backward(t, m, ps, r.Inputs...)
	modeltest.Near(t, "loss", []float64{loss}, []float64{r.Loss}, 1e-5)
	for name, param := range grads {
		want := r.Grad(t, name)
		if want == nil {
			t.Errorf("the fixture has no gradient of %s", name)
			continue
		}
		largest := float64(max(slices.Max(want), -slices.Min(want)))
		modeltest.Near(t, name, param.Grad, want, 1e-4*largest)
	}
}
