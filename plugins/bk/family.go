package main

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// Family serves ResNet-BK models.
type Family struct{}

var _ engine.Family = Family{}

//go:embed schema.json
var configSchema string

// Describe implements engine.Family.
func (Family) Describe() lm.Description {
	row, diag := defaultConfig(modeRow, 192), defaultConfig(modeDiag, 192)
	large := defaultConfig(modeRow, 768)
	large.Vocab, large.Layers, large.BOS, large.EOS = 50257, 20, config.IDs{50256}, config.IDs{50256}
	published := defaultBidirectional()
	published.Vocab, published.Dim, published.Layers, published.Positions = 4096, 128, 6, 512
	return lm.Description{
		Name:    "bk",
		Summary: "ResNet-BK: token mixing by the resolvent of a tridiagonal operator; causal by default",
		Variants: []lm.Variant{
			variant("3m", "bk-row-3m", row),
			variant("bk-row-3m", "causal-row, 2.6 M parameters, the shape of models/bk-3m", row),
			variant("bk-diag-3m", "causal-diag, 2.6 M parameters", diag),
			variant("bk-original-3m", "the published parametrisation (one head, z = i, top-1 of 4 experts) made causal, 2.6 M parameters", original()),
			variant("124m", "causal-row, 122.7 M parameters with GPT-2's vocabulary", large),
			variant("bk-bidirectional-3m", "the published model, which sees the future, 2.7 M parameters", published),
		},
		ModelTypes:   []string{"resnet_bk"},
		ConfigSchema: configSchema,
	}
}

// original is the published parametrisation in its causal form.
func original() CausalConfig {
	c, clamp := defaultConfig(modeDiag, 128), 10.0
	c.Layers, c.Heads = 8, 1
	c.A0Mode, c.A0Value, c.EnergyMode, c.EtaMode, c.EtaInitMin, c.KMode = "const", -2, "const", "const", 0.002, "const"
	c.VLimit, c.VMaxMode, c.VInit, c.GFeatures, c.FeatureClamp = "clamp", "uniform", "xavier", "raw", &clamp
	c.Experts, c.MoEGate, c.ResidualInitScale = 4, "topk_softmax", false
	return c
}

// variant is a config under a name.
func variant(name, summary string, c any) lm.Variant {
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
	mode := modeRow
	config.Read(r, &mode, "mode")
	switch mode {
	case modeRow, modeDiag:
		return newCausal(r, mode, ps)
	case modeBidirectional:
		return newBidirectional(r, ps)
	default:
		return nil, nil, fmt.Errorf("mode is %q, must be %s, %s or %s", mode, modeRow, modeDiag, modeBidirectional)
	}
}

// newCausal makes a model of the causal modes.
func newCausal(r *config.Reader, mode string, ps *nn.Params) (engine.Network, []string, error) {
	c, err := readConfig(r, mode)
	if err != nil {
		return nil, nil, err
	}
	m := newModel(c, ps)
	m.json, err = r.Effective(m.CausalConfig)
	return m, append(r.Warnings(), c.risks()...), err
}

// newBidirectional makes the published model.
func newBidirectional(r *config.Reader, ps *nn.Params) (engine.Network, []string, error) {
	c, err := readBidirectional(r)
	if err != nil {
		return nil, nil, err
	}
	raw, err := r.Effective(c)
	if err != nil {
		return nil, nil, err
	}
	m, err := newPublished(c, raw, ps)
	return m, r.Warnings(), err
}
