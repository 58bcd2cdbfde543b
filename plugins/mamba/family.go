package main

import (
	_ "embed"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// Family serves Mamba models.
type Family struct{}

//go:embed schema.json
var schema string

// Describe implements engine.Family.
func (Family) Describe() lm.Description {
	return lm.Description{
		Name:         "mamba",
		Summary:      "selective state-space model (Gu and Dao 2023)",
		ConfigSchema: schema,
		Variants: []lm.Variant{
			{Name: "3m", Summary: "2.6 M parameters, the shape of models/mamba-3m", Config: `{
  "model_type": "mamba", "vocab_size": 4096, "hidden_size": 184, "num_hidden_layers": 8, "state_size": 16, "expand": 2,
  "conv_kernel": 4, "time_step_rank": 12}`},
			{Name: "130m", Summary: "129 M parameters, the shape of state-spaces/mamba-130m", Config: `{
  "model_type": "mamba", "vocab_size": 50280, "hidden_size": 768, "num_hidden_layers": 24, "state_size": 16, "expand": 2,
  "conv_kernel": 4, "time_step_rank": 48}`},
		},
	}
}

// New implements engine.Family.
func (Family) New(data []byte, options map[string]string, ps *nn.Params) (engine.Network, []string, error) {
	c, reader, err := parseConfig(data, options)
	if err != nil {
		return nil, nil, err
	}
	m := New(c, ps)
	if m.json, err = reader.Effective(m.config); err != nil {
		return nil, nil, err
	}
	return m, reader.Warnings(), nil
}

var _ engine.Family = Family{}
