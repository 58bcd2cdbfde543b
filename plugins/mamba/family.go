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

//go:embed variants/130m.json
var config130M string

// Family serves Mamba models of any size.
type Family struct{}

var _ engine.Family = Family{}

// Describe implements engine.Family.
func (Family) Describe() lm.Description {
	return lm.Description{
		Name:    "mamba",
		Summary: "selective state-space model (Gu and Dao 2023)",
		Variants: []lm.Variant{
			{Name: "3m", Summary: "2,612,984 parameters: 8 layers of 184, vocabulary 4,096", Config: config3M},
			{Name: "130m", Summary: "129,135,360 parameters: mamba-130m, 24 layers of 768, vocabulary 50,280", Config: config130M},
		},
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
	if m.json, err = r.Effective(m.cfg); err != nil {
		return nil, nil, err
	}
	return m, r.Warnings(), nil
}
