package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
)

// formulaConfig belongs to the values below, which an independent implementation computed in float64 from the same
// formula weights.
const formulaConfig = `{"model_type": "mamba", "vocab_size": 48, "hidden_size": 16, "state_size": 4, "time_step_rank": 3,
	"num_hidden_layers": 2, "expand": 2, "conv_kernel": 4, "layer_norm_epsilon": 1e-5}`

const (
	formulaVocab = 48
	formulaLoss  = 5.2009004349
)

// formulaCheckpoint writes the model with formula weights.
func formulaCheckpoint(t *testing.T) (dir string) {
	t.Helper()
	tensors := []modeltest.FormulaTensor{
		{Name: "backbone.embeddings.weight", Shape: []int{48, 16}, Scale: .5},
		{Name: "backbone.norm_f.weight", Shape: []int{16}, Scale: .125, Offset: 1},
	}
	for l := range 2 {
		name := fmt.Sprintf("backbone.layers.%d.", l)
		tensors = append(tensors, []modeltest.FormulaTensor{
			{Name: name + "norm.weight", Shape: []int{16}, Scale: .125, Offset: 1},
			{Name: name + "mixer.in_proj.weight", Shape: []int{64, 16}, Scale: .5},
			{Name: name + "mixer.conv1d.weight", Shape: []int{32, 1, 4}, Scale: .5},
			{Name: name + "mixer.conv1d.bias", Shape: []int{32}, Scale: .125},
			{Name: name + "mixer.x_proj.weight", Shape: []int{11, 32}, Scale: .5},
			{Name: name + "mixer.dt_proj.weight", Shape: []int{32, 3}, Scale: .5},
			{Name: name + "mixer.dt_proj.bias", Shape: []int{32}, Scale: .5},
			{Name: name + "mixer.A_log", Shape: []int{32, 4}, Scale: .5, Offset: .5},
			{Name: name + "mixer.D", Shape: []int{32}, Scale: .125, Offset: 1},
			{Name: name + "mixer.out_proj.weight", Shape: []int{16, 32}, Scale: .25},
		}...)
	}
	return modeltest.FormulaCheckpoint(t, formulaConfig, tensors)
}

// open loads a checkpoint in float32.
func open(t testing.TB, dir string) (*Model, *nn.Params) {
	t.Helper()
	folder, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	ps := nn.NewParams(folder, 0, nn.Precision{})
	net, warnings, err := Family{}.New(folder.Config(), nil, ps)
	if err != nil || ps.Err() != nil {
		t.Fatal(err, ps.Err())
	}
	if warnings = append(warnings, ps.Warnings()...); len(warnings) > 0 {
		t.Fatal(warnings)
	}
	return net.(*Model), ps
}

// feed runs a document through st in pieces of step tokens and returns all logits.
func feed(t testing.TB, m *Model, tokens []int32, st *state.Document, step int) (logits []float32) {
	t.Helper()
	var p nn.Pass
	for piece := range slices.Chunk(tokens, step) {
		p.Reset()
		b := nn.Batch{Tokens: piece, Spans: []nn.Span{{Len: len(piece), State: st}}}
		hidden, err := m.Forward(&p, b)
		if err != nil {
			t.Fatal(err)
		}
		b.Advance()
		logits = append(logits, m.Output().Forward(&p, hidden).Data...)
	}
	return logits
}

func TestFormulaWeights(t *testing.T) {
	m, ps := open(t, formulaCheckpoint(t))
	if ps.Count() != 5488 {
		t.Errorf("%d parameters, want 5488", ps.Count())
	}
	tokens := modeltest.FormulaTokens
	for name, step := range map[string]int{"prefill": len(tokens), "decode": 1, "pieces": 5} {
		t.Run(name, func(t *testing.T) {
			st := m.NewState()
			z := feed(t, m, tokens, st, step)
			var losses []float64
			for i, next := range tokens[1:] {
				row := z[i*formulaVocab:][:formulaVocab]
				losses = append(losses, kernel.LogSumExp(row)-float64(row[next]))
			}
			modeltest.Near(t, "loss", []float64{modeltest.Mean(losses)}, []float64{formulaLoss}, 2e-6)
			modeltest.Near(t, "first logits", z[:4], []float64{.40594022, -.70544992, -.90818642, 4.72507758}, 5e-6)
			modeltest.Near(t, "last logits", z[11*formulaVocab:][:6],
				[]float64{-.36166585, 1.87519598, -.31685383, .60072275, -.14310556, -1.25356918}, 5e-6)
			sum, squares := modeltest.Sums(z)
			modeltest.Near(t, "sums of logits", []float64{sum, squares}, []float64{-2.90189753, 846.66003597}, 1e-3)
			want := []int{3, 15, 41, 33, 39, 11, 1, 20, 32, 28, 32, 47}
			if got := modeltest.Argmax(z, formulaVocab); !slices.Equal(got, want) {
				t.Errorf("largest logits at %v, want %v", got, want)
			}
			h := state.Of[*state.SSM](st, 0).H
			first := make([]float32, 4) // of the first channel
			for i := range first {
				first[i] = h[kernel.ScanIndex(32, 4, 0, i)]
			}
			modeltest.Near(t, "state", first, []float64{.08413964, -.20462823, .08371138, -.11968373}, 1e-6)
			sum, _ = modeltest.Sums(h)
			modeltest.Near(t, "sum of the state", []float64{sum}, []float64{-.48509081}, 1e-5)
			if st.Len() != len(tokens) {
				t.Errorf("the state has seen %d tokens, want %d", st.Len(), len(tokens))
			}
		})
	}
}
