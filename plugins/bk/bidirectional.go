package main

import (
	"fmt"
	"slices"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// Published is the reference project's language model. Its mixer reads the diagonal of the resolvent of the whole
// sequence, so that every token sees the ones after it: it is no language model in the usual sense.
//
//	h  = token_embedding[x_t] + position_embedding[t]
//	x  = LayerNorm(h);   h += MoE(x) + s (W_o [Re G, Im G] + b_o)      for each of L layers
//	G  = diag((H − z)^{-1}),   H = tridiag(1, −2 + v, 1),   v = w_v·x + b_v clamped to ±v_max
//	logits = W_head LayerNorm(h) + b_head
//
// The reference takes sequences of exactly n_seq tokens and its determinants overflow near 970; this form takes any
// length up to the position table.
type Published struct {
	PublishedConfig
	Tokens   *nn.Embedding // token_embedding [V, D]
	Position *nn.Embedding // position_embedding [N, D]
	Blocks   []PublishedBlock
	Norm     *nn.LayerNorm
	Head     *nn.Linear // lm_head [V, D], with bias

	precision nn.Precision
	json      []byte // the effective config
}

// PublishedBlock is one layer.
type PublishedBlock struct {
	Norm   *nn.LayerNorm
	V      *nn.Linear    // v_proj [1, D]
	Site   nn.SiteEnergy // −2 + clamp
	Core   nn.FullResolvent
	Clamp  float32
	Out    *nn.Linear // output_proj [D, 2]
	Scale  *nn.Param  // bk_scale, a scalar
	MoE    nn.MoE
	Gate   *nn.TopKGate // nil: Router
	Router ScatteringRouter
}

// newPublished declares the parameters under the names of the reference's state dict.
func newPublished(c PublishedConfig, json []byte, ps *nn.Params) (*Published, error) {
	m := &Published{
		PublishedConfig: c, precision: ps.Precision(), json: json,
		Tokens:   ps.Embedding("token_embedding", c.Vocab, c.Dim, nn.Normal(0.02)),
		Position: ps.Embedding("position_embedding", c.Positions, c.Dim, c.initPosition()),
	}
	for l := 0; l < c.Layers && ps.Err() == nil; l++ {
		m.Blocks = append(m.Blocks, newPublishedBlock(&c, fmt.Sprintf("blocks.%d.", l), ps))
	}
	m.Norm = ps.LayerNorm("layer_norm_final", c.Dim, 1e-5)
	m.Head = ps.Head("lm_head", c.Vocab, c.Dim, nn.Xavier(c.Vocab, c.Dim, 1))
	m.Head.Bias = ps.Tensor("lm_head.bias", nn.Const(0), c.Vocab)
	return m, c.buffers(ps)
}

func newPublishedBlock(c *PublishedConfig, name string, ps *nn.Params) PublishedBlock {
	bk := name + "bk_layer."
	b := PublishedBlock{
		Norm:  ps.LayerNorm(name+"layer_norm", c.Dim, 1e-5),
		V:     ps.Gate(bk+"v_proj", 1, c.Dim, true, nn.Xavier(1, c.Dim, 1), nn.Const(0)),
		Site:  nn.SiteEnergy{A0: nn.Fixed(1, -2), Energy: nn.Fixed(1, 0), VMax: nn.Fixed(1, float32(c.VMax)), Clamp: true},
		Core:  nn.FullResolvent{Z: complex(c.ZReal, c.ZImag)},
		Clamp: float32(c.FeatureClamp),
		Out:   ps.In("output_proj").Linear(bk+"output_proj", c.Dim, 2, true, nn.Xavier(c.Dim, 2, 1)),
		Scale: ps.Tensor(bk+"bk_scale", nn.Const(1)),
	}
	for e := range c.Experts {
		expert := fmt.Sprintf("%smoe_ffn.experts.%d.", bk, e)
		b.MoE.Experts = append(b.MoE.Experts, newExpert(ps.In("ffn"), expert, c.Dim, 2*c.Dim, "relu", nn.Xavier(c.Dim, 2*c.Dim, 1)))
	}
	if c.UseScatteringRouter {
		b.Router = ScatteringRouter{
			Experts: c.Experts, TopKNormal: c.TopK, TopKResonant: c.TopK, Epsilon: c.Epsilon, HalfCircle: c.RouterBins == "half_circle",
		}
	} else {
		b.Gate = newGate(ps, bk+"moe_ffn.", c.Experts, c.Dim, c.TopK, true)
	}
	return b
}

// buffers passes over what a state dict holds beside parameters. A low-rank part of the operator that is not zero
// would change the outputs, and is refused.
func (c *PublishedConfig) buffers(ps *nn.Params) error {
	ps.Ignore("blocks.*.birman_schwinger_core.*", "blocks.*.scattering_step_counter", "blocks.*.h0_*", "prime_bump_potential.*")
	for l := range c.Layers {
		for _, side := range []string{"U", "V"} {
			name := fmt.Sprintf("blocks.%d.bk_layer.birman_schwinger_core.semiseparable.%s", l, side)
			if slices.ContainsFunc(ps.Buffer(name), func(x float32) bool { return x != 0 }) {
				return fmt.Errorf("tensor %q is not zero: low-rank operators are not served", name)
			}
		}
	}
	return nil
}

// Forward implements engine.Network.
func (m *Published) Forward(p *nn.Pass, b nn.Batch) (nn.Mat, error) {
	positions := make([]int32, len(b.Tokens))
	for _, s := range b.Spans {
		if s.Len > m.Positions {
			return nn.Mat{}, lm.Errorf(lm.Invalid, "", "%d tokens are more than the context limit n_seq=%d: the model has learned no more positions",
				s.Len, m.Positions)
		}
		for i := range s.Len {
			positions[s.Start+i] = int32(i)
		}
	}
	p.Component("embedding")
	h := nn.Add(p, m.Tokens.Forward(p, b.Tokens), m.Position.Forward(p, positions))
	for i := range m.Blocks {
		h = m.Blocks[i].forward(p, h, b.Spans)
	}
	p.Component("norm")
	return m.Norm.Forward(p, h), nil
}

// forward is h + MoE(x) + s·mixer(x) with x = LayerNorm(h).
func (b *PublishedBlock) forward(p *nn.Pass, h nn.Mat, spans []nn.Span) nn.Mat {
	return nn.Residual(p, h, b.Norm, func(x nn.Mat) nn.Mat { return b.both(p, x, spans) })
}

// both is MoE(x) + s·mixer(x).
func (b *PublishedBlock) both(p *nn.Pass, x nn.Mat, spans []nn.Span) nn.Mat {
	p.Component("v_proj")
	v := b.V.Forward(p, x)
	p.Component("gates")
	a := b.Site.Forward(p, v)
	p.Component("recursion")
	g := b.Core.Forward(p, spans, a)
	p.Component("router")
	routes := b.routes(p, x, g)
	p.Component("ffn")
	out := b.MoE.Forward(p, x, routes)
	p.Component("recursion")
	f := nn.ClampValues(p, g, b.Clamp)
	p.Component("output_proj")
	mixed := b.Out.Forward(p, f)
	p.Component("residual")
	return nn.AddScaled(p, out, b.Scale, mixed)
}

// routes chooses the experts.
func (b *PublishedBlock) routes(p *nn.Pass, x, g nn.Mat) nn.Mat {
	if b.Gate == nil {
		return b.Router.Forward(p, g)
	}
	return b.Gate.Forward(p, x)
}

// Output implements engine.Network.
func (m *Published) Output() *nn.Linear { return m.Head }

// NewState implements engine.Network: a model that sees the future cannot carry the past.
func (m *Published) NewState() *state.Document { return nil }

// Info implements engine.Network.
func (m *Published) Info() lm.ModelInfo {
	return lm.ModelInfo{
		Mode: m.Mode, Vocab: m.Vocab, BOS: m.BOS.First(), EOS: m.EOS, ContextLimit: m.Positions, StateKind: "none",
	}
}

// Config implements engine.Network.
func (m *Published) Config() []byte { return m.json }

var _ engine.Network = (*Published)(nil)
