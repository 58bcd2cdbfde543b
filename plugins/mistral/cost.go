package main

import (
	"github.com/archbench/archbench/internal/analytic"
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
	return m.cfg.cost(w, m.precision), nil, nil
}

// StateBytes implements engine.Network. It counts the keys and values of every visible position.
func (m *Model) StateBytes(tokens int) int64 {
	return state.KVBytes(m.cfg.slots(), m.cfg.KVHeads, m.cfg.HeadDim, m.precision.Blocks.AttentionBF16(), tokens)
}

// cost is the analytic cost of Forward and the logits.
func (c Config) cost(w analytic.Work, p nn.Precision) []lm.CostItem {
	s, n, d := analytic.NewSheet(w), w.Rows(), c.Dim
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	attention := analytic.Attention{
		Heads: c.Heads, KVHeads: c.KVHeads, Dim: c.HeadDim, Naive: !c.UseFlash, BF16: p.Blocks.AttentionBF16(),
	}
	s.Component("embedding")
	s.Embedding(n, d, p.Embedding())
	s.Component("attention")
	s.Angles(n, c.HeadDim)
	for l := range c.Layers {
		attention.Window, attention.Slots = c.keys(l), c.keys(l)
		s.Component("norm")
		s.RMSNorm(n, d)
		s.RMSNorm(n, d)
		s.Component("attention")
		s.Affine(n, d, q, p.Linear("attention"), c.AttnBias)
		s.Affine(n, d, kv, p.Linear("attention"), c.AttnBias)
		s.Affine(n, d, kv, p.Linear("attention"), c.AttnBias)
		s.Rotate(n, c.Heads, c.HeadDim)
		s.Rotate(n, c.KVHeads, c.HeadDim)
		s.Attention(attention, w)
		s.Affine(n, q, d, p.Linear("attention"), c.AttnBias)
		s.Component("mlp")
		s.Affine(n, d, c.Inner, p.Linear("mlp"), c.MLPBias)
		s.Affine(n, d, c.Inner, p.Linear("mlp"), c.MLPBias)
		s.SwiGLU(n * c.Inner)
		s.Affine(n, c.Inner, d, p.Linear("mlp"), c.MLPBias)
		s.Component("residual")
		s.Residual(n * d)
		s.Residual(n * d)
	}
	s.Component("norm")
	s.RMSNorm(n, d)
	s.Component("head")
	s.Linear(w.LogitRows, d, c.Vocab, p.Head)
	return s.Items()
}
