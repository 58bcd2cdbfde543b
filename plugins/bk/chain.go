package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/nn"
)

// ChainConfig configures the chains of a causal core and the features read from them.
type ChainConfig struct {
	Heads  int `json:"bk_heads"` // chains per layer
	Values int `json:"d_value"`  // values per head and token; 0 in causal-diag

	A0Mode      string  `json:"a0_mode"` // learned or const
	A0Value     float64 `json:"a0_value"`
	A0Init      string  `json:"a0_init"` // golden or zero (a0_value)
	A0Span      float64 `json:"a0_span"`
	EnergyMode  string  `json:"energy_mode"` // learned or const
	EnergyValue float64 `json:"energy_value"`
	EtaMode     string  `json:"eta_mode"` // a key of etas
	EtaValue    float64 `json:"eta_value"`
	EtaMin      float64 `json:"eta_min"`
	EtaInitMax  float64 `json:"eta_init_max"`
	EtaInitMin  float64 `json:"eta_init_min"`
	KMode       string  `json:"k_mode"` // a key of hops
	KValue      float64 `json:"k_value"`
	KMax        float64 `json:"k_max"`
	KBiasInit   float64 `json:"k_bias_init"`
	VLimit      string  `json:"v_limit"`    // tanh or clamp
	VMaxMode    string  `json:"v_max_mode"` // per_head or uniform
	VMax        float64 `json:"v_max"`
	VInit       string  `json:"v_init"` // scaled or xavier

	GFeatures   string `json:"g_features"` // cayley or raw
	RowIncludeG bool   `json:"row_include_g"`
	BornNorm    bool   `json:"born_norm"`
}

// defaultChains returns the settings that the causal modes share.
func defaultChains() ChainConfig {
	return ChainConfig{
		A0Mode: "learned", A0Init: "golden", A0Span: 1.9, EnergyMode: "learned",
		EtaMode: "learned", EtaValue: 1, EtaMin: 1e-3, EtaInitMax: 1, EtaInitMin: 0.05,
		KValue: 1, KMax: 2, VLimit: "tanh", VMaxMode: "per_head", VMax: 3, VInit: "scaled", BornNorm: true,
	}
}

// validate checks the settings. etaModes are the values of eta_mode that the mode allows.
func (c *ChainConfig) validate(etaModes ...string) error {
	learned := []string{"learned", "const"}
	err := cmp.Or(
		config.Sizes{{"bk_heads", c.Heads}}.Check(),
		config.Words{
			{"a0_mode", c.A0Mode, learned}, {"a0_init", c.A0Init, []string{"golden", "zero"}}, {"energy_mode", c.EnergyMode, learned},
			{"eta_mode", c.EtaMode, etaModes}, {"k_mode", c.KMode, slices.Sorted(maps.Keys(hops))},
			{"v_limit", c.VLimit, []string{"tanh", "clamp"}}, {"v_max_mode", c.VMaxMode, []string{"per_head", "uniform"}},
			{"v_init", c.VInit, []string{"scaled", "xavier"}}, {"g_features", c.GFeatures, []string{"cayley", "raw"}},
		}.Check(),
		config.Positive{{"eta_value", c.EtaValue}, {"k_value", c.KValue}, {"k_max", c.KMax}, {"v_max", c.VMax}}.Check(),
	)
	switch {
	case err != nil:
		return err
	case c.EtaMin < 0:
		return fmt.Errorf("eta_min is %g, must not be negative: the resolvent has its poles there", c.EtaMin)
	case c.EtaInitMin <= c.EtaMin:
		return fmt.Errorf("eta_init_min is %g, must be above eta_min %g", c.EtaInitMin, c.EtaMin)
	case c.EtaInitMax < c.EtaInitMin:
		return fmt.Errorf("eta_init_max %g is below eta_init_min %g", c.EtaInitMax, c.EtaInitMin)
	}
	return nil
}

func (c *ChainConfig) risks() (list []string) {
	smallEta, row := c.EtaMode != "const" || c.EtaValue < 0.5, c.Values > 0
	if (!row || c.RowIncludeG) && c.GFeatures == "raw" && smallEta {
		list = append(list, `g_features "raw" with eta below about 1: |g| reaches 1/eta, so the features are ill-conditioned, `+
			`implementations agree less closely and such models have trained badly; use "cayley"`)
	}
	if row && !c.BornNorm && smallEta {
		list = append(list, "born_norm false with eta below about 1: y grows like 1/eta and such models have trained badly")
	}
	return list
}

// Chains are the inputs to the recursions of a causal core. For every token and head
//
//	a = (a0 − E) + v        v = v_max tanh(p/v_max), p = w_v·x + b_v
//	c = √k                  k = k_max σ(w_k·x + b_k), or one number per head
//	g_i = 1/(a_i − iη − k_i g_{i−1})
type Chains struct {
	Sites
	Hop, Eta Setting // c, η
}

// newChains declares the parameters. A constant setting has no tensor.
func newChains(c *ChainConfig, dim int, name string, ps *nn.Params) Chains {
	vMax := perHead(func(h int) float64 { return min(3, 1.5*math.Sqrt(c.eta(h))) })
	return Chains{
		Sites: Sites{
			V: ps.Gate(name+"v_proj", c.Heads, dim, true, c.initV(dim), nn.Const(0)),
			Site: nn.SiteEnergy{
				A0:     c.headParam(ps, name+"a0", c.A0Mode == "learned", c.initA0(), c.A0Value),
				Energy: c.headParam(ps, name+"energy", c.EnergyMode == "learned", nn.Const(float32(c.EnergyValue)), c.EnergyValue),
				VMax:   c.headParam(ps, name+"v_max", c.VMaxMode == "per_head", vMax, c.VMax),
				Clamp:  c.VLimit == "clamp",
			},
		},
		Hop: hops[c.KMode](c, dim, name, ps), Eta: etas[c.EtaMode](c, dim, name, ps),
	}
}

// headParam declares a parameter with one number per head, or returns the config's value if none is stored.
func (c *ChainConfig) headParam(ps *nn.Params, name string, stored bool, init nn.Init, value float64) *nn.Param {
	if stored {
		return ps.Tensor(name, init, c.Heads)
	}
	return nn.Fixed(c.Heads, float32(value))
}

func (c *Chains) forward(p *nn.Pass, x nn.Mat) nn.ResolventInput {
	return nn.ResolventInput{A: c.Sites.forward(p, x), Hop: c.Hop.forward(p, x), Eta: c.Eta.forward(p, x)}
}

// cost returns the numbers of hops and of η: 1, or one per token.
func (c *Chains) cost(s *analytic.Sheet, n int) (hops, etas int) {
	c.Sites.cost(s, n)
	return c.Hop.cost(s, n), c.Eta.cost(s, n)
}

// Sites compute the site energies a of each token.
type Sites struct {
	V    *nn.Linear    // v_proj [H, D]
	Site nn.SiteEnergy // a0, energy, v_max [H]
}

func (s *Sites) forward(p *nn.Pass, x nn.Mat) nn.Mat {
	p.Component("v_proj")
	v := s.V.Forward(p, x)
	p.Component("gates")
	return s.Site.Forward(p, v)
}

func (s *Sites) cost(sheet *analytic.Sheet, n int) {
	sheet.Component("v_proj")
	linearCost(sheet, n, s.V)
	sheet.Component("gates")
	sheet.SiteEnergy(n, s.V.Out, !s.Site.Clamp)
}

// Setting is a number per head: [1, H], or [rows, H] if it depends on the token.
type Setting interface {
	forward(p *nn.Pass, x nn.Mat) nn.Mat
	// cost adds the cost of forward for n tokens, and returns the number of its rows.
	cost(s *analytic.Sheet, n int) (rows int)
}

// newSetting declares the parameters of a setting.
type newSetting func(c *ChainConfig, dim int, name string, ps *nn.Params) Setting

// etas are the values of eta_mode: η = eta_min + softplus(eta_raw + w·x), without w·x, or eta_value.
var etas = map[string]newSetting{
	"gate": func(c *ChainConfig, dim int, name string, ps *nn.Params) Setting {
		eta := ps.Gate(name+"eta_proj", c.Heads, dim, false, nn.Xavier(c.Heads, dim, 0.1), nil)
		eta.Bias = ps.Tensor(name+"eta_raw", c.initEta(), c.Heads)
		return &etaGate{eta, nn.EtaGate{Min: float32(c.EtaMin)}}
	},
	"learned": func(c *ChainConfig, _ int, name string, ps *nn.Params) Setting {
		raw := ps.Tensor(name+"eta_raw", c.initEta(), c.Heads)
		return headSetting{ps.HeadValue(raw, func(x float64) float64 { return c.EtaMin + softplus(x) }, sigmoid)}
	},
	"const": func(c *ChainConfig, _ int, _ string, _ *nn.Params) Setting {
		return headSetting{nn.ConstHeadValue(c.Heads, float32(c.EtaValue))}
	},
}

// hops are the values of k_mode.
var hops = map[string]newSetting{
	"gate": func(c *ChainConfig, dim int, name string, ps *nn.Params) Setting {
		k := ps.Gate(name+"k_proj", c.Heads, dim, true, nn.Xavier(c.Heads, dim, 0.1), nn.Const(float32(c.KBiasInit)))
		return &hopGate{k, nn.HopGate{KMax: float32(c.KMax)}}
	},
	"learned": func(c *ChainConfig, _ int, name string, ps *nn.Params) Setting {
		raw := ps.Tensor(name+"k_raw", nn.Const(float32(softplusInverse(c.KValue))), c.Heads)
		return headSetting{ps.HeadValue(raw, hopOfRaw, hopSlope)}
	},
	"const": func(c *ChainConfig, _ int, _ string, _ *nn.Params) Setting {
		return headSetting{nn.ConstHeadValue(c.Heads, float32(math.Sqrt(c.KValue)))}
	},
}

// headSetting is a setting that is the same for all tokens.
type headSetting struct{ *nn.HeadValue }

func (v headSetting) forward(p *nn.Pass, _ nn.Mat) nn.Mat { return v.Forward(p) }

func (headSetting) cost(*analytic.Sheet, int) int { return 1 }

// hopGate computes the hop from the arriving token.
type hopGate struct {
	K *nn.Linear // k_proj [H, D]
	nn.HopGate
}

func (g *hopGate) forward(p *nn.Pass, x nn.Mat) nn.Mat { return g.Forward(p, g.K.Forward(p, x)) }

func (g *hopGate) cost(s *analytic.Sheet, n int) int {
	linearCost(s, n, g.K)
	s.HopGate(n * g.K.Out)
	return n
}

// etaGate computes η from the token.
type etaGate struct {
	Eta *nn.Linear // eta_proj [H, D], with bias eta_raw
	nn.EtaGate
}

func (g *etaGate) forward(p *nn.Pass, x nn.Mat) nn.Mat { return g.Forward(p, g.Eta.Forward(p, x)) }

func (g *etaGate) cost(s *analytic.Sheet, n int) int {
	linearCost(s, n, g.Eta)
	s.EtaGate(n * g.Eta.Out)
	return n
}

// Initial values. Eta is spread over the heads, and the potential of a head is scaled down with its eta: a random
// potential localises the chain unless its spread is well below √eta.

// eta returns the initial eta of head h: log-spaced from eta_init_max to eta_init_min, or the constant.
func (c *ChainConfig) eta(h int) float64 {
	if c.EtaMode == "const" {
		return c.EtaValue
	}
	if c.Heads == 1 {
		return c.EtaInitMax
	}
	hi, lo := math.Log(c.EtaInitMax), math.Log(c.EtaInitMin)
	return math.Exp(hi + (lo-hi)*float64(h)/float64(c.Heads-1))
}

// initEta gives each head its initial eta.
func (c *ChainConfig) initEta() nn.Init {
	return perHead(func(h int) float64 { return softplusInverse(c.eta(h) - c.EtaMin) })
}

// perHead initialises a tensor [H] from a function of the head.
func perHead(f func(h int) float64) nn.Init {
	return func(_ *rand.Rand, h int, dst []float32) { dst[0] = float32(f(h)) }
}

// initA0 spreads the band centres by the golden ratio, so neighbouring heads see different energies.
func (c *ChainConfig) initA0() nn.Init {
	const golden = 0.6180339887498949
	return perHead(func(h int) float64 {
		if c.A0Init == "zero" {
			return c.A0Value
		}
		_, frac := math.Modf((float64(h) + 0.5) * golden)
		return c.A0Span * (2*frac - 1)
	})
}

func (c *ChainConfig) initV(dim int) nn.Init {
	xavier := nn.Xavier(c.Heads, dim, 1)
	if c.VInit == "xavier" {
		return xavier
	}
	return func(r *rand.Rand, h int, dst []float32) {
		xavier(r, h, dst)
		scale := float32(min(1, 0.5*math.Sqrt(c.eta(h))))
		for i := range dst {
			dst[i] *= scale
		}
	}
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// softplusInverse returns ln(eˣ − 1).
func softplusInverse(x float64) float64 { return math.Log(math.Expm1(x)) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// hopOfRaw returns c = √k of a learned k = softplus(raw).
func hopOfRaw(raw float64) float64 { return math.Sqrt(softplus(raw)) }

// hopSlope is the derivative of hopOfRaw.
func hopSlope(raw float64) float64 { return sigmoid(raw) / (2 * hopOfRaw(raw)) }
