package main

import (
	"cmp"
	"fmt"

	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
)

// modeBidirectional is the reference project's own language model (version 0.9). Its core reads the diagonal of the
// resolvent of the whole sequence, so every token sees those after it and the model is not a language model in the usual
// sense.
//
// The reference takes sequences of exactly n_seq tokens, and its determinants overflow near 970. This implementation takes
// any length up to n_seq.
const modeBidirectional = "bidirectional"

// defaultBidirectional returns the reference's defaults.
func defaultBidirectional(dim int) Config {
	clamp := 10.0
	return Config{
		ModelType: "resnet_bk", Mode: modeBidirectional, Vocab: 30000, Dim: cmp.Or(dim, 64), Layers: 4, Eps: 1e-5,
		Core: &FullConfig{ZImag: 1, VMax: 3},
		FFN:  FFNConfig{Multiplier: 2, Activation: "relu"}, MoE: MoEConfig{Experts: 4, TopK: 1, Gate: "topk_softmax"},
		Scattering: &ScatteringConfig{Bins: "legacy", Epsilon: 1},
		Position:   &PositionConfig{Rows: 128, BumpConfig: BumpConfig{Scale: 0.02, Powers: 3, Epsilon: 1}},
		Positions:  "learned", LMHeadBias: true, FeatureClamp: &clamp,
	}
}

// FullConfig configures [Full].
type FullConfig struct {
	ZReal float64 `json:"z_real"` // the spectral point z
	ZImag float64 `json:"z_imag"`
	VMax  float64 `json:"v_max"`
}

func (c *FullConfig) validate() error {
	if !(c.ZImag > 0) {
		return fmt.Errorf("z_imag is %g, must be positive: the resolvent has its poles on the real axis", c.ZImag)
	}
	return config.Positive{{"v_max", c.VMax}}.Check()
}

func (*FullConfig) risks() []string { return nil }

// Full is the core of the published model,
//
//	G = diag((H − z)^{-1}),   H = tridiag(1, −2 + v, 1),   v = w_v·x + b_v clamped to ±v_max
//
// Its features are Re G and Im G.
type Full struct {
	Sites // −2 + v
	nn.FullResolvent
}

// declare ignores the buffers of a state dict. The low-rank part of the operator must be zero: it would change the outputs.
func (c *FullConfig) declare(model *Config, name string, ps *nn.Params) Core {
	for _, side := range []string{"U", "V"} {
		ps.Zeros(name+"birman_schwinger_core.semiseparable."+side, "low-rank operators are not served")
	}
	ps.Ignore(name+"birman_schwinger_core.*", name+"*scattering_step_counter", name+"h0_*")
	return &Full{
		Sites: Sites{
			V:    ps.Gate(name+"v_proj", 1, model.Dim, true, nn.Xavier(1, model.Dim, 1), nn.Const(0)),
			Site: nn.SiteEnergy{A0: nn.Fixed(1, -2), Energy: nn.Fixed(1, 0), VMax: nn.Fixed(1, float32(c.VMax)), Clamp: true},
		},
		FullResolvent: nn.FullResolvent{Z: complex(c.ZReal, c.ZImag)},
	}
}

// Forward implements Core.
func (f *Full) Forward(p *nn.Pass, _ int, x nn.Mat, spans []nn.Span) nn.Mat {
	a := f.Sites.forward(p, x)
	p.Component("recursion")
	return f.FullResolvent.Forward(p, spans, a)
}

func (f *Full) cost(s *analytic.Sheet, w analytic.Work) {
	f.Sites.cost(s, w.Rows())
	s.Component("recursion")
	s.FullResolvent(w.Rows())
}

// Width implements Core.
func (*Full) Width() int { return 2 }

// NewState implements Core. A core that sees the future has no state.
func (*Full) NewState() state.Layer { return nil }

// StateBytes implements Core.
func (*Full) StateBytes() int64 { return -1 }
