package main

import (
	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// Cost implements engine.Network.
func (m *Model) Cost(req lm.CostRequest) (items, reference []lm.CostItem, err error) {
	w, err := analytic.WorkOf(req)
	if err != nil {
		return nil, nil, err
	}
	if last := w.Past + w.Len; last > m.cfg.Positions {
		return nil, nil, lm.Errorf(lm.Invalid, "", "%d tokens are more than the context limit n_positions=%d", last, m.cfg.Positions)
	}
	return m.cfg.cost(w, m.precision), nil, nil
}

// StateBytes implements engine.Network: keys and values of every position.
func (m *Model) StateBytes(tokens int) int64 {
	return state.KVBytes(m.cfg.slots(), m.cfg.Heads, m.cfg.Dim/m.cfg.Heads, m.precision.Blocks.AttentionBF16(), tokens)
}

// activationFLOPs is the cost of an element: x·Φ(√2·x) is 5, the tanh form 9, x·σ(x) 4.
var activationFLOPs = map[config.Activation]int{"gelu_new": 9, "gelu": 5, "silu": 4, "relu": 0}

// cost follows Forward and Logits by formulas alone.
func (c Config) cost(w analytic.Work, p nn.Precision) []lm.CostItem {
	s, n, d := analytic.NewSheet(w), w.Rows(), c.Dim
	attention := analytic.Attention{
		Heads: c.Heads, KVHeads: c.Heads, Dim: d / c.Heads, Slots: c.Positions, Naive: !c.UseFlash,
		BF16: p.Blocks.AttentionBF16(),
	}
	s.Component("embedding")
	s.Embedding(n, d, p.Embedding())
	s.Embedding(n, d, p.Embedding())
	s.Residual(n * d)
	for range c.Layers {
		s.Component("norm")
		s.LayerNorm(n, d)
		s.LayerNorm(n, d)
		s.Component("attention")
		s.Linear(n, d, 3*d, p.Linear("attention"))
		s.Bias(n, 3*d)
		s.Attention(attention, w)
		s.Linear(n, d, d, p.Linear("attention"))
		s.Bias(n, d)
		s.Component("mlp")
		s.Linear(n, d, c.Inner, p.Linear("mlp"))
		s.Bias(n, c.Inner)
		s.Activation(n*c.Inner, activationFLOPs[c.Activation])
		s.Linear(n, c.Inner, d, p.Linear("mlp"))
		s.Bias(n, d)
		s.Component("residual")
		s.Residual(n * d)
		s.Residual(n * d)
	}
	s.Component("norm")
	s.LayerNorm(n, d)
	s.Component("head")
	s.Linear(w.LogitRows, d, c.Vocab, p.Head)
	return s.Items()
}
