package main

import (
	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/lm"
)

// Cost implements engine.Network. A block's products are those of the paper: for each token 4dE FLOPs of in_proj, 2Ek of
// the convolution, 2E(R+2S) of x_proj, 2RE of dt_proj, 7ES of the scan and 2Ed of out_proj. Beside them stands what is
// usually left out: 4d+4 of a norm, 5E of the convolution's bias and silu, 4E of dt_proj's bias and softplus, 3E of the
// scan (Δ·u and D·u), 5E of the gate and d of the residual. No cost depends on what came before. There is no reference
// counter of the architecture's own.
func (m *Model) Cost(req lm.CostRequest) (items, reference []lm.CostItem, err error) {
	w, err := analytic.WorkOf(req)
	if err != nil {
		return nil, nil, err
	}
	c, s, rows := &m.cfg, analytic.NewSheet(w), w.Rows()
	s.Component("embedding")
	s.Embedding(rows, c.Dim, m.Tokens.Table.Format())
	for l := range m.Blocks {
		m.blockCost(s, w, &m.Blocks[l])
	}
	s.Component("norm")
	s.RMSNorm(rows, c.Dim)
	s.Component("head")
	s.Linear(w.LogitRows, c.Dim, c.Vocab, m.Head.W.Format())
	return s.Items(), nil, nil
}

// blockCost adds one layer.
func (m *Model) blockCost(s *analytic.Sheet, w analytic.Work, b *Block) {
	c, rows := &m.cfg, w.Rows()
	channels, rank := c.Channels, int(c.Rank)
	s.Component("norm")
	s.RMSNorm(rows, c.Dim)
	s.Component("in_proj")
	s.Linear(rows, c.Dim, 2*channels, b.In.W.Format())
	if c.Bias {
		s.Bias(rows, 2*channels)
	}
	s.Component("conv")
	s.CausalConv(w, channels, c.Taps)
	if c.ConvBias {
		s.Bias(rows, channels)
	}
	s.Activation(rows*channels, 4)
	s.Component("x_proj")
	s.Linear(rows, channels, rank+2*c.States, b.X.W.Format())
	s.Component("dt_proj")
	s.Columns(rows, rank)
	s.Linear(rows, rank, channels, b.Step.W.Format())
	s.Bias(rows, channels)
	s.Activation(rows*channels, 3)
	s.Component("scan")
	s.SelectiveScan(w, channels, c.States)
	s.Component("gate")
	s.SwiGLU(rows * channels)
	s.Component("out_proj")
	s.Linear(rows, channels, c.Dim, b.Out.W.Format())
	if c.Bias {
		s.Bias(rows, c.Dim)
	}
	s.Component("residual")
	s.Residual(rows * c.Dim)
}
