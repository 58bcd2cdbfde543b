package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/strictjson"
	"github.com/archbench/archbench/lm"
)

const defaultConfig = `{"model_type": "echo", "vocab_size": 256}`

const configSchema = `{
  "type": "object",
  "required": ["model_type", "vocab_size"],
  "properties": {
    "model_type": {"const": "echo"},
    "vocab_size": {"type": "integer", "minimum": 2, "maximum": 1048576}
  },
  "additionalProperties": false
}`

// config is the model's config.json.
type config struct {
	ModelType string `json:"model_type"`
	VocabSize int    `json:"vocab_size"`
}

func parseConfig(text string) (config, error) {
	var c config
	if err := strictjson.Unmarshal([]byte(text), &c); err != nil {
		return c, fmt.Errorf("config.json: %w", err)
	}
	if c.ModelType != "echo" {
		return c, fmt.Errorf("config.json: model_type is %q, not echo", c.ModelType)
	}
	if c.VocabSize < 2 || c.VocabSize > 1<<20 {
		return c, fmt.Errorf("config.json: vocab_size %d is not between 2 and %d", c.VocabSize, 1<<20)
	}
	return c, nil
}

// architecture serves the uniform distribution.
type architecture struct{}

// Describe implements lm.Architecture.
func (architecture) Describe(context.Context) (lm.Description, error) {
	return lm.Description{
		Name:     "echo",
		Version:  "1",
		Language: "go",
		Summary:  "no model: the uniform distribution, the boundary's overhead and the host's ceilings",
		Variants: []lm.Variant{{Name: "default", Summary: "256 equally likely tokens", Config: defaultConfig}},
		Abilities: []lm.Ability{
			lm.AbilityStep, lm.AbilityGenerate, lm.AbilityMemory, lm.AbilityVersus, lm.AbilityCalibrate,
			lm.AbilityAnswers, lm.AbilitySample,
		},
		Precisions:   []string{"f32"},
		ConfigSchema: configSchema,
		Kernels:      kernel.Tier(),
	}, nil
}

// Load implements lm.Architecture. A checkpoint is a folder with a config.json; there are no weights.
func (architecture) Load(ctx context.Context, req lm.LoadRequest) (lm.Model, error) {
	start := time.Now()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if req.Precision != "" && req.Precision != "f32" {
		return nil, lm.Errorf(lm.Invalid, "load", "precision %q: there are no weights, so there is only f32", req.Precision)
	}
	for key := range req.Options {
		return nil, lm.Errorf(lm.Invalid, "load", "unknown option %q: echo has none", key)
	}
	if req.Device != "" || req.DeviceMemory != 0 {
		return nil, lm.Errorf(lm.Unsupported, "load", "echo does not let you choose a device")
	}
	text, err := configText(req)
	if err != nil {
		return nil, err
	}
	c, err := parseConfig(text)
	if err != nil {
		return nil, &lm.Error{Op: "load", Kind: lm.Invalid, Err: err}
	}
	return newModel(c, req.Checkpoint == "", start), nil
}

var _ lm.Calibrator = architecture{}

// configText returns the config.json selected by a request.
func configText(req lm.LoadRequest) (string, error) {
	switch {
	case req.Checkpoint != "":
		data, err := checkpoint.ReadConfig(req.Checkpoint)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = &lm.Error{Op: "load", Kind: lm.NotFound, Err: err}
		case err != nil:
			err = &lm.Error{Op: "load", Kind: lm.Corrupt, Err: err}
		}
		return string(data), err
	case req.Config != "":
		return req.Config, nil
	case req.Variant == "default":
		return defaultConfig, nil
	case req.Variant == "":
		return "", lm.Errorf(lm.Invalid, "load", "neither checkpoint nor config nor variant is given")
	}
	return "", lm.Errorf(lm.NotFound, "load", "no variant %q: the only one is default", req.Variant)
}
