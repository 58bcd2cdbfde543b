package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/nn"
)

// modes returns the default config of each mode for a d_model, 0 if the config names none. A new mode is a core in its own
// file, and a line here.
var modes = map[string]func(dim int) Config{
	modeRow:           defaultRow,
	modeDiag:          defaultDiag,
	modeKeyed:         defaultKeyed,
	modeBidirectional: defaultBidirectional,
}

// Config is config.json. The settings of a part are in an object of its name or, in older folders, at the top level:
// eta_mode is core.eta_mode. Keys that end in _init or begin with eta_init matter only for new models. Keys that the
// chosen mode and settings do not use have no effect.
type Config struct {
	ModelType string  `json:"model_type"`
	Mode      string  `json:"mode"`
	Vocab     int     `json:"vocab_size"`
	Dim       int     `json:"d_model"`
	Layers    int     `json:"n_layers"`
	Eps       float64 `json:"layer_norm_eps"`

	Core       coreConfig        `json:"core"`
	FFN        FFNConfig         `json:"ffn"`
	MoE        MoEConfig         `json:"moe"`
	Scattering *ScatteringConfig `json:"scattering,omitempty"` // nil: the core has no phase to route by
	Position   *PositionConfig   `json:"position,omitempty"`   // nil: no position table

	FeatureClamp      *float64   `json:"feature_clamp"`       // nil: none
	Dropout           float64    `json:"dropout_p,omitempty"` // of the experts' activations in training
	ResidualInitScale bool       `json:"residual_init_scale"`
	Positions         string     `json:"position_embedding"` // none or learned; fixed by the mode
	Tied              bool       `json:"tie_word_embeddings"`
	LMHeadBias        bool       `json:"lm_head_bias"` // fixed by the mode
	BOS               config.IDs `json:"bos_token_id"`
	EOS               config.IDs `json:"eos_token_id"`
}

// coreConfig configures the core of a mode.
type coreConfig interface {
	// declare declares the parameters of one core.
	declare(c *Config, name string, ps *nn.Params) Core
	validate() error
	// risks lists settings that are known to train or compute badly.
	risks() []string
}

// readConfig reads and validates the config.
func readConfig(r *config.Reader) (Config, error) {
	mode, dim := modeRow, 0
	config.Read(r, &mode, "mode")
	config.Read(r, &dim, "d_model")
	if err := (config.Words{{"mode", mode, slices.Sorted(maps.Keys(modes))}}).Check(); err != nil {
		return Config{}, err
	}
	c := modes[mode](dim)
	config.ReadAll(r, &c)
	config.ReadIDs(r, c.Vocab, &c.BOS, &c.EOS)
	c.readScattering(r)
	return c, cmp.Or(r.Err(), c.validate())
}

// clamp returns the limit of the features, which may be infinite.
func (c *Config) clamp() float64 {
	if c.FeatureClamp == nil {
		return math.Inf(1)
	}
	return *c.FeatureClamp
}

// validate checks that the settings are consistent and allowed by the mode.
func (c *Config) validate() error {
	mode := modes[c.Mode](c.Dim)
	return cmp.Or(
		config.Sizes{
			{"vocab_size", c.Vocab}, {"d_model", c.Dim}, {"n_layers", c.Layers}, {"num_experts", c.MoE.Experts}, {"top_k", c.MoE.TopK},
			{"ffn_multiplier", c.FFN.Multiplier},
		}.Check(),
		config.Words{
			{"model_type", c.ModelType, []string{"resnet_bk"}},
			{"ffn_activation", c.FFN.Activation, slices.Sorted(maps.Keys(activations))},
			{"moe_gate", c.MoE.Gate, slices.Sorted(maps.Keys(routers))},
			{"position_embedding", c.Positions, []string{mode.Positions}},
			{"lm_head_bias", fmt.Sprint(c.LMHeadBias), []string{fmt.Sprint(mode.LMHeadBias)}},
		}.Check(),
		config.Positive{{"layer_norm_eps", c.Eps}, {"feature_clamp", c.clamp()}}.Check(), config.Rates{{"dropout_p", c.Dropout}}.Check(),
		c.Core.validate(), c.Position.validate(), c.validateScattering(),
	)
}
