package main

import (
	_ "embed"
	"encoding/json"

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

//go:embed variants/mamba2-3m.json
var config2_3M string

//go:embed variants/mamba2-130m.json
var config2_130M string

// Family implements engine.Family for Mamba and Mamba-2.
type Family struct{}

// Describe implements engine.Family.
func (Family) Describe() lm.Description {
	return lm.Description{
		Name:    "mamba",
		Summary: "selective state-space models Mamba (Gu and Dao 2023) and Mamba-2 (Dao and Gu 2024)",
		Variants: []lm.Variant{
			{Name: "3m", Summary: "2,612,984 parameters: 8 layers of 184, vocabulary 4,096", Config: config3M},
			{Name: "130m", Summary: "129,135,360 parameters: mamba-130m, 24 layers of 768, vocabulary 50,280", Config: config130M},
			{Name: "mamba2-3m", Summary: "2,626,016 parameters: Mamba-2, 8 layers of 184, 23 heads, vocabulary 4,096", Config: config2_3M},
			{Name: "mamba2-130m", Summary: "mamba2-130m: 24 layers of 768, 24 heads, vocabulary 50,288", Config: config2_130M},
		},
		ModelTypes:   []string{"mamba", "mamba2"},
		MarkerKeys:   []string{"d_model", "n_layer", "ssm_cfg"}, // of the first published files
		ConfigSchema: schema,
	}
}

// New implements engine.Family.
func (Family) New(data []byte, options map[string]string, ps *nn.Params) (engine.Network, []string, error) {
	data, err := modernise(data)
	if err != nil {
		return nil, nil, err
	}
	if modelType(data) == "mamba2" {
		return newMamba2(data, options, ps)
	}
	c, r, err := parseConfig(data, options)
	if err != nil {
		return nil, nil, err
	}
	m := New(c, ps)
	c.Shared = m.Shared
	m.json, err = r.Effective(c)
	return m, r.Warnings(), err
}

func newMamba2(data []byte, options map[string]string, ps *nn.Params) (engine.Network, []string, error) {
	c, r, err := parseConfig2(data, options)
	if err != nil {
		return nil, nil, err
	}
	m := New2(c, ps)
	c.Shared = m.Shared
	m.json, err = r.Effective(c)
	return m, r.Warnings(), err
}

// modelType returns the key that distinguishes the two configs.
func modelType(data []byte) string {
	var c struct {
		ModelType string `json:"model_type"`
	}
	_ = json.Unmarshal(data, &c) // the config's parser reports the error
	return c.ModelType
}
