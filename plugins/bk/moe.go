package main

import (
	"fmt"

	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/nn"
)

// FFNConfig configures an expert.
type FFNConfig struct {
	Multiplier int    `json:"ffn_multiplier"`
	Activation string `json:"ffn_activation"` // a key of activations
}

// MoEConfig configures a mixture of experts.
type MoEConfig struct {
	Experts int    `json:"num_experts"`
	TopK    int    `json:"top_k"`
	Gate    string `json:"moe_gate"` // a key of routers
}

// FFN is the feed-forward part of a layer, which sees each token alone: one dense expert, or a mixture of experts,
//
//	expert(x) = W2 act(W1 x + b1) + b2        W1 [M, D], or [2M, D] with swiglu; W2 [D, M]
type FFN interface {
	// Forward returns the output for x; features are those of the core.
	Forward(p *nn.Pass, x, features nn.Mat) nn.Mat
	// cost adds the cost of Forward for n tokens.
	cost(s *analytic.Sheet, n int)
}

// activations are the values of ffn_activation. x·Φ(√2·x) is 5 FLOPs.
var activations = map[string]struct {
	act   nn.Activation
	flops int
	gated bool
}{
	"relu":   {act: nn.ReLU},
	"gelu":   {act: nn.GELU, flops: 5},
	"swiglu": {gated: true},
}

// newFFN declares the experts and, for a mixture, its router. The published model has a router even for a single expert.
func newFFN(c *Config, name string, ps *nn.Params) FFN {
	var experts []*nn.Expert
	for e := range c.MoE.Experts {
		experts = append(experts, newExpert(c, fmt.Sprintf("%sexperts.%d.", name, e), ps.In("ffn")))
	}
	shape := analytic.Expert{
		Dim: c.Dim, Inner: c.FFN.Multiplier * c.Dim, Activation: activations[c.FFN.Activation].flops, Gated: experts[0].Gated,
		Format: ps.Precision().Linear("ffn"),
	}
	if len(experts) == 1 && c.Mode != modeBidirectional {
		return &Dense{experts[0], shape}
	}
	return &Mixture{nn.MoE{Experts: experts}, routers[c.MoE.Gate](c, name, ps), shape}
}

// newExpert declares layers 0 and 3 of an expert. Layers 1 and 2 are the activation and dropout.
func newExpert(c *Config, name string, ps nn.Part) *nn.Expert {
	a, inner := activations[c.FFN.Activation], c.FFN.Multiplier*c.Dim
	up := inner
	if a.gated {
		up = 2 * inner
	}
	return &nn.Expert{
		Act: a.act, Gated: a.gated, Drop: c.Dropout,
		Up:   ps.Linear(name+"0", up, c.Dim, true, nn.Xavier(up, c.Dim, 1)),
		Down: ps.Linear(name+"3", c.Dim, inner, true, c.residualInit(c.Dim, inner)),
	}
}

// Dense is one expert.
type Dense struct {
	*nn.Expert
	shape analytic.Expert
}

// Forward implements FFN.
func (d *Dense) Forward(p *nn.Pass, x, _ nn.Mat) nn.Mat {
	p.Component("ffn")
	return d.Expert.Forward(p, x)
}

func (d *Dense) cost(s *analytic.Sheet, n int) {
	s.Component("ffn")
	s.Expert(d.shape, n)
}

// Mixture has a router that chooses experts for each token.
type Mixture struct {
	nn.MoE
	Router Router
	shape  analytic.Expert
}

// Forward implements FFN.
func (m *Mixture) Forward(p *nn.Pass, x, features nn.Mat) nn.Mat {
	p.Component("router")
	routes := m.Router.Forward(p, x, features)
	p.Component("ffn")
	return m.MoE.Forward(p, x, routes)
}

func (m *Mixture) cost(s *analytic.Sheet, n int) {
	s.Component("router")
	chosen := m.Router.cost(s, n)
	s.Component("ffn")
	s.MoE(m.shape, len(m.Experts), n, chosen)
}

// Router chooses experts.
type Router interface {
	// Forward returns the routes [rows, experts] of tokens x with the core's features f.
	Forward(p *nn.Pass, x, f nn.Mat) nn.Mat
	// cost adds the cost of Forward for n tokens, and returns the number of experts that each uses.
	cost(s *analytic.Sheet, n int) (chosen int)
}

// routers are the values of moe_gate.
var routers = map[string]func(c *Config, name string, ps *nn.Params) Router{
	"full_softmax": newGate,
	"topk_softmax": newGate,
	"scattering":   newScatteringRouter,
}

// Gate is the learned router.
type Gate struct{ nn.TopKGate }

func newGate(c *Config, name string, ps *nn.Params) Router {
	linear := ps.Gate(name+"gating_network", c.MoE.Experts, c.Dim, true, nn.Xavier(c.MoE.Experts, c.Dim, 1), nn.Const(0))
	return &Gate{nn.TopKGate{Linear: linear, TopK: c.MoE.TopK, Renormalise: c.MoE.Gate == "topk_softmax"}}
}

// Forward implements Router.
func (g *Gate) Forward(p *nn.Pass, x, _ nn.Mat) nn.Mat { return g.TopKGate.Forward(p, x) }

func (g *Gate) cost(s *analytic.Sheet, n int) int {
	linearCost(s, n, g.Linear)
	s.TopKGate(n, g.Linear.Out, g.TopK, g.Renormalise)
	return min(g.TopK, g.Linear.Out)
}
