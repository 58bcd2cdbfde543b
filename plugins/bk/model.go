package main

import (
	"fmt"
	"math"

	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// Model is a ResNet-BK. Every layer has a norm, then a core and a feed-forward part in parallel.
//
//	h  = token_embedding[x_t]  (+ position_embedding[t])
//	x  = LayerNorm(h);   h += FFN(x) + bk_scale (W_o f + b_o)      for each of n layers
//	logits = W_head LayerNorm(h)  (+ b_head)
//
// The core computes the features f from x. It is the only part that mixes tokens.
//
// Legend: V vocabulary, D width, n layers, H heads, v values per head (0 in causal-diag), M = ffn_multiplier·D, F features
// of the core.
type Model struct {
	config    Config
	Tokens    *nn.Embedding // token_embedding [V, D]
	Positions *Positions
	Blocks    []Block
	Norm      *nn.LayerNorm
	Head      *nn.Linear // the embedding, or lm_head [V, D]

	json []byte // the effective config
}

// Block is one layer.
type Block struct {
	Norm  *nn.LayerNorm
	Core  Core
	FFN   FFN
	Clamp float64    // limit of the features; may be infinite
	Out   *nn.Linear // output_proj [D, F]
	Scale *nn.Param  // bk_scale, a scalar
}

// Core mixes tokens.
type Core interface {
	// Forward advances the documents of spans through a layer and returns the features [rows, Width] of x [rows, D].
	Forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat
	// Width is the number of features.
	Width() int
	// NewState is the state of an empty document in a layer; nil if the core sees the future.
	NewState() state.Layer
	// StateBytes is the memory of that state, by formula; -1 if there is none.
	StateBytes() int64
	// cost adds the cost of Forward.
	cost(s *analytic.Sheet, w analytic.Work)
}

// newModel declares the parameters.
func newModel(c Config, ps *nn.Params) *Model {
	m := &Model{
		config: c, Tokens: ps.Embedding("token_embedding", c.Vocab, c.Dim, nn.Normal(0.02)), Positions: newPositions(&c, ps),
	}
	for l := 0; l < c.Layers && ps.Err() == nil; l++ {
		m.Blocks = append(m.Blocks, newBlock(&c, fmt.Sprintf("blocks.%d.", l), ps))
	}
	m.Norm = ps.LayerNorm("layer_norm_final", c.Dim, c.Eps)
	m.Head = newHead(&m.config, m.Tokens, ps)
	return m
}

// newHead declares the output matrix. With a bias it is initialised like other linears, without one like the embedding.
func newHead(c *Config, tokens *nn.Embedding, ps *nn.Params) *nn.Linear {
	if !c.LMHeadBias {
		return ps.Output("lm_head", tokens, &c.Tied, nn.Normal(0.02))
	}
	head := ps.Output("lm_head", tokens, &c.Tied, nn.Xavier(c.Vocab, c.Dim, 1))
	head.Bias = ps.Tensor("lm_head.bias", nn.Const(0), c.Vocab)
	return head
}

func newBlock(c *Config, name string, ps *nn.Params) Block {
	bk := name + "bk_layer."
	core := c.Core.declare(c, bk, ps)
	features := core.Width()
	return Block{
		Norm: ps.LayerNorm(name+"layer_norm", c.Dim, c.Eps), Core: core, FFN: newFFN(c, bk+"moe_ffn.", ps), Clamp: c.clamp(),
		Out:   ps.In("output_proj").Linear(bk+"output_proj", c.Dim, features, true, c.residualInit(c.Dim, features)),
		Scale: ps.Tensor(bk+"bk_scale", nn.Const(1)),
	}
}

// residualInit initialises a matrix that writes into the residual stream.
func (c *Config) residualInit(out, in int) nn.Init {
	if c.ResidualInitScale {
		return nn.Xavier(out, in, 1/math.Sqrt(2*float64(c.Layers)))
	}
	return nn.Xavier(out, in, 1)
}

// Forward implements engine.Network.
func (m *Model) Forward(p *nn.Pass, b nn.Batch) (nn.Mat, error) {
	p.Component("embedding")
	h, err := m.Positions.Forward(p, m.Tokens.Forward(p, b.Tokens), b.Spans)
	if err != nil {
		return h, err
	}
	for l := range m.Blocks {
		h = m.Blocks[l].forward(p, l, h, b.Spans)
	}
	p.Component("norm")
	return m.Norm.Forward(p, h), nil
}

// forward returns h + FFN(x) + bk_scale (W_o f + b_o) with x = LayerNorm(h). A router may choose experts by f.
func (b *Block) forward(p *nn.Pass, layer int, h nn.Mat, spans []nn.Span) nn.Mat {
	return nn.Residual(p, h, b.Norm, mixing{b, layer, spans}, mixing.run)
}

// mixing is the use of a block by a batch.
type mixing struct {
	*Block
	layer int
	spans []nn.Span
}

// run returns FFN(x) + bk_scale (W_o f + b_o).
func (b mixing) run(p *nn.Pass, x nn.Mat) nn.Mat {
	f := b.Core.Forward(p, b.layer, x, b.spans)
	out, mixed := b.FFN.Forward(p, x, f), b.readOut(p, f)
	p.Component("residual")
	return nn.AddScaled(p, out, b.Scale, mixed)
}

// readOut returns W_o f + b_o.
func (b *Block) readOut(p *nn.Pass, f nn.Mat) nn.Mat {
	p.Component("recursion")
	f = nn.ClampValues(p, f, float32(b.Clamp))
	p.Component("output_proj")
	return b.Out.Forward(p, f)
}

// Cost implements engine.Network.
func (m *Model) Cost(req lm.CostRequest) (items, reference []lm.CostItem, err error) {
	w, err := analytic.WorkOf(req)
	limit := m.Positions.limit()
	switch {
	case err != nil:
		return nil, nil, err
	case req.Phase == lm.Decode && !m.causal():
		return nil, nil, lm.Errorf(lm.Unsupported, "", "mode %s cannot decode token by token: it reads the whole sequence", m.config.Mode)
	case limit > 0 && w.Len > limit:
		return nil, nil, lm.Errorf(lm.Invalid, "", "%d tokens are more than the context limit n_seq=%d", w.Len, limit)
	}
	return m.cost(analytic.NewSheet(w), w), referenceCounter{&m.config}.items(req), nil
}

// CostBounds implements engine.Bounded. How many experts a mixture reads depends on the text.
func (m *Model) CostBounds(req lm.CostRequest) (least, most []lm.CostItem) {
	w, err := analytic.WorkOf(req)
	if err != nil {
		return nil, nil // Cost has reported it
	}
	fewest, other := analytic.NewSheet(w), analytic.NewSheet(w)
	fewest.Fewest = true
	few := m.cost(fewest, w)
	for i, many := range m.cost(other, w) {
		if few[i] != many {
			least, most = append(least, few[i]), append(most, many)
		}
	}
	return least, most
}

// cost is the analytic cost of Forward and the logits.
func (m *Model) cost(s *analytic.Sheet, w analytic.Work) []lm.CostItem {
	n, d := w.Rows(), m.config.Dim
	s.Component("embedding")
	s.Embedding(n, d, m.Tokens.Table.Format())
	m.Positions.cost(s, n)
	for l := range m.Blocks {
		m.Blocks[l].cost(s, w)
	}
	s.Component("norm")
	s.LayerNorm(n, d)
	s.Component("head")
	linearCost(s, w.LogitRows, m.Head)
	return s.Items()
}

func (b *Block) cost(s *analytic.Sheet, w analytic.Work) {
	n, d := w.Rows(), b.Out.Out
	s.Component("norm")
	s.LayerNorm(n, d)
	b.Core.cost(s, w)
	b.FFN.cost(s, n)
	s.Component("recursion")
	if !math.IsInf(b.Clamp, 1) {
		s.Clamp(n * b.Out.In)
	}
	s.Component("output_proj")
	linearCost(s, n, b.Out)
	s.Component("residual")
	s.Scaled(n * d)
	s.Residual(n * d)
}

func linearCost(s *analytic.Sheet, rows int, l *nn.Linear) {
	s.Affine(rows, l.In, l.Out, l.W.Format(), l.Bias != nil)
}

// Output implements engine.Network.
func (m *Model) Output() *nn.Linear { return m.Head }

// causal reports whether the core does not see the future.
func (m *Model) causal() bool { return m.Blocks[0].Core.NewState() != nil }

// NewState implements engine.Network. A model that sees the future has no state.
func (m *Model) NewState() *state.Document {
	if !m.causal() {
		return nil
	}
	return state.New(len(m.Blocks), func(l int) state.Layer { return m.Blocks[l].Core.NewState() })
}

// StateBytes implements engine.Network. It does not depend on the length.
func (m *Model) StateBytes(int) (n int64) {
	for l := range m.Blocks {
		n += m.Blocks[l].Core.StateBytes()
	}
	return max(-1, n)
}

// Info implements engine.Network.
func (m *Model) Info() lm.ModelInfo {
	c := &m.config
	info := lm.ModelInfo{Mode: c.Mode, Vocab: c.Vocab, BOS: c.BOS.First(), EOS: c.EOS, ContextLimit: m.Positions.limit(), StateKind: "none"}
	if m.causal() {
		info.Causal, info.StateKind = true, "constant"
	}
	return info
}

// Config implements engine.Network.
func (m *Model) Config() []byte { return m.json }
