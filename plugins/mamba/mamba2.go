package main

import (
	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/nn"
)

// Block2 is the mixer of Mamba-2 (Dao and Gu, "Transformers are SSMs: Generalized Models and Efficient Algorithms Through
// Structured State Space Duality", 2024), in the layout of Hugging Face's Mamba2ForCausalLM. The E channels are H heads
// of P. A head has one decay and one step size, and shares B and C with the other heads of its group, one of G:
//
//	[z; xBC; dt] = W_in RMSNorm(x[t])                            E gates, E + 2GS channels, H step sizes
//	[x; B; C] = silu(b + Σ_q w[q]·xBC[t-(k-1)+q])                causal depthwise convolution of all three
//	Δ      = softplus(dt + dt_bias)
//	h[j,p,s] ← exp(Δ[j]·A[j])·h[j,p,s] + Δ[j]·B[g,s]·x[j,p]      A = -exp(A_log), g = ⌊j/(H/G)⌋
//	y[j,p] = Σ_s C[g,s]·h[j,p,s] + D[j]·x[j,p]
//	x[t]  += W_out RMSNorm(y ∘ silu(z))                          over the channels of each group
//
// The paper's chunked algorithm is equivalent; this is the recurrent form, for one token and for many.
type Block2 struct {
	In    *nn.Linear     // mixer.in_proj [2E+2GS+H, d]: z, xBC, dt
	Conv  *nn.CausalConv // mixer.conv1d [E+2GS, 1, k]
	SSD   *nn.SSD        // mixer.A_log, mixer.D and mixer.dt_bias [H], never quantised
	Gated *nn.RMSNorm    // mixer.norm [E]
	Out   *nn.Linear     // mixer.out_proj [d, E]
}

// New2 declares the parameters of a Mamba-2. The state of a document is L·((E+2GS)·(k-1) + E·S) floats.
func New2(c Config2, ps *nn.Params) *Model {
	m := newModel(c.Shared, ps, func(name string) mixer { return newBlock2(&c, ps, name) })
	channels := c.Heads * c.HeadDim
	m.tail, m.states = (c.Taps-1)*(channels+2*c.Groups*c.States), channels*c.States
	return m
}

// newBlock2 declares one mixer.
func newBlock2(c *Config2, ps *nn.Params, name string) *Block2 {
	channels := c.Heads * c.HeadDim
	conv := channels + 2*c.Groups*c.States
	b := &Block2{
		In:   ps.In("in_proj").Linear(name+"in_proj", channels+conv+c.Heads, c.Dim, c.Bias, nn.Uniform(fanIn(c.Dim))),
		Conv: ps.CausalConv(name+"conv1d", conv, c.Taps, c.ConvBias),
		SSD: ps.SSD(name, nn.SSD{
			Heads: c.Heads, Dim: c.HeadDim, Groups: c.Groups, States: c.States,
			StepMin: float32(c.Limits[0]), StepMax: float32(c.Limits[1]),
		}, c.stepBiases()),
		Gated: ps.RMSNorm(name+"norm", channels, c.Eps),
		Out:   ps.In("out_proj").Linear(name+"out_proj", c.Dim, channels, c.Bias, c.outInit(channels)),
	}
	b.Gated.Groups = c.NormGroups
	return b
}

// forward implements mixer.
func (b *Block2) forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat {
	channels := b.Out.In
	p.Component("in_proj")
	all := b.In.Forward(p, x) // [tokens, 2E+2GS+H]
	p.Component("conv")
	xbc := nn.SiLU.Apply(p, b.Conv.Forward(p, layer, all, channels, spans)) // [tokens, E+2GS]
	p.Component("step")
	delta := b.SSD.Steps(p, all, channels+b.Conv.Channels) // [tokens, H]
	p.Component("scan")
	y := b.SSD.Forward(p, layer, xbc, delta, spans) // [tokens, E]
	p.Component("gate")
	gated := b.Gated.Forward(p, nn.GateSiLU(p, y, all, 0))
	p.Component("out_proj")
	return b.Out.Forward(p, gated)
}

// cost implements mixer. Beside the products of in_proj, the convolution and out_proj, the recurrence takes 5ES + 3E + 2H
// FLOPs per token, the step sizes 4H, and the gate with its norm 9E + 4G.
func (b *Block2) cost(s *analytic.Sheet, w analytic.Work) {
	rows, channels := w.Rows(), b.Out.In
	s.Component("in_proj")
	linearCost(s, rows, b.In)
	s.Component("conv")
	convCost(s, w, b.Conv)
	s.Component("step")
	s.Steps(rows, b.SSD.Heads)
	s.Component("scan")
	s.SSD(w, b.SSD.Heads, b.SSD.Dim, b.SSD.Groups, b.SSD.States)
	s.Component("gate")
	s.SwiGLU(rows * channels)
	s.RMSNorm(rows, channels)
	s.Add(4*rows*(b.Gated.Groups-1), 0)
	s.Component("out_proj")
	linearCost(s, rows, b.Out)
}
