package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// probes are the parts of reference.json that only these checkpoints have.
type probes struct {
	Logits struct {
		IDs       []int32   `json:"ids"`
		Last      []float64 `json:"last_logits_first_64"`
		At20      []float64 `json:"logits_at_20_first_16"`
		LogSumExp float64   `json:"last_logsumexp"`
	} `json:"logit_probe"`
	Layers struct {
		IDs    []int32      `json:"ids"`
		Layers []layerProbe `json:"layers"`
	} `json:"layer_probe"`
}

// layerProbe holds values of head 0: a, hop and eta of four tokens, the state after them, and the outputs of the layer's
// parts at the last of them. In causal-keyed it also has value 0 of the tokens, the last key and query, and the oldest
// inputs of the convolution that are kept; y is the products of value 0.
type layerProbe struct {
	A      []float64 `json:"a"`
	Hop    []float64 `json:"hop"`
	Eta    perToken  `json:"eta"`
	G      []float64 `json:"g_last"`
	Y      []float64 `json:"y_last"`
	U      []float64 `json:"u_first"`
	Key    []float64 `json:"key_last"`
	Query  []float64 `json:"query_last"`
	Tail   []float64 `json:"tail_oldest_first_4"`
	Mixer  []float64 `json:"mixer_out_last_first_4"`
	FFN    []float64 `json:"ffn_out_last_first_4"`
	Hidden []float64 `json:"hidden_last_first_4"`
}

// perToken is one number, or one for every token.
type perToken []float64

// UnmarshalJSON implements json.Unmarshaler.
func (p *perToken) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("[")) {
		return json.Unmarshal(data, (*[]float64)(p))
	}
	*p = perToken{0}
	return json.Unmarshal(data, &(*p)[0])
}

func readProbes(t *testing.T, dir string) (p probes) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLogitProbe(t *testing.T) {
	for _, name := range trained {
		t.Run(name, func(t *testing.T) {
			dir := sharedtest.Dir(t, "checkpoints/"+name)
			probe := readProbes(t, dir).Logits
			m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir})
			logits, vocab := modeltest.Scores(t, m, probe.IDs).Logits, m.Info().Vocab
			last := logits[len(logits)-vocab:]
			modeltest.Near(t, "last logits", last[:64], probe.Last, 1e-4)
			modeltest.Near(t, "logits at 20", logits[20*vocab:20*vocab+16], probe.At20, 1e-4)
			modeltest.Near(t, "last log-sum-exp", []float64{logSumExp(last)}, []float64{probe.LogSumExp}, 1e-4)
		})
	}
}

// TestLayerProbe compares layer by layer, so a mistake in the layout shows where it is.
func TestLayerProbe(t *testing.T) {
	for _, name := range trained {
		t.Run(name, func(t *testing.T) {
			dir := sharedtest.Dir(t, "checkpoints/"+name)
			m, probe := loadNetwork(t, dir).(*Model), readProbes(t, dir).Layers
			p, st := &nn.Pass{}, m.NewState()
			spans := []nn.Span{{Len: len(probe.IDs), State: st}}
			h := m.Tokens.Forward(p, probe.IDs)
			for l, want := range probe.Layers {
				h = probeLayer(t, p, &m.Blocks[l], l, h, spans, want)
			}
		})
	}
}

func probeLayer(t *testing.T, p *nn.Pass, b *Block, l int, h nn.Mat, spans []nn.Span, want layerProbe) nn.Mat {
	t.Helper()
	last := h.Rows - 1
	x := b.Norm.Forward(p, h)
	var chains Chains
	switch core := b.Core.(type) {
	case *Row:
		chains = core.Chains
	case *Diag:
		chains = core.Chains
	case *Keyed:
		chains = core.Chains
	}
	in := chains.forward(p, x)
	for i := range h.Rows {
		modeltest.Near(t, "a, hop, eta", []float32{in.A.Row(i)[0], in.Hop.Row(i % in.Hop.Rows)[0], in.Eta.Row(i % in.Eta.Rows)[0]},
			[]float64{want.A[i], want.Hop[i], want.Eta[i%len(want.Eta)]}, 1e-4)
	}
	f := b.Core.Forward(p, l, x, spans)
	mixed, ffn := b.readOut(p, f), b.FFN.Forward(p, x, f)
	scaled := p.New(1, h.Cols)
	for i, v := range mixed.Row(last) {
		scaled.Data[i] = b.Scale.W[0] * v
	}
	if core, ok := b.Core.(*Keyed); ok {
		probeProducts(t, p, core, l, x, spans[0].State, want)
	} else {
		layer := state.Of[*state.Resolvent](spans[0].State, l)
		modeltest.Near(t, "g", []float64{layer.G.Re[0], layer.G.Im[0]}, want.G, 1e-4)
		if want.Y != nil {
			modeltest.Near(t, "y", []float64{layer.Y.Re[0], layer.Y.Im[0]}, want.Y, 1e-4)
		}
	}
	modeltest.Near(t, "mixer", scaled.Data[:4], want.Mixer, 1e-4)
	modeltest.Near(t, "ffn", ffn.Row(last)[:4], want.FFN, 1e-4)
	h = nn.Add(p, h, nn.AddScaled(p, ffn, b.Scale, mixed))
	modeltest.Near(t, "hidden", h.Row(last)[:4], want.Hidden, 1e-4)
	return h
}

// configs are small models that together use every setting.
var configs = map[string]string{
	"row":   `{"vocab_size": 64, "d_model": 32, "n_layers": 3, "bk_heads": 4, "d_value": 5}`,
	"keyed": `{"mode": "causal-keyed", "vocab_size": 64, "d_model": 32, "n_layers": 3, "bk_heads": 4, "d_value": 5, "key_dim": 6}`,
	"keyed with g, learned eta and hop, no convolution": `{"mode": "causal-keyed", "vocab_size": 64, "d_model": 16, "n_layers": 2, "bk_heads": 2, "d_value": 18, "key_dim": 3, "conv_kernel": 0, "eta_mode": "learned", "k_mode": "learned", "energy_mode": "learned", "row_include_g": true, "g_features": "cayley", "ffn_activation": "gelu"}`,
	"keyed without norm, one tap, const eta and hop":    `{"mode": "causal-keyed", "vocab_size": 64, "d_model": 16, "n_layers": 2, "key_dim": 5, "conv_kernel": 1, "eta_mode": "const", "k_mode": "const", "k_value": 0.7, "born_norm": false, "ffn_activation": "gelu"}`,
	"diag":     `{"mode": "causal-diag", "vocab_size": 64, "d_model": 32, "n_layers": 3, "bk_heads": 6}`,
	"original": `{"mode": "causal-diag", "vocab_size": 64, "d_model": 16, "n_layers": 2, "bk_heads": 1, "a0_mode": "const", "a0_value": -2, "energy_mode": "const", "eta_mode": "const", "k_mode": "const", "v_limit": "clamp", "v_max_mode": "uniform", "v_init": "xavier", "g_features": "raw", "feature_clamp": 10, "num_experts": 4, "moe_gate": "topk_softmax", "residual_init_scale": false}`,
	"row with g, plain rows, two of three gated experts": `{"vocab_size": 64, "d_model": 16, "n_layers": 2, "bk_heads": 3, "d_value": 2, "row_include_g": true, "g_features": "cayley", "born_norm": false, "k_mode": "learned", "num_experts": 3, "top_k": 2, "ffn_activation": "swiglu", "a0_init": "zero"}`,
	"all experts, gelu": `{"vocab_size": 64, "d_model": 16, "n_layers": 2, "num_experts": 2, "top_k": 2, "ffn_activation": "gelu", "ffn_multiplier": 3}`,
}

// someTokens returns a document over a vocabulary of 64.
func someTokens(n int) []int32 {
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32((i*i*7 + i*3) % 64)
	}
	return tokens
}

func TestStreaming(t *testing.T) {
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Config: config, Seed: 7})
			modeltest.Streaming(t, m, someTokens(150), 1, 3, 7, 64, 149)
		})
	}
	for _, name := range trained {
		t.Run(name, func(t *testing.T) {
			dir := sharedtest.Dir(t, "checkpoints/"+name)
			m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir})
			modeltest.Streaming(t, m, readProbes(t, dir).Logits.IDs, 1, 3, 7, 64, 127, 128, 129)
		})
	}
}

// TestPerturbation changes one token and compares the logits before it bit for bit.
func TestPerturbation(t *testing.T) {
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Config: config, Seed: 7})
			perturb(t, m, someTokens(80), 50)
		})
	}
	for _, name := range trained {
		t.Run(name, func(t *testing.T) {
			dir := sharedtest.Dir(t, "checkpoints/"+name)
			m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir})
			tokens := modeltest.ReadEvaluation(t, dir).Excerpts["en"].IDs
			for _, at := range []int{5, 128, 300} {
				perturb(t, m, tokens[:at+8], at)
			}
		})
	}
}

// perturb changes the tokens from position at on.
func perturb(t *testing.T, m lm.Model, tokens []int32, at int) {
	t.Helper()
	vocab := m.Info().Vocab
	before := modeltest.Scores(t, m, tokens).Logits
	changed := slices.Clone(tokens)
	for i := at; i < len(changed); i++ {
		changed[i] ^= 1
	}
	after := modeltest.Scores(t, m, changed).Logits
	if d := largest(before[:at*vocab], after[:at*vocab]); d != 0 {
		t.Errorf("logits before position %d differ by %g", at, d)
	}
	if d := largest(before[at*vocab:], after[at*vocab:]); d < 1e-3 {
		t.Errorf("logits from position %d on differ by %g only", at, d)
	}
}

// TestThreads checks that results depend neither on the number of threads nor on other documents in the batch.
func TestThreads(t *testing.T) {
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			var want []float32
			for _, threads := range []int{1, 2, 3} {
				m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Config: config, Seed: 7, Threads: threads})
				reply, err := m.Score(context.Background(), lm.ScoreRequest{Logits: true, Sequences: []lm.Sequence{
					{Tokens: someTokens(300), From: 1}, {Tokens: someTokens(90)[17:], From: 1},
				}})
				if err != nil {
					t.Fatal(err)
				}
				got := reply.Scores[0].Logits
				if want == nil {
					want = modeltest.Scores(t, m, someTokens(300)).Logits
				}
				if d := largest(got, want); d != 0 {
					t.Errorf("%d threads: logits differ by %g", threads, d)
				}
			}
		})
	}
}

// TestDecodeAllocatesNothing feeds single tokens to several documents at once.
func TestDecodeAllocatesNothing(t *testing.T) {
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			net, _ := newNetwork(t, config, 1)
			p, b := &nn.Pass{}, nn.Batch{Tokens: []int32{3, 9}}
			for i := range b.Tokens {
				b.Spans = append(b.Spans, nn.Span{Start: i, Len: 1, State: net.NewState()})
			}
			step := func() {
				p.Reset()
				hidden, err := net.Forward(p, b)
				if err != nil {
					t.Fatal(err)
				}
				net.Output().Forward(p, hidden)
			}
			step()
			if n := sharedtest.AllocsPerRun(t, 100, step); n > 0 {
				t.Errorf("%v allocations a step", n)
			}
		})
	}
}

// TestStateBytes compares the live state with the formula: 16 bytes for g of every head and y of every value; in causal-keyed
// 4 bytes for the product of every key and value and for the convolution's inputs.
func TestStateBytes(t *testing.T) {
	for name, want := range map[string]int64{"bk-row-3m": 7 * 12 * 17 * 16, "bk-diag-3m": 10 * 64 * 16, "bk-original-3m": 8 * 16, "bk-keyed-3m": 6 * (16*16 + 4*16*16*16 + 4*3*288)} {
		m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Variant: name, Seed: 1})
		if kind := m.Info().StateKind; kind != "constant" {
			t.Errorf("%s: state kind %q, want constant", name, kind)
		}
		st, err := m.(lm.Stepper).NewState(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := st.Bytes(); got != want {
				t.Errorf("%s: %d bytes after %d tokens, want %d", name, got, st.Len(), want)
			}
			if _, err := m.(lm.Stepper).Step(context.Background(), lm.StepRequest{Inputs: []lm.StepInput{{State: st, Tokens: someTokens(40)}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
