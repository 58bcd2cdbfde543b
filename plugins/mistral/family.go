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

//go:embed variants/1.2b.json
var config1200M string

// Family implements engine.Family for Mistral and Llama.
type Family struct{}

// Describe implements engine.Family.
func (Family) Describe() lm.Description {
	return lm.Description{
		Name:    "mistral",
		Summary: "grouped-query transformer with rotary positions and a sliding window (Jiang et al. 2023), or without one (Llama)",
		Variants: []lm.Variant{
			{Name: "3m", Summary: "2,655,936 parameters: 4 layers of 192, 6/2 heads, window 128, vocabulary 4,096", Config: config3M},
			{Name: "1.2b", Summary: "1,213,302,784 parameters: 24 layers of 2,048, 32/8 heads, window 4,096, vocabulary 32,000", Config: config1200M},
		},
		ModelTypes:   modelTypes,
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
