package main

import (
	"fmt"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// Model is the causal ResNet-BK: there is no position table, norm, mixer and experts stand in parallel, and the head
// is the embedding unless the config says otherwise.
//
//	h  = embedding[token]
//	x  = LayerNorm(h);   h += FFN(x) + mixer(x)      for each of n layers
//	logits = embedding · LayerNorm(h)
//
// Legend: V vocabulary, D width, n layers, H heads, v values a head (0 in causal-diag), M = ffn_multiplier·D, F features
// of the mixer (see nn.Resolvent).
type Model struct {
	CausalConfig
	Embedding *nn.Embedding // [V, D]
	Blocks    []Block
	Norm      *nn.LayerNorm
	Head      *nn.Linear // the embedding, or lm_head [V, D]

	precision nn.Precision
	json      []byte // the effective config
}

// Block is one layer.
type Block struct {
	Norm  *nn.LayerNorm
	FFN   FFN
	Mixer Mixer
}

// Mixer carries information from token to token. Of every token and head
//
//	a = (a0 − E) + v        v = v_max tanh(p/v_max), p = w_v·x + b_v
//	c = √k                  k = k_max σ(w_k·x + b_k), or one number a head
//	g_i = 1/(a_i − iη − k_i g_{i−1})
//	y_i = g_i (u_i − c_i y_{i−1}),   u = W_u x,   z = y √(η/Im g)        causal-row
//
// and the mixer is bk_scale (W_o f + b_o) of the features f: z in causal-row, g or its Cayley transform in causal-diag.
type Mixer struct {
	V     *nn.Linear    // v_proj [H, D]
	Site  nn.SiteEnergy // a0, energy, v_max [H]
	K     *nn.Linear    // k_proj [H, D]; nil: Hop is one number a head
	Gate  nn.HopGate
	Hop   *nn.HeadValue // c
	Eta   *nn.HeadValue
	U     *nn.Linear // u_proj [H·v, D]; nil in causal-diag
	Core  nn.Resolvent
	Clamp float32    // of the features; 0: none
	Out   *nn.Linear // output_proj [D, F]
	Scale *nn.Param  // bk_scale, a scalar
}

// newModel declares the parameters.
func newModel(c CausalConfig, ps *nn.Params) *Model {
	m := &Model{
		CausalConfig: c, precision: ps.Precision(),
		Embedding: ps.Embedding("token_embedding", c.Vocab, c.Dim, nn.Normal(0.02)),
	}
	for l := 0; l < c.Layers && ps.Err() == nil; l++ {
		name := fmt.Sprintf("blocks.%d.", l)
		m.Blocks = append(m.Blocks, Block{
			Norm:  ps.LayerNorm(name+"layer_norm", c.Dim, c.Eps),
			FFN:   newFFN(&c, name+"bk_layer.moe_ffn.", ps),
			Mixer: newMixer(&c, name+"bk_layer.", ps),
		})
	}
	m.Norm = ps.LayerNorm("layer_norm_final", c.Dim, c.Eps)
	m.Head = ps.Output("lm_head", m.Embedding, &m.Tied, nn.Normal(0.02))
	return m
}

// newMixer declares the parameters of one mixer. A setting that is const has no tensor.
func newMixer(c *CausalConfig, name string, ps *nn.Params) Mixer {
	m := Mixer{
		V: ps.Gate(name+"v_proj", c.Heads, c.Dim, true, c.initV(), nn.Const(0)),
		Site: nn.SiteEnergy{
			A0:     c.headParam(ps, name+"a0", c.A0Mode == "learned", c.initA0(), c.A0Value),
			Energy: c.headParam(ps, name+"energy", c.EnergyMode == "learned", nn.Const(float32(c.EnergyValue)), c.EnergyValue),
			VMax:   c.headParam(ps, name+"v_max", c.VMaxMode == "per_head", c.initVMax(), c.VMax),
			Clamp:  c.VLimit == "clamp",
		},
		Eta:   c.newEta(name, ps),
		Core:  nn.Resolvent{Heads: c.Heads, Values: c.Values, BornNorm: c.BornNorm, IncludeG: c.RowIncludeG, Cayley: c.GFeatures == "cayley"},
		Scale: ps.Tensor(name+"bk_scale", nn.Const(1)),
	}
	c.newHop(&m, name, ps)
	if c.row() {
		m.U = ps.In("u_proj").Linear(name+"u_proj", c.Heads*c.Values, c.Dim, false, nn.Xavier(c.Heads*c.Values, c.Dim, 1))
	}
	if c.FeatureClamp != nil {
		m.Clamp = float32(*c.FeatureClamp)
	}
	m.Out = ps.In("output_proj").Linear(name+"output_proj", c.Dim, m.Core.Width(), true, c.residualInit(c.Dim, m.Core.Width()))
	return m
}

// headParam declares one number a head, or returns the config's value where there is no tensor.
func (c *CausalConfig) headParam(ps *nn.Params, name string, stored bool, init nn.Init, value float64) *nn.Param {
	if stored {
		return ps.Tensor(name, init, c.Heads)
	}
	return nn.Fixed(c.Heads, float32(value))
}

// newEta is η = eta_min + softplus(eta_raw), or eta_value.
func (c *CausalConfig) newEta(name string, ps *nn.Params) *nn.HeadValue {
	if c.EtaMode == "const" {
		return nn.ConstHeadValue(c.Heads, float32(c.EtaValue))
	}
	raw := ps.Tensor(name+"eta_raw", c.initEtaRaw(), c.Heads)
	return ps.HeadValue(raw, func(x float64) float64 { return c.EtaMin + softplus(x) }, sigmoid)
}

// newHop declares what the hops are made of.
func (c *CausalConfig) newHop(m *Mixer, name string, ps *nn.Params) {
	switch c.KMode {
	case "gate":
		m.K = ps.Gate(name+"k_proj", c.Heads, c.Dim, true, nn.Xavier(c.Heads, c.Dim, 0.1), nn.Const(float32(c.KBiasInit)))
		m.Gate = nn.HopGate{KMax: float32(c.KMax)}
	case "learned":
		raw := ps.Tensor(name+"k_raw", nn.Const(float32(softplusInverse(c.KValue))), c.Heads)
		m.Hop = ps.HeadValue(raw, hopOfRaw, hopSlope)
	default:
		m.Hop = nn.ConstHeadValue(c.Heads, float32(hopOf(c.KValue)))
	}
}

// Forward implements engine.Network.
func (m *Model) Forward(p *nn.Pass, b nn.Batch) (nn.Mat, error) {
	p.Component("embedding")
	h := m.Embedding.Forward(p, b.Tokens)
	for l := range m.Blocks {
		h = m.Blocks[l].forward(p, l, h, b.Spans)
	}
	p.Component("norm")
	return m.Norm.Forward(p, h), nil
}

// forward is h + FFN(x) + mixer(x) with x = LayerNorm(h).
func (b *Block) forward(p *nn.Pass, layer int, h nn.Mat, spans []nn.Span) nn.Mat {
	return nn.Residual(p, h, b.Norm, func(x nn.Mat) nn.Mat {
		out, mixed := b.FFN.forward(p, x), b.Mixer.forward(p, layer, x, spans)
		p.Component("residual")
		return nn.AddScaled(p, out, b.Mixer.Scale, mixed)
	})
}

// forward returns W_o f + b_o; the block applies bk_scale.
func (m *Mixer) forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat {
	chains := m.chains(p, x)
	p.Component("recursion")
	f := m.Core.Forward(p, spans, layer, chains)
	if m.Clamp > 0 {
		f = nn.ClampValues(p, f, m.Clamp)
	}
	p.Component("output_proj")
	return m.Out.Forward(p, f)
}

// chains computes what the recursion runs on.
func (m *Mixer) chains(p *nn.Pass, x nn.Mat) nn.ResolventInput {
	in := nn.ResolventInput{Eta: m.Eta.Forward(p)}
	p.Component("v_proj")
	v := m.V.Forward(p, x)
	p.Component("gates")
	in.A = m.Site.Forward(p, v)
	if m.K != nil {
		in.Hop = m.Gate.Forward(p, m.K.Forward(p, x))
	} else {
		in.Hop = m.Hop.Forward(p)
	}
	if m.U != nil {
		p.Component("u_proj")
		in.U = m.U.Forward(p, x)
	}
	return in
}

// Output implements engine.Network.
func (m *Model) Output() *nn.Linear { return m.Head }

// NewState implements engine.Network.
func (m *Model) NewState() *state.Document {
	return state.New(m.Layers, func(int) state.Layer { return state.NewResolvent(m.Heads, m.Values) })
}

// Info implements engine.Network.
func (m *Model) Info() lm.ModelInfo {
	return lm.ModelInfo{
		Mode: m.Mode, Vocab: m.Vocab, BOS: m.BOS.First(), EOS: m.EOS, Causal: true, StateKind: "constant",
	}
}

// Config implements engine.Network.
func (m *Model) Config() []byte { return m.json }

var _ engine.Network = (*Model)(nil)
