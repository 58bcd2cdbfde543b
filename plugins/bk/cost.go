package main

import (
	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// StateBytes implements engine.Network: g and y of every head as complex numbers of 16 bytes, whatever the length.
func (m *Model) StateBytes(int) int64 {
	return 16 * int64(m.Layers) * int64(m.Heads) * int64(1+m.Values)
}

// StateBytes implements engine.Network: nothing can be carried.
func (m *Published) StateBytes(int) int64 { return -1 }

// Cost implements engine.Network.
func (m *Model) Cost(req lm.CostRequest) (items, reference []lm.CostItem, err error) {
	w, err := analytic.WorkOf(req)
	if err != nil {
		return nil, nil, err
	}
	counter := referenceCounter{dim: m.Dim, layers: m.Layers, experts: m.Experts, topK: m.TopK, vocab: m.Vocab}
	return m.cost(w, m.precision), counter.items(req), nil
}

// cost follows Forward and Logits by formulas alone. Gates and numbers a head stay in float32.
func (c *CausalConfig) cost(w analytic.Work, p nn.Precision) []lm.CostItem {
	s, n, d := analytic.NewSheet(w), w.Rows(), c.Dim
	s.Component("embedding")
	s.Embedding(n, d, p.Embedding())
	for range c.Layers {
		s.Component("norm")
		s.LayerNorm(n, d)
		c.costFFN(s, n, p.Linear("ffn"))
		c.costMixer(s, w, p)
		s.Component("residual")
		s.Scaled(n * d)
		s.Residual(n * d)
	}
	s.Component("norm")
	s.LayerNorm(n, d)
	s.Component("head")
	s.Linear(w.LogitRows, d, c.Vocab, p.Head)
	return s.Items()
}

func (c *CausalConfig) costMixer(s *analytic.Sheet, w analytic.Work, p nn.Precision) {
	n, d := w.Rows(), c.Dim
	core := analytic.Resolvent{
		Heads: c.Heads, Values: c.Values, BornNorm: c.BornNorm, IncludeG: c.RowIncludeG, Cayley: c.GFeatures == "cayley",
		SharedHop: c.KMode != "gate",
	}
	s.Component("v_proj")
	s.Linear(n, d, c.Heads, kernel.F32)
	s.Bias(n, c.Heads)
	s.Component("gates")
	s.SiteEnergy(n, c.Heads, c.VLimit == "tanh")
	if c.KMode == "gate" {
		s.Linear(n, d, c.Heads, kernel.F32)
		s.Bias(n, c.Heads)
		s.HopGate(n * c.Heads)
	}
	if c.row() {
		s.Component("u_proj")
		s.Linear(n, d, c.Heads*c.Values, p.Linear("u_proj"))
	}
	s.Component("recursion")
	s.Resolvent(core, w)
	if c.FeatureClamp != nil {
		s.Clamp(n * core.Features())
	}
	s.Component("output_proj")
	s.Linear(n, core.Features(), d, p.Linear("output_proj"))
	s.Bias(n, d)
}

func (c *CausalConfig) costFFN(s *analytic.Sheet, n int, f kernel.Format) {
	e := analytic.Expert{
		Dim: c.Dim, Inner: c.FFNMultiplier * c.Dim, Activation: activationFLOPs[c.FFNActivation],
		Gated: c.FFNActivation == "swiglu", Format: f,
	}
	if c.Experts == 1 {
		s.Component("ffn")
		s.Expert(e, n)
		return
	}
	s.Component("router")
	costGate(s, n, c.Dim, c.Experts, c.TopK, c.MoEGate == "topk_softmax")
	s.Component("ffn")
	s.MoE(e, c.Experts, n*min(c.TopK, c.Experts))
}

// activationFLOPs is the cost of an element: x·Φ(√2·x) is 5.
var activationFLOPs = map[string]int{"relu": 0, "gelu": 5}

// costGate is the learned gate with its linear.
func costGate(s *analytic.Sheet, n, dim, experts, topK int, renormalise bool) {
	s.Linear(n, dim, experts, kernel.F32)
	s.Bias(n, experts)
	s.TopKGate(n, experts, topK, renormalise)
}

// Cost implements engine.Network.
func (m *Published) Cost(req lm.CostRequest) (items, reference []lm.CostItem, err error) {
	w, err := analytic.WorkOf(req)
	switch {
	case err != nil:
		return nil, nil, err
	case req.Phase == lm.Decode:
		return nil, nil, lm.Errorf(lm.Unsupported, "", "mode %s cannot decode token by token: it reads the whole sequence", modeBidirectional)
	case w.Len > m.Positions:
		return nil, nil, lm.Errorf(lm.Invalid, "", "%d tokens are more than the context limit n_seq=%d", w.Len, m.Positions)
	}
	counter := referenceCounter{dim: m.Dim, layers: m.Layers, experts: m.Experts, topK: m.TopK, vocab: m.Vocab}
	return m.cost(w, m.precision), counter.items(req), nil
}

// cost follows Forward and Logits by formulas alone.
func (c *PublishedConfig) cost(w analytic.Work, p nn.Precision) []lm.CostItem {
	s, n, d := analytic.NewSheet(w), w.Rows(), c.Dim
	s.Component("embedding")
	s.Embedding(n, d, p.Embedding())
	s.Embedding(n, d, p.Embedding())
	s.Residual(n * d)
	for range c.Layers {
		s.Component("norm")
		s.LayerNorm(n, d)
		s.Component("v_proj")
		s.Linear(n, d, 1, kernel.F32)
		s.Bias(n, 1)
		s.Component("gates")
		s.SiteEnergy(n, 1, false)
		s.Component("recursion")
		s.FullResolvent(n)
		s.Component("router")
		routed := c.costRouter(s, n)
		s.Component("ffn")
		s.MoE(analytic.Expert{Dim: d, Inner: 2 * d, Format: p.Linear("ffn")}, c.Experts, routed)
		s.Component("recursion")
		s.Clamp(2 * n)
		s.Component("output_proj")
		s.Linear(n, 2, d, p.Linear("output_proj"))
		s.Bias(n, d)
		s.Component("residual")
		s.Scaled(n * d)
		s.Residual(n * d)
	}
	s.Component("norm")
	s.LayerNorm(n, d)
	s.Component("head")
	s.Linear(w.LogitRows, d, c.Vocab, p.Head)
	s.Bias(w.LogitRows, c.Vocab)
	return s.Items()
}

// costRouter returns how many pairs of a token and an expert the router makes.
func (c *PublishedConfig) costRouter(s *analytic.Sheet, n int) (routed int) {
	k := min(c.TopK, c.Experts)
	if !c.UseScatteringRouter {
		costGate(s, n, c.Dim, c.Experts, k, true)
		return n * k
	}
	flops := flopsLegacy
	if c.RouterBins == "half_circle" {
		flops = flopsHalfCircle
	}
	if k > 1 {
		flops += flopsWeight * k
	}
	s.Add(n*flops, 4*n*(2+c.Experts))
	return n * k
}
