package main

import (
	_ "embed"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

//go:embed schema.json
var schema string

//go:embed variants/3m.json
var config3M string

//go:embed variants/124m.json
var config124M string

// Family implements engine.Family for GPT-2.
type Family struct{}

// Describe implements engine.Family.
func (Family) Describe() lm.Description {
	return lm.Description{
		Name:    "gpt2",
		Summary: "decoder-only transformer with learned positions (Radford et al. 2019)",
		Variants: []lm.Variant{
			{Name: "3m", Summary: "2,664,576 parameters: 4 layers of 192, 6 heads, 512 positions, vocabulary 4,096", Config: config3M},
			{Name: "124m", Summary: "124,439,808 parameters: GPT-2 small, 12 layers of 768, 12 heads, 1,024 positions, vocabulary 50,257", Config: config124M},
		},
		ModelTypes:   []string{"gpt2"},
		ConfigSchema: schema,
	}
}

// New implements engine.Family.
func (Family) New(data []byte, options map[string]string, ps *nn.Params) (engine.Network, []string, error) {
	c, r, err := parseConfig(data, options)
	if err != nil {
		return nil, nil, err
	}
	m := New(c, ps)
	m.json, err = r.Effective(m.cfg)
	return m, r.Warnings(), err
}
