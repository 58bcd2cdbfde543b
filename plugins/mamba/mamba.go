// Command archbench-plugin-mamba serves Mamba, the selective state-space model of Gu and Dao, "Mamba: Linear-Time
// Sequence Modeling with Selective State Spaces" (2023), in the layout of Hugging Face's MambaForCausalLM, and its
// successor Mamba-2, which [Block2] describes.
//
// With d the width of the residual stream, E channels, S states per channel, R the rank of the step size, k taps of the
// convolution and V tokens in the vocabulary, a block updates token t's residual x[t] of d floats by
//
//	[v; z] = W_in RMSNorm(x[t])                                  E channels and E gates
//	u      = silu(b + Σ_q w[q]·v[t-(k-1)+q])                     causal depthwise convolution
//	[r; B; C] = W_x u                                            R, S and S floats that depend on the token
//	Δ      = softplus(W_dt r + b_dt)                             a step size for each channel
//	h[e,s] ← exp(Δ[e]·A[e,s])·h[e,s] + Δ[e]·B[s]·u[e]            A = -exp(A_log): zero-order hold for A, Euler for B
//	y[e]   = Σ_s C[s]·h[e,s] + D[e]·u[e]
//	x[t]  += W_out (y ∘ silu(z))
//
// and the logits are the embedding (or a separate head) times RMSNorm(x[t]). There are no positions and no attention: a
// document's state is k-1 rows of v and the E·S states h of each block, whatever its length.
package main

import (
	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/nn"
)

// Block is the mixer of Mamba.
type Block struct {
	In   *nn.Linear        // mixer.in_proj [2E, d]: channels, gates
	Conv *nn.CausalConv    // mixer.conv1d [E, 1, k]
	X    *nn.Linear        // mixer.x_proj [R+2S, E]: r, B, C
	Step *nn.Linear        // mixer.dt_proj [E, R], never quantised: an error in Δ affects all later states
	Scan *nn.SelectiveScan // mixer.A_log [E, S] and mixer.D [E], never quantised
	Out  *nn.Linear        // mixer.out_proj [d, E]
}

// New declares the parameters of a Mamba. The state of a document is L·E·(k-1+S) floats.
func New(c Config, ps *nn.Params) *Model {
	m := newModel(c.Shared, ps, func(name string) mixer { return newBlock(&c, ps, name) })
	m.tail, m.states = (c.Taps-1)*c.Channels, c.Channels*c.States
	return m
}

// newBlock declares one mixer. As in the paper's code, new linears are uniform in ±1/√in.
func newBlock(c *Config, ps *nn.Params, name string) *Block {
	rank := int(c.Rank)
	return &Block{
		In:   ps.In("in_proj").Linear(name+"in_proj", 2*c.Channels, c.Dim, c.Bias, nn.Uniform(fanIn(c.Dim))),
		Conv: ps.CausalConv(name+"conv1d", c.Channels, c.Taps, c.ConvBias),
		X:    ps.In("x_proj").Linear(name+"x_proj", rank+2*c.States, c.Channels, false, nn.Uniform(fanIn(c.Channels))),
		Step: ps.In("dt_proj").Linear(name+"dt_proj", c.Channels, rank, true, c.stepWeights(), nn.Keep, nn.BiasInit(c.stepBiases())),
		Scan: ps.SelectiveScan(name, c.Channels, c.States),
		Out:  ps.In("out_proj").Linear(name+"out_proj", c.Dim, c.Channels, c.Bias, c.outInit(c.Channels)),
	}
}

// stepWeights initialises dt_proj.weight so that W_dt r has the variance of r.
func (c *Config) stepWeights() nn.Init {
	bound := c.StepScale * fanIn(int(c.Rank))
	if c.StepScheme == "constant" {
		return nn.Const(float32(bound))
	}
	return nn.Uniform(bound)
}

// forward implements mixer.
func (b *Block) forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat {
	p.Component("in_proj")
	vz := b.In.Forward(p, x) // [tokens, 2E]
	p.Component("conv")
	u := nn.SiLU.Apply(p, b.Conv.Forward(p, layer, vz, 0, spans)) // [tokens, E]
	p.Component("x_proj")
	rbc := b.X.Forward(p, u) // [tokens, R+2S]
	p.Component("dt_proj")
	r := nn.Columns(p, rbc, 0, b.Step.In)
	delta := nn.Softplus.Apply(p, b.Step.Forward(p, r)) // [tokens, E]
	p.Component("scan")
	y := b.Scan.Forward(p, layer, u, delta, rbc, spans) // [tokens, E]
	p.Component("gate")
	gated := nn.GateSiLU(p, y, vz, y.Cols)
	p.Component("out_proj")
	return b.Out.Forward(p, gated)
}

// cost implements mixer. The products are those of the paper: for each token 4dE FLOPs of in_proj, 2Ek of the
// convolution, 2E(R+2S) of x_proj, 2RE of dt_proj, 7ES of the scan and 2Ed of out_proj. The count also includes what is
// usually omitted: 4d+4 of a norm, 5E of the convolution's bias and silu, 4E of dt_proj's bias and softplus, 3E of the
// scan (Δ·u and D·u), 5E of the gate and d of the residual.
func (b *Block) cost(s *analytic.Sheet, w analytic.Work) {
	rows, channels, rank := w.Rows(), b.Conv.Channels, b.Step.In
	s.Component("in_proj")
	linearCost(s, rows, b.In)
	s.Component("conv")
	convCost(s, w, b.Conv)
	s.Component("x_proj")
	linearCost(s, rows, b.X)
	s.Component("dt_proj")
	s.Columns(rows, rank)
	linearCost(s, rows, b.Step)
	s.Activation(rows*channels, 3)
	s.Component("scan")
	s.SelectiveScan(w, channels, b.Scan.States)
	s.Component("gate")
	s.SwiGLU(rows * channels)
	s.Component("out_proj")
	linearCost(s, rows, b.Out)
}

func linearCost(s *analytic.Sheet, rows int, l *nn.Linear) {
	s.Affine(rows, l.In, l.Out, l.W.Format(), l.Bias != nil)
}

// convCost adds the cost of a convolution and its silu.
func convCost(s *analytic.Sheet, w analytic.Work, c *nn.CausalConv) {
	s.CausalConv(w, c.Channels, c.Taps)
	if c.Bias != nil {
		s.Bias(w.Rows(), c.Channels)
	}
	s.Activation(w.Rows()*c.Channels, 4)
}
