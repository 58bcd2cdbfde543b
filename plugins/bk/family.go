package main

import (
	_ "embed"
	"encoding/json"

	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// Family implements engine.Family for ResNet-BK.
type Family struct{}

//go:embed schema.json
var configSchema string

// Describe implements engine.Family.
func (Family) Describe() lm.Description {
	large, published := defaultRow(768), defaultBidirectional(128)
	large.Vocab, large.Layers, large.BOS, large.EOS = 50257, 20, config.IDs{50256}, config.IDs{50256}
	published.Vocab, published.Layers, published.Position.Rows = 4096, 6, 512
	return lm.Description{
		Name:    "bk",
		Summary: "ResNet-BK: token mixing by the resolvent of a tridiagonal operator; causal by default",
		Variants: []lm.Variant{
			variant("3m", "bk-row-3m", defaultRow(192)),
			variant("bk-row-3m", "causal-row, 2.6 M parameters, the shape of models/bk-3m", defaultRow(192)),
			variant("bk-diag-3m", "causal-diag, 2.6 M parameters", defaultDiag(192)),
			variant("bk-keyed-3m", "causal-keyed, 2.6 M parameters", defaultKeyed(184)),
			variant("bk-original-3m", "the published parametrisation (one head, z = i, top-1 of 4 experts) made causal, 2.6 M parameters", original()),
			variant("124m", "causal-row, 122.7 M parameters with GPT-2's vocabulary", large),
			variant("bk-bidirectional-3m", "the published model, which sees the future, 2.7 M parameters", published),
		},
		ModelTypes:   []string{"resnet_bk"},
		ConfigSchema: configSchema,
	}
}

// original returns the published parametrisation made causal.
func original() Config {
	c, k, clamp := defaultDiag(128), &DiagConfig{defaultChains()}, 10.0
	k.Heads, k.A0Mode, k.A0Value, k.EnergyMode, k.EtaMode, k.EtaInitMin, k.KMode = 1, "const", -2, "const", "const", 0.002, "const"
	k.VLimit, k.VMaxMode, k.VInit, k.GFeatures = "clamp", "uniform", "xavier", "raw"
	c.Layers, c.Core, c.MoE, c.FeatureClamp, c.ResidualInitScale = 8, k, MoEConfig{Experts: 4, TopK: 1, Gate: "topk_softmax"}, &clamp, false
	return c
}

// variant names a config.
func variant(name, summary string, c Config) lm.Variant {
	raw, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		panic("bk: variant " + name + ": " + err.Error()) // the variants are constants
	}
	return lm.Variant{Name: name, Summary: summary, Config: string(raw)}
}

// New implements engine.Family.
func (Family) New(data []byte, options map[string]string, ps *nn.Params) (engine.Network, []string, error) {
	r, err := config.Parse(data, options)
	if err != nil {
		return nil, nil, err
	}
	c, err := readConfig(r)
	if err != nil {
		return nil, nil, err
	}
	m := newModel(c, ps)
	m.json, err = r.Effective(m.config)
	return m, append(r.Warnings(), c.Core.risks()...), err
}
