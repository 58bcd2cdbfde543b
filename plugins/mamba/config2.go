package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/strictjson"
)

// Config2 is the config.json of Mamba-2, Hugging Face's Mamba2Config.
type Config2 struct {
	Shared
	Heads   int    `json:"num_heads"`       // H
	HeadDim int    `json:"head_dim"`        // P, so that H·P = E
	Groups  int    `json:"n_groups"`        // G groups of heads share B and C
	Limits  limits `json:"time_step_limit"` // bounds of every step size

	// NormGroups is the number of groups of gated channels that are normalised separately. Hugging Face has no such key;
	// see readNormGroups.
	NormGroups int `json:"norm_groups"`
}

// limits are a lower and an upper bound. JSON has no infinity, so Hugging Face writes it as an object.
type limits [2]float64

// infinity is an infinite bound in JSON.
var infinity = json.RawMessage(`{"__float__":"Infinity"}`)

// UnmarshalJSON implements json.Unmarshaler.
func (l *limits) UnmarshalJSON(data []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil || len(parts) != 2 {
		return fmt.Errorf("want two bounds, have %d: %w", len(parts), err)
	}
	for i, part := range parts {
		var inf struct {
			Float string `json:"__float__"`
		}
		if json.Unmarshal(part, &inf) == nil && inf.Float == "Infinity" {
			l[i] = math.Inf(1)
		} else if err := json.Unmarshal(part, &l[i]); err != nil {
			return err
		}
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (l limits) MarshalJSON() ([]byte, error) {
	var parts [2]any
	for i, v := range l {
		parts[i] = v
		if math.IsInf(v, 1) {
			parts[i] = infinity
		}
	}
	return json.Marshal(parts)
}

// Want describes the valid values.
func (limits) Want() string { return "a list of two numbers" }

// defaultConfig2 returns the defaults of Mamba2Config.
func defaultConfig2() Config2 {
	return Config2{
		Shared: Shared{
			ModelType: "mamba2", Vocab: 32768, Dim: 4096, Expand: 2, States: 128, Taps: 4, Layers: 64, Eps: 1e-5, Act: "silu",
			ConvBias: true, BOS: config.IDs{0}, EOS: config.IDs{2}, InitStd: 0.1, StepMin: 1e-3, StepMax: 0.1, StepFloor: 1e-4,
		},
		Heads: 128, HeadDim: 64, Groups: 8, Limits: limits{0, math.Inf(1)},
	}
}

// parseConfig2 reads and validates the config of a Mamba-2. The reader holds its warnings and other keys.
func parseConfig2(data []byte, options map[string]string) (Config2, *config.Reader, error) {
	c := defaultConfig2()
	r, err := config.Parse(data, options)
	if err != nil {
		return c, nil, err
	}
	config.ReadAll(r, &c)
	config.ReadIDs(r, c.Vocab, &c.BOS, &c.EOS)
	c.readNormGroups(r, data)
	r.Known(inert...)
	r.Known("time_step_rank") // Mamba's; Mamba-2's step sizes have no low-rank projection
	return c, r, cmp.Or(r.Err(), c.Validate())
}

// readNormGroups sets the groups of the norm after the gate if the config does not: each group of channels separately, as
// in mamba_ssm, but all at once for files of transformers before 5.23, which did so. Another program may have trained the
// model in such a file, hence the warning.
func (c *Config2) readNormGroups(r *config.Reader, data []byte) {
	if r.Has("norm_groups") {
		return
	}
	c.NormGroups = c.Groups
	if version, old := oldTransformers(data); old && c.Groups > 1 {
		c.NormGroups = 1
		r.Warn("all %d groups of channels are normalised at once after the gate, as in transformers %s; a model that was "+
			"trained with each group normalised, as in mamba_ssm and in transformers from 5.23 on, needs option norm_groups=%d",
			c.Groups, version, c.Groups)
	}
}

// oldTransformers returns the transformers_version of a config and whether it is before 5.23.
func oldTransformers(data []byte) (version string, old bool) {
	var c struct {
		Version any `json:"transformers_version"`
	}
	_ = strictjson.Unmarshal(data, &c) // config.Parse reports the error
	var major, minor int
	version, _ = c.Version.(string)
	n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return version, n == 2 && (major < 5 || major == 5 && minor < 23)
}

// Validate checks that the settings are served and consistent.
func (c *Config2) Validate() error {
	sizes := config.Sizes{{"num_heads", c.Heads}, {"head_dim", c.HeadDim}, {"n_groups", c.Groups}, {"norm_groups", c.NormGroups}}
	err := cmp.Or(c.Shared.validate("mamba2"), sizes.Check())
	switch {
	case err != nil:
		return err
	case c.Heads*c.HeadDim != c.Expand*c.Dim:
		return fmt.Errorf("num_heads %d times head_dim %d is not expand %d times hidden_size %d", c.Heads, c.HeadDim, c.Expand, c.Dim)
	case c.Heads%c.Groups != 0:
		return fmt.Errorf("num_heads %d is not a multiple of n_groups %d", c.Heads, c.Groups)
	case c.Heads*c.HeadDim%c.NormGroups != 0:
		return fmt.Errorf("%d channels (expand times hidden_size) are not a multiple of norm_groups %d", c.Heads*c.HeadDim, c.NormGroups)
	case !(c.Limits[0] >= 0 && c.Limits[0] <= c.Limits[1]):
		return fmt.Errorf("time_step_limit is %v: need 0 <= min <= max", [2]float64(c.Limits))
	}
	return nil
}
