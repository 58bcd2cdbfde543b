package main

import (
	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// Cost implements engine.Network.
func (m *Model) Cost(req lm.CostRequest) (items, reference []lm.CostItem, err error) {
	w, err := analytic.WorkOf(req)
	if err != nil {
		return nil, nil, err
	}
	f := formats{block: m.format, embedding: m.Tokens.Table.Format(), head: m.Head.W.Format()}
	return m.cfg.cost(w, f), nil, nil
}

// StateBytes implements engine.Network: keys and values of the key heads at every visible position.
func (m *Model) StateBytes(tokens int) int64 {
	return state.KVBytes(m.cfg.Layers, m.cfg.KVHeads, m.cfg.HeadDim, m.cfg.keys(), m.format.AttentionBF16(), tokens)
}

// formats are the precisions of the weights.
type formats struct{ block, embedding, head kernel.Format }

// cost follows Forward and Logits by formulas alone.
func (c Config) cost(w analytic.Work, f formats) []lm.CostItem {
	s, n, d := analytic.NewSheet(w), w.Rows(), c.Dim
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	attention := analytic.Attention{
		Heads: c.Heads, KVHeads: c.KVHeads, Dim: c.HeadDim, Window: c.keys(), Slots: c.keys(), Naive: !c.UseFlash,
		BF16: f.block.AttentionBF16(),
	}
	s.Component("embedding")
	s.Embedding(n, d, f.embedding)
	s.Component("attention")
	s.Angles(n, c.HeadDim)
	for range c.Layers {
		s.Component("norm")
		s.RMSNorm(n, d)
		s.RMSNorm(n, d)
		s.Component("attention")
		s.Linear(n, d, q, f.block)
		s.Linear(n, d, kv, f.block)
		s.Linear(n, d, kv, f.block)
		s.Rotate(n, c.Heads, c.HeadDim)
		s.Rotate(n, c.KVHeads, c.HeadDim)
		s.Attention(attention, w)
		s.Linear(n, q, d, f.block)
		s.Component("mlp")
		s.Linear(n, d, c.Inner, f.block)
		s.Linear(n, d, c.Inner, f.block)
		s.SwiGLU(n * c.Inner)
		s.Linear(n, c.Inner, d, f.block)
		s.Component("residual")
		s.Residual(n * d)
		s.Residual(n * d)
	}
	s.Component("norm")
	s.RMSNorm(n, d)
	s.Component("head")
	s.Linear(w.LogitRows, d, c.Vocab, f.head)
	return s.Items()
}
