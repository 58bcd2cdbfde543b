package main

import (
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
)

// goldenConfig and goldenTokens belong to the values below, which were computed in float64 by an independent
// implementation and agreed with the published one.
const goldenConfig = `{"model_type": "mamba", "vocab_size": 48, "hidden_size": 16, "state_size": 4, "time_step_rank": 3,
	"num_hidden_layers": 2, "expand": 2, "conv_kernel": 4, "layer_norm_epsilon": 1e-5}`

var goldenTokens = []int32{3, 15, 41, 33, 39, 11, 45, 20, 7, 28, 0, 47}

const goldenLoss = 5.2009004349

// goldenWeights is a source of weights that are made from the names of the tensors.
type goldenWeights struct{ shapes map[string][]int }

// goldenScales gives scale and offset by the end of a tensor's name.
var goldenScales = []struct {
	suffix        string
	scale, offset float64
}{
	{"embeddings.weight", .5, 0},
	{"A_log", .5, .5},
	{".D", .125, 1},
	{"in_proj.weight", .5, 0},
	{"conv1d.weight", .5, 0},
	{"conv1d.bias", .125, 0},
	{"x_proj.weight", .5, 0},
	{"dt_proj.weight", .5, 0},
	{"dt_proj.bias", .5, 0},
	{"out_proj.weight", .25, 0},
	{"norm.weight", .125, 1},
	{"norm_f.weight", .125, 1},
}

// Shape implements nn.Source.
func (g goldenWeights) Shape(name string) ([]int, bool) {
	shape, ok := g.shapes[name]
	return shape, ok
}

// ReadRows implements nn.Source: value i is raw·scale + offset, where raw in [-1, 1) is draw i of a splitmix64
// generator that is seeded by the FNV-1a hash of the name.
func (g goldenWeights) ReadRows(name string, lo, hi int, dst []float32) error {
	var scale, offset float64
	for _, s := range goldenScales {
		if strings.HasSuffix(name, s.suffix) {
			scale, offset = s.scale, s.offset
		}
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	cols := len(dst) / (hi - lo)
	for i := range dst {
		z := h.Sum64() + uint64(lo*cols+i+1)*0x9E3779B97F4A7C15
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		dst[i] = float32((float64(z>>40)-1<<23)/(1<<23)*scale + offset)
	}
	return nil
}

// Names implements nn.Source.
func (g goldenWeights) Names() []string { return slices.Sorted(maps.Keys(g.shapes)) }

// ReleasePages implements nn.Source.
func (goldenWeights) ReleasePages(string) {}

// Float32s implements nn.Source.
func (goldenWeights) Float32s(string) []float32 { return nil }

// BF16s implements nn.Source.
func (goldenWeights) BF16s(string) []uint16 { return nil }

// goldenModel returns the model that the golden values belong to.
func goldenModel(t *testing.T) (*Model, *nn.Params) {
	t.Helper()
	src := goldenWeights{map[string][]int{
		"backbone.embeddings.weight": {48, 16}, "backbone.norm_f.weight": {16},
	}}
	for _, l := range []string{"backbone.layers.0.", "backbone.layers.1."} {
		for name, shape := range map[string][]int{
			"norm.weight": {16}, "mixer.in_proj.weight": {64, 16}, "mixer.conv1d.weight": {32, 1, 4}, "mixer.conv1d.bias": {32},
			"mixer.x_proj.weight": {11, 32}, "mixer.dt_proj.weight": {32, 3}, "mixer.dt_proj.bias": {32}, "mixer.A_log": {32, 4},
			"mixer.D": {32}, "mixer.out_proj.weight": {16, 32},
		} {
			src.shapes[l+name] = shape
		}
	}
	return newTestModel(t, goldenConfig, nn.NewParams(src, 0, kernel.F32, kernel.F32))
}

// newTestModel builds a model from a config.
func newTestModel(t testing.TB, config string, ps *nn.Params) (*Model, *nn.Params) {
	t.Helper()
	net, warnings, err := Family{}.New([]byte(config), nil, ps)
	if err != nil || ps.Err() != nil {
		t.Fatal(err, ps.Err())
	}
	if len(warnings) > 0 || len(ps.Warnings()) > 0 {
		t.Fatal(warnings, ps.Warnings())
	}
	return net.(*Model), ps
}

// logits feeds tokens in pieces of at most step through st, or all at once if st is nil.
func logits(t testing.TB, m *Model, tokens []int32, st state.State, step int) []float32 {
	t.Helper()
	var p nn.Pass
	var all []float32
	for at := 0; at < len(tokens); at += step {
		piece := tokens[at:min(len(tokens), at+step)]
		p.Reset()
		hidden, err := m.Forward(&p, nn.Batch{Tokens: piece, Spans: []nn.Span{{Len: len(piece), State: st}}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m.Logits(&p, hidden).Data...)
	}
	return all
}

// meanLoss is the mean cross-entropy of predicting each token but the first.
func meanLoss(logits []float32, tokens []int32, vocab int) float64 {
	var sum float64
	for i, next := range tokens[1:] {
		row := logits[i*vocab:][:vocab]
		sum += kernel.LogSumExp(row) - float64(row[next])
	}
	return sum / float64(len(tokens)-1)
}

func within(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	diff := math.Abs(got - want)
	t.Logf("%s: %.9g, want %.9g, difference %.2g", what, got, want, diff)
	if !(diff <= tolerance) {
		t.Errorf("%s is %.9g, want %.9g", what, got, want)
	}
}

func TestGoldenPrefillAndDecode(t *testing.T) {
	m, ps := goldenModel(t)
	if ps.Count() != 5488 {
		t.Errorf("%d parameters, want 5488", ps.Count())
	}
	for name, step := range map[string]int{"prefill": len(goldenTokens), "decode": 1, "pieces": 5} {
		t.Run(name, func(t *testing.T) {
			st := m.NewState()
			z := logits(t, m, goldenTokens, st, step)
			within(t, "loss", meanLoss(z, goldenTokens, 48), goldenLoss, 2e-6)
			for i, want := range []float64{-.36166585, 1.87519598, -.31685383, .60072275, -.14310556, -1.25356918} {
				within(t, "last logit", float64(z[11*48+i]), want, 5e-6)
			}
			for i, want := range []float64{.40594022, -.70544992, -.90818642, 4.72507758} {
				within(t, "first logit", float64(z[i]), want, 5e-6)
			}
			var sum, squares float64
			for _, v := range z {
				sum += float64(v)
				squares += float64(v) * float64(v)
			}
			within(t, "sum of logits", sum, -2.90189753, 1e-4)
			within(t, "sum of squares", squares, 846.66003597, 1e-3)
			goldenState(t, st.(*state.Stack))
			goldenArgmax(t, z)
		})
	}
}

// goldenState checks the recurrent state of the first layer.
func goldenState(t *testing.T, st *state.Stack) {
	t.Helper()
	h := st.Layers[0].H
	for i, want := range []float64{.08413964, -.20462823, .08371138, -.11968373} {
		within(t, "state", float64(h[i]), want, 1e-6)
	}
	var sum float64
	for _, v := range h {
		sum += float64(v)
	}
	within(t, "sum of the state", sum, -.48509081, 1e-5)
	if st.Len() != len(goldenTokens) {
		t.Errorf("the state has seen %d tokens, want %d", st.Len(), len(goldenTokens))
	}
}

func goldenArgmax(t *testing.T, z []float32) {
	t.Helper()
	for i, want := range []int{3, 15, 41, 33, 39, 11, 1, 20, 32, 28, 32, 47} {
		best, row := 0, z[i*48:][:48]
		for j, v := range row {
			if v > row[best] {
				best = j
			}
		}
		if best != want {
			t.Errorf("position %d: the largest logit is %d, want %d", i, best, want)
		}
	}
}
