package main

import (
	"cmp"
	"fmt"

	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
)

// modeKeyed stores values under keys and reads them with queries.
const modeKeyed = "causal-keyed"

// defaultKeyed returns the config of bk-keyed-3m. A model of another width has 1.4 values per channel, as that one.
func defaultKeyed(dim int) Config {
	c := &KeyedConfig{defaultChains(), 16, 4}
	dim = cmp.Or(dim, 184)
	c.Values = 16
	c.Heads = max(1, dim*7/(5*c.Values))
	c.EnergyMode, c.EtaMode, c.KMode, c.GFeatures = "const", "gate", "gate", "raw"
	model := defaultCausal(modeKeyed, dim, 6, c)
	model.FFN.Activation = "swiglu"
	return model
}

// KeyedConfig configures [Keyed].
type KeyedConfig struct {
	ChainConfig
	Keys int `json:"key_dim"`     // entries of a key
	Taps int `json:"conv_kernel"` // of the convolution of values, keys and queries; 0: none
}

func (c *KeyedConfig) validate() error {
	if c.Taps < 0 {
		return fmt.Errorf("conv_kernel is %d, must not be negative: 0 leaves the convolution out", c.Taps)
	}
	return cmp.Or(config.Sizes{{"d_value", c.Values}, {"key_dim", c.Keys}}.Check(), c.ChainConfig.validate("const", "gate", "learned"))
}

// channels is the number of inputs of a token: its values, key and query.
func (c *KeyedConfig) channels() int { return c.Heads*c.Values + 2*c.Keys }

// Keyed is the core of causal-keyed. Every head stores the products of the tokens' keys and values, which decay by the
// modulus of the resolvent, and reads them with a query. Keys and queries are shared by the heads.
//
//	P = conv(W_u x, W_k x, W_q x) = (u, k, q)       κ = k/√(|k|² + 1e-6), and q likewise
//	Y_i = r_i (κ_i ⊗ √η_i u_i + c_i Y_{i−1}),   r = |g|,   f = q_i·Y_i / √(Im g_i)
//
// If all tokens share η, √η might as well multiply f.
type Keyed struct {
	Chains
	nn.Keyed
	Value *nn.Linear     // u_proj [H·v, D]
	Key   *nn.Linear     // key_proj [N, D]
	Query *nn.Linear     // query_proj [N, D]
	Conv  *nn.CausalConv // conv [H·v + 2N, 1, taps]; nil: none
}

func (c *KeyedConfig) declare(model *Config, name string, ps *nn.Params) Core {
	linear := func(component string, out int) *nn.Linear {
		return ps.In(component).Linear(name+component, out, model.Dim, false, nn.Xavier(out, model.Dim, 1))
	}
	k := &Keyed{
		Chains: newChains(&c.ChainConfig, model.Dim, name, ps),
		Keyed: nn.Keyed{
			Heads: c.Heads, Values: c.Values, Keys: c.Keys, BornNorm: c.BornNorm, IncludeG: c.RowIncludeG, Cayley: c.GFeatures == "cayley",
		},
		Value: linear("u_proj", c.Heads*c.Values), Key: linear("key_proj", c.Keys), Query: linear("query_proj", c.Keys),
	}
	if c.Taps > 0 {
		k.Conv = ps.NearIdentityConv(name+"conv", c.channels(), c.Taps)
	}
	return k
}

// Forward implements Core.
func (k *Keyed) Forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat {
	chains := k.Chains.forward(p, x)
	in := k.products(p, layer, x, spans)
	in.A, in.Hop, in.Eta = chains.A, chains.Hop, chains.Eta
	p.Component("recursion")
	return k.Keyed.Forward(p, spans, layer, in)
}

// products returns the values, keys and queries of x.
func (k *Keyed) products(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.KeyedInput {
	project := func(component string, l *nn.Linear) nn.Mat {
		p.Component(component)
		return l.Forward(p, x)
	}
	u, key, query := project("u_proj", k.Value), project("key_proj", k.Key), project("query_proj", k.Query)
	keyAt, queryAt := 0, 0
	if k.Conv != nil {
		p.Component("conv")
		u = k.Conv.Forward(p, layer, nn.Join(p, u, key, query), 0, spans)
		key, query, keyAt, queryAt = u, u, k.Value.Out, k.Value.Out+k.Keys
	}
	p.Component("recursion")
	return nn.KeyedInput{U: u, Key: nn.UnitVectors(p, key, keyAt, k.Keys), Query: nn.UnitVectors(p, query, queryAt, k.Keys)}
}

func (k *Keyed) cost(s *analytic.Sheet, w analytic.Work) {
	n := w.Rows()
	hops, etas := k.Chains.cost(s, n)
	for _, part := range []struct {
		component string
		linear    *nn.Linear
	}{{"u_proj", k.Value}, {"key_proj", k.Key}, {"query_proj", k.Query}} {
		s.Component(part.component)
		linearCost(s, n, part.linear)
	}
	if k.Conv != nil {
		s.Component("conv")
		s.Join(n, k.Conv.Channels)
		s.CausalConv(w, k.Conv.Channels, k.Conv.Taps)
	}
	s.Component("recursion")
	s.UnitVectors(2*n, k.Keys)
	s.Keyed(analytic.Keyed{
		Heads: k.Heads, Values: k.Values, Keys: k.Keys, BornNorm: k.BornNorm, IncludeG: k.IncludeG, Cayley: k.Cayley, Hops: hops, Etas: etas,
	}, w)
}

// NewState implements Core.
func (k *Keyed) NewState() state.Layer {
	return state.NewKeyed(k.Heads, k.Heads*k.Values*k.Keys, k.tail())
}

// StateBytes implements Core. It is g of every head, complex numbers of 16 bytes, and the products and the convolution's
// tail, 4 bytes each.
func (k *Keyed) StateBytes() int64 {
	return 16*int64(k.Heads) + 4*int64(k.Heads*k.Values*k.Keys+k.tail())
}

// tail is the size of the convolution's tail.
func (k *Keyed) tail() int {
	if k.Conv == nil {
		return 0
	}
	return (k.Conv.Taps - 1) * k.Conv.Channels
}
