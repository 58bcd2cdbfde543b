package main

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// TestKeyedFixtures compares logits, loss and every gradient with the two reference models: one with every part of the mode,
// one with the plain settings.
func TestKeyedFixtures(t *testing.T) {
	for _, name := range []string{"bk-keyed-tiny", "bk-keyed-plain"} {
		t.Run(name, func(t *testing.T) {
			dir := sharedtest.Dir(t, "fixtures/"+name)
			modeltest.Fixture(t, engine.New(Family{}), dir, nil)
			modeltest.FixtureGradients(t, Family{}, dir, nil)
		})
	}
}

// probeProducts compares the inputs and the state of a core of causal-keyed, after Forward.
func probeProducts(t *testing.T, p *nn.Pass, core *Keyed, l int, x nn.Mat, doc *state.Document, want layerProbe) {
	t.Helper()
	in, layer := core.products(p, l, x, []nn.Span{{Len: x.Rows}}), state.Of[*state.Keyed](doc, l)
	for i, u := range want.U {
		modeltest.Near(t, "u", in.U.Row(i)[:1], []float64{u}, 1e-4)
	}
	modeltest.Near(t, "key", in.Key.Row(x.Rows-1), want.Key, 1e-4)
	modeltest.Near(t, "query", in.Query.Row(x.Rows-1), want.Query, 1e-4)
	modeltest.Near(t, "g", []float64{layer.G.Re[0], layer.G.Im[0]}, want.G, 1e-4)
	for k, y := range want.Y {
		modeltest.Near(t, "products of value 0", layer.Y[k*core.Values:][:1], []float64{y}, 1e-4)
	}
	modeltest.Near(t, "tail", layer.Tail[:4], want.Tail, 1e-4)
}

// TestKeyedStreaming splits a document within the first inputs of the convolution, and after them.
func TestKeyedStreaming(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/bk-keyed-3m")
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir})
	modeltest.Streaming(t, m, readProbes(t, dir).Logits.IDs, 1, 2, 3, 4, 5, 31, 32, 33, 100)
}

// TestKeyedBatch checks that documents side by side give the logits of each alone, bit for bit.
func TestKeyedBatch(t *testing.T) {
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Config: configs["keyed"], Seed: 3})
	docs := [][]int32{someTokens(70), someTokens(9)[2:], someTokens(41)[5:], {7}}
	var req lm.ScoreRequest
	for _, d := range docs {
		req.Sequences = append(req.Sequences, lm.Sequence{Tokens: d, From: 1})
	}
	req.Logits = true
	reply, err := m.Score(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range docs {
		if diff := largest(reply.Scores[i].Logits, modeltest.Scores(t, m, d).Logits); diff != 0 {
			t.Errorf("logits of document %d differ by %g in a batch", i, diff)
		}
	}
}

// TestKeyedCostPerToken compares a layer's mixer with the published estimate, which counts no biases, norms and roots.
func TestKeyedCostPerToken(t *testing.T) {
	const dim, heads, values, keys, taps = 184, 16, 16, 16, 4
	const channels = heads*values + 2*keys
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Variant: "bk-keyed-3m", Seed: 1})
	analytic, _ := modeltest.Costs(t, m, lm.CostRequest{Phase: lm.Decode, Batch: 1, Length: 1000})
	for component, want := range map[string]int64{
		"u_proj": 2 * dim * heads * values, "key_proj": 2 * dim * keys, "query_proj": 2 * dim * keys, "conv": 2 * taps * channels,
		// Published: 6N + 14H + 2HV + 5NHV. More: two floors, roots and divisions of the vectors; of each head r s, c r, √η,
		// and a root and a division for the norm.
		"recursion": 6*keys + 14*heads + 2*heads*values + 5*keys*heads*values + 6 + 5*heads,
	} {
		if got := analytic[component].FLOPs; got != 6*want {
			t.Errorf("%s costs %d FLOPs per token, want %d", component, got, 6*want)
		}
	}
}

// TestKeyedInitialState checks the initial values that other modes do not have.
func TestKeyedInitialState(t *testing.T) {
	net, _ := newNetwork(t, variantConfig(t, "bk-keyed-3m"), 5)
	core := net.(*Model).Blocks[2].Core.(*Keyed)
	gate := core.Eta.(*etaGate).Eta
	within(t, "eta_proj", gate.Weight.W, 0.1*math.Sqrt(6.0/(16+184)))
	within(t, "key_proj", core.Key.Weight.W, math.Sqrt(6.0/(16+184)))
	within(t, "query_proj", core.Query.Weight.W, math.Sqrt(6.0/(16+184)))
	within(t, "u_proj", core.Value.Weight.W, math.Sqrt(6.0/(256+184)))
	for h, raw := range gate.Bias.W {
		want := math.Pow(0.05, float64(h)/15)
		modeltest.Near(t, "eta", []float64{1e-3 + softplus(float64(raw))}, []float64{want}, 1e-6)
	}
	taps := make([][]float32, core.Conv.Taps)
	for i, v := range core.Conv.Weight.W {
		if i%core.Conv.Taps == core.Conv.Taps-1 {
			v--
		}
		taps[i%core.Conv.Taps] = append(taps[i%core.Conv.Taps], v)
	}
	for _, tap := range taps {
		within(t, "conv", tap, 0.5)
	}
}

// TestKeyedDefaultHeads checks that models of other widths have about 1.4 values per channel.
func TestKeyedDefaultHeads(t *testing.T) {
	for dim, heads := range map[int]int{8: 1, 64: 5, 184: 16, 768: 67} {
		if got := defaultKeyed(dim).Core.(*KeyedConfig).Heads; got != heads {
			t.Errorf("%d heads for d_model %d, want %d", got, dim, heads)
		}
	}
}

// TestStoredKeyedConfig checks that the effective config always has the settings of the mode.
func TestStoredKeyedConfig(t *testing.T) {
	net, _ := newNetwork(t, `{"mode": "causal-keyed", "d_model": 8, "vocab_size": 4, "n_layers": 1}`, 1)
	var stored struct {
		Core struct {
			Keys *int   `json:"key_dim"`
			Taps *int   `json:"conv_kernel"`
			Eta  string `json:"eta_mode"`
		}
	}
	if err := json.Unmarshal(net.Config(), &stored); err != nil {
		t.Fatal(err)
	}
	if c := stored.Core; c.Keys == nil || *c.Keys != 16 || c.Taps == nil || *c.Taps != 4 || c.Eta != "gate" {
		t.Errorf("stored config %s", net.Config())
	}
}
