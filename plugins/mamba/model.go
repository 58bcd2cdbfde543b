// Command archbench-plugin-mamba serves Mamba, the selective state-space model of Gu and Dao, "Mamba: Linear-Time
// Sequence Modeling with Selective State Spaces" (2023), in the layout of Hugging Face's MambaForCausalLM.
//
// With d the width of the residual stream, E channels, S states a channel, R the rank of the step size, k taps of the
// convolution and V tokens in the vocabulary, one block takes token t's residual x[t] of d floats through
//
//	[v; z] = W_in RMSNorm(x[t])                                  E channels and E gates
//	u      = silu(b + Σ_q w[q]·v[t-(k-1)+q])                     causal depthwise convolution
//	[r; B; C] = W_x u                                            R, S and S floats that depend on the token
//	Δ      = softplus(W_dt r + b_dt)                             a step size for each channel
//	h[e,s] ← exp(Δ[e]·A[e,s])·h[e,s] + Δ[e]·B[s]·u[e]            A = -exp(A_log): zero-order hold for A, Euler for B
//	y[e]   = Σ_s C[s]·h[e,s] + D[e]·u[e]
//	x[t]  += W_out (y ∘ silu(z))
//
// and the logits are the embedding (or a head of its own) times RMSNorm(x[t]). There are no positions and no
// attention: a document carries k-1 rows of v and the E·S states h of each block, however long it gets.
package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// Model is Mamba with its output matrix.
type Model struct {
	cfg    Config
	Tokens *nn.Embedding // backbone.embeddings [V, d]
	Blocks []Block
	Norm   *nn.RMSNorm // backbone.norm_f
	Head   *nn.Linear  // the embedding's table, or lm_head [V, d]

	json []byte // the effective config
}

// Block is one layer: a mixer behind a norm and beside a residual.
type Block struct {
	Norm *nn.RMSNorm       // norm
	In   *nn.Linear        // mixer.in_proj [2E, d]: channels, gates
	Conv *nn.CausalConv    // mixer.conv1d [E, 1, k]
	X    *nn.Linear        // mixer.x_proj [R+2S, E]: r, B, C
	Step *nn.Linear        // mixer.dt_proj [E, R], never quantised: an error of Δ acts on all that follows
	Scan *nn.SelectiveScan // mixer.A_log [E, S] and mixer.D [E], never quantised
	Out  *nn.Linear        // mixer.out_proj [d, E]
}

// New declares the parameters under the names of MambaForCausalLM, or those of the first published files, which had
// backbone.embedding. The head is tied unless the file has one of its own.
func New(c Config, ps *nn.Params) *Model {
	embedding := "backbone.embeddings"
	if old := "backbone.embedding"; ps.Stored(old + ".weight") {
		embedding = old
	}
	if !ps.New() {
		c.Tied = !ps.Stored("lm_head.weight")
	}
	m := &Model{cfg: c, Tokens: ps.Embedding(embedding, c.Vocab, c.Dim, nn.Normal(c.InitStd))}
	for l := range c.Layers {
		m.Blocks = append(m.Blocks, newBlock(&c, ps, fmt.Sprintf("backbone.layers.%d.", l)))
	}
	m.Norm = ps.RMSNorm("backbone.norm_f", c.Dim, c.Eps)
	if c.Tied {
		m.Head = ps.TiedHead(m.Tokens)
	} else {
		m.Head = ps.Head("lm_head", c.Vocab, c.Dim, nn.Normal(c.InitStd))
	}
	return m
}

// newBlock declares one layer. As in the paper's code, new linears are uniform in ±1/√in, and step sizes are as the
// functions below say.
func newBlock(c *Config, ps *nn.Params, name string) Block {
	mixer, rank := name+"mixer.", int(c.Rank)
	fanIn := func(in int) float64 { return 1 / math.Sqrt(float64(in)) }
	out := fanIn(c.Channels)
	if c.Rescale {
		out *= fanIn(c.Layers)
	}
	return Block{
		Norm: ps.RMSNorm(name+"norm", c.Dim, c.Eps),
		In:   ps.Linear(mixer+"in_proj", 2*c.Channels, c.Dim, c.Bias, nn.Uniform(fanIn(c.Dim))),
		Conv: ps.CausalConv(mixer+"conv1d", c.Channels, c.Taps, c.ConvBias),
		X:    ps.Linear(mixer+"x_proj", rank+2*c.States, c.Channels, false, nn.Uniform(fanIn(c.Channels))),
		Step: ps.Linear(mixer+"dt_proj", c.Channels, rank, true, c.stepWeights(), nn.Keep, nn.BiasInit(c.stepBiases())),
		Scan: ps.SelectiveScan(mixer, c.Channels, c.States),
		Out:  ps.Linear(mixer+"out_proj", c.Dim, c.Channels, c.Bias, nn.Uniform(out)),
	}
}

// stepWeights initialises dt_proj.weight so that the variance of Δ's argument is that of r.
func (c *Config) stepWeights() nn.Init {
	a := c.StepScale / math.Sqrt(float64(c.Rank))
	if c.StepScheme == "constant" {
		return nn.Const(float32(a))
	}
	return nn.Uniform(a)
}

// stepBiases initialises dt_proj.bias so that softplus of it is log-uniform between the smallest and the largest step.
func (c *Config) stepBiases() nn.Init {
	lo, hi := math.Log(c.StepMin), math.Log(c.StepMax)
	return func(r *rand.Rand, _ int, dst []float32) {
		for i := range dst {
			step := max(math.Exp(lo+(hi-lo)*r.Float64()), c.StepFloor)
			dst[i] = float32(step + math.Log(-math.Expm1(-step))) // the inverse of softplus
		}
	}
}

// NewState implements engine.Network: L·E·(k-1+S) floats, however long the document.
func (m *Model) NewState() state.State {
	return state.NewStack(m.cfg.Layers, (m.cfg.Taps-1)*m.cfg.Channels, m.cfg.Channels*m.cfg.States)
}

// Forward implements engine.Network.
func (m *Model) Forward(p *nn.Pass, b nn.Batch) (nn.Mat, error) {
	p.Component("embedding")
	x := m.Tokens.Forward(p, b.Tokens)
	for l := range m.Blocks {
		mark := p.Mark()
		y := m.Blocks[l].forward(p, l, x, b.Spans)
		p.Component("residual")
		x = nn.Add(p, x, y)
		p.Release(mark)
	}
	for _, span := range b.Spans {
		if s, ok := span.State.(*state.Stack); ok {
			s.Advance(span.Len)
		}
	}
	p.Component("norm")
	return m.Norm.Forward(p, x), nil
}

// forward returns what a layer adds to x [tokens, d].
func (b *Block) forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat {
	p.Component("norm")
	normed := b.Norm.Forward(p, x)
	p.Component("in_proj")
	vz := b.In.Forward(p, normed) // [tokens, 2E]
	p.Component("conv")
	u := nn.SiLU.Apply(p, b.Conv.Forward(p, layer, vz, spans)) // [tokens, E]
	p.Component("x_proj")
	rbc := b.X.Forward(p, u) // [tokens, R+2S]
	p.Component("dt_proj")
	r := nn.Columns(p, rbc, 0, b.Step.In)
	delta := nn.Softplus.Apply(p, b.Step.Forward(p, r)) // [tokens, E]
	p.Component("scan")
	y := b.Scan.Forward(p, layer, u, delta, rbc, spans) // [tokens, E]
	p.Component("gate")
	gated := nn.GateSiLU(p, y, vz)
	p.Component("out_proj")
	return b.Out.Forward(p, gated)
}

// Logits implements engine.Network.
func (m *Model) Logits(p *nn.Pass, hidden nn.Mat) nn.Mat {
	p.Component("head")
	return m.Head.Forward(p, hidden)
}

// Info implements engine.Network.
func (m *Model) Info() lm.ModelInfo {
	return lm.ModelInfo{
		Mode: "causal", Vocab: m.cfg.Vocab, BOS: m.cfg.BOS.First(), EOS: m.cfg.EOS, Causal: true, StateKind: "constant",
	}
}

// Config implements engine.Network.
func (m *Model) Config() []byte { return m.json }

var _ engine.Network = (*Model)(nil)
