package main

import (
	"cmp"
	"fmt"

	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
)

// The causal modes.
const (
	modeRow  = "causal-row"  // rows of the causal resolvent mix values
	modeDiag = "causal-diag" // only its diagonal is read
)

// defaultRow returns the config of bk-row-3m. A model of another width has one head for every 16 channels.
func defaultRow(dim int) Config {
	c := &RowConfig{defaultChains()}
	dim = cmp.Or(dim, 192)
	c.Heads, c.Values, c.KMode, c.GFeatures = max(1, dim/16), 16, "gate", "raw"
	return defaultCausal(modeRow, dim, 7, c)
}

// defaultDiag returns the config of bk-diag-3m.
func defaultDiag(dim int) Config {
	c := &DiagConfig{defaultChains()}
	c.Heads, c.KMode, c.GFeatures = 64, "learned", "cayley"
	return defaultCausal(modeDiag, cmp.Or(dim, 192), 10, c)
}

// defaultCausal returns the config that causal models share outside their cores.
func defaultCausal(mode string, dim, layers int, core coreConfig) Config {
	return Config{
		ModelType: "resnet_bk", Mode: mode, Vocab: 4096, Dim: dim, Layers: layers, Eps: 1e-5, Core: core,
		FFN: FFNConfig{Multiplier: 2, Activation: "relu"}, MoE: MoEConfig{Experts: 1, TopK: 1, Gate: "full_softmax"},
		ResidualInitScale: true, Positions: "none", Tied: true, BOS: config.IDs{0}, EOS: config.IDs{0},
	}
}

// DiagConfig configures [Diag].
type DiagConfig struct{ ChainConfig }

func (c *DiagConfig) validate() error {
	if c.Values != 0 {
		return fmt.Errorf("d_value is %d, must be 0 in mode %s, which mixes no values", c.Values, modeDiag)
	}
	return c.ChainConfig.validate("const", "learned")
}

// Diag is the core of causal-diag. Its features are the g of every head, or their Cayley transforms.
type Diag struct {
	Chains
	nn.Resolvent
}

func (c *DiagConfig) declare(model *Config, name string, ps *nn.Params) Core {
	return newDiag(&c.ChainConfig, model.Dim, name, ps)
}

func newDiag(c *ChainConfig, dim int, name string, ps *nn.Params) *Diag {
	return &Diag{newChains(c, dim, name, ps), nn.Resolvent{
		Heads: c.Heads, Values: c.Values, BornNorm: c.BornNorm, IncludeG: c.RowIncludeG, Cayley: c.GFeatures == "cayley",
	}}
}

// Forward implements Core.
func (d *Diag) Forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat {
	chains := d.Chains.forward(p, x)
	p.Component("recursion")
	return d.Resolvent.Forward(p, spans, layer, chains)
}

func (d *Diag) cost(s *analytic.Sheet, w analytic.Work) {
	r := &d.Resolvent
	hops, _ := d.Chains.cost(s, w.Rows())
	s.Component("recursion")
	s.Resolvent(analytic.Resolvent{
		Heads: r.Heads, Values: r.Values, BornNorm: r.BornNorm, IncludeG: r.IncludeG, Cayley: r.Cayley, Hops: hops,
	}, w)
}

// NewState implements Core.
func (d *Diag) NewState() state.Layer { return state.NewResolvent(d.Heads, d.Values) }

// StateBytes implements Core. It is g and y of every head, complex numbers of 16 bytes.
func (d *Diag) StateBytes() int64 { return 16 * int64(d.Heads) * int64(1+d.Values) }

// RowConfig configures [Row].
type RowConfig struct{ ChainConfig }

func (c *RowConfig) validate() error {
	return cmp.Or(config.Sizes{{"d_value", c.Values}}.Check(), c.ChainConfig.validate("const", "learned"))
}

// Row is the core of causal-row. Its features are the last row of the resolvent applied to the values u of each token,
//
//	y_i = g_i (u_i − c_i y_{i−1}),   u = W_u x,   f = y √(η/Im g)
//
// and, with row_include_g, those of [Diag].
type Row struct {
	Diag
	U *nn.Linear // u_proj [H·v, D]
}

func (c *RowConfig) declare(model *Config, name string, ps *nn.Params) Core {
	values := c.Heads * c.Values
	return &Row{
		Diag: *newDiag(&c.ChainConfig, model.Dim, name, ps),
		U:    ps.In("u_proj").Linear(name+"u_proj", values, model.Dim, false, nn.Xavier(values, model.Dim, 1)),
	}
}

// Forward implements Core.
func (r *Row) Forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat {
	chains := r.Chains.forward(p, x)
	p.Component("u_proj")
	chains.U = r.U.Forward(p, x)
	p.Component("recursion")
	return r.Resolvent.Forward(p, spans, layer, chains)
}

func (r *Row) cost(s *analytic.Sheet, w analytic.Work) {
	r.Diag.cost(s, w)
	s.Component("u_proj")
	linearCost(s, w.Rows(), r.U)
}
