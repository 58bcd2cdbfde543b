package main

import (
	"slices"

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

// StateBytes implements engine.Network. It counts the keys and values of every position.
func (m *Model) StateBytes(tokens int) int64 {
	slots := slices.Repeat([]int{m.cfg.Positions}, m.cfg.Layers)
	return state.KVBytes(slots, m.cfg.Heads, m.cfg.Dim/m.cfg.Heads, m.precision.Blocks.AttentionBF16(), tokens)
}

// activationFLOPs is the cost per element: 5 for x·Φ(√2·x), 9 for its tanh form, 4 for x·σ(x).
var activationFLOPs = map[config.Activation]int{"gelu_new": 9, "gelu": 5, "silu": 4, "relu": 0}

// cost is the analytic cost of Forward and the logits.
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
		s.Affine(n, d, 3*d, p.Linear("attention"), true)
		s.Attention(attention, w)
		s.Affine(n, d, d, p.Linear("attention"), true)
		s.Component("mlp")
		s.Affine(n, d, c.Inner, p.Linear("mlp"), true)
		s.Activation(n*c.Inner, activationFLOPs[c.Activation])
		s.Affine(n, c.Inner, d, p.Linear("mlp"), true)
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
