package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/archbench/archbench/internal/config"
)

// Shared holds the keys of config.json that both models have, with Hugging Face's names.
type Shared struct {
	ModelType string            `json:"model_type"`
	Vocab     int               `json:"vocab_size"`
	Dim       int               `json:"hidden_size"` // d
	Expand    int               `json:"expand"`      // E/d
	States    int               `json:"state_size"`  // S, per channel
	Taps      int               `json:"conv_kernel"` // k
	Layers    int               `json:"num_hidden_layers"`
	Eps       float64           `json:"layer_norm_epsilon"`
	Act       config.Activation `json:"hidden_act"`
	Bias      bool              `json:"use_bias"` // on in_proj and out_proj
	ConvBias  bool              `json:"use_conv_bias"`
	Tied      bool              `json:"tie_word_embeddings"`
	BOS       config.IDs        `json:"bos_token_id"`
	EOS       config.IDs        `json:"eos_token_id"`

	// Initialisation of new models.
	InitStd   float64 `json:"initializer_range"` // of the embedding
	StepMin   float64 `json:"time_step_min"`     // step sizes are log-uniform in [min, max]
	StepMax   float64 `json:"time_step_max"`
	StepFloor float64 `json:"time_step_floor"`          // and at least this
	Rescale   bool    `json:"rescale_prenorm_residual"` // divide out_proj by √layers
}

// Config is the config.json of Mamba, Hugging Face's MambaConfig.
type Config struct {
	Shared
	Channels   int     `json:"intermediate_size"`     // E
	Rank       rank    `json:"time_step_rank"`        // R
	StepScale  float64 `json:"time_step_scale"`       // of new dt_proj weights
	StepScheme string  `json:"time_step_init_scheme"` // of new dt_proj weights: random or constant
}

// rank is a whole number; "auto", stored as 0, means ⌈d/16⌉.
type rank int

// UnmarshalJSON implements json.Unmarshaler.
func (r *rank) UnmarshalJSON(data []byte) error {
	if string(data) == `"auto"` {
		*r = 0
		return nil
	}
	if err := json.Unmarshal(data, (*int)(r)); err != nil {
		return err
	}
	if *r < 1 {
		return errors.New("must be at least 1")
	}
	return nil
}

// Want describes the valid values.
func (rank) Want() string { return `a whole number of at least 1, or "auto"` }

// defaultConfig returns the defaults of MambaConfig.
func defaultConfig() Config {
	return Config{
		Shared: Shared{
			ModelType: "mamba", Vocab: 50280, Dim: 768, Expand: 2, States: 16, Taps: 4, Layers: 32, Eps: 1e-5, Act: "silu",
			ConvBias: true, Tied: true, BOS: config.IDs{0}, EOS: config.IDs{0}, InitStd: 0.1,
			StepMin: 1e-3, StepMax: 0.1, StepFloor: 1e-4,
		},
		StepScale: 1, StepScheme: "random",
	}
}

// parseConfig reads and validates the config of a Mamba. The reader holds its warnings and other keys.
func parseConfig(data []byte, options map[string]string) (Config, *config.Reader, error) {
	c := defaultConfig()
	r, err := config.Parse(data, options)
	if err != nil {
		return c, nil, err
	}
	config.ReadAll(r, &c)
	config.Read(r, &c.Dim, "hidden_size", "d_model")
	config.Read(r, &c.Channels, "intermediate_size", "d_inner")
	config.Read(r, &c.Layers, "num_hidden_layers", "n_layer")
	config.ReadIDs(r, c.Vocab, &c.BOS, &c.EOS)
	r.Known(inert...)
	c.Rank = cmp.Or(c.Rank, rank((c.Dim+15)/16))
	c.Channels = cmp.Or(c.Channels, c.Expand*c.Dim)
	return c, r, cmp.Or(r.Err(), c.Validate())
}

// inert are keys without effect here: they choose between equivalent code paths of other programs, or repeat other keys.
// The residual stream is always float32.
var inert = []string{
	"architectures", "chunk_size", "dtype", "fused_add_norm", "pad_token_id", "pad_vocab_size_multiple", "residual_in_fp32",
	"rms_norm", "ssm_cfg", "torch_dtype", "transformers_version", "use_associative_scan", "use_cache", "use_mambapy",
}

// Validate checks that the settings are served and consistent.
func (c *Config) Validate() error {
	err := cmp.Or(
		c.Shared.validate("mamba"),
		config.Sizes{{"intermediate_size", c.Channels}, {"time_step_rank", int(c.Rank)}}.Check(),
		config.Words{{"time_step_init_scheme", c.StepScheme, []string{"random", "constant"}}}.Check(),
	)
	if err == nil && c.Channels != c.Expand*c.Dim {
		err = fmt.Errorf("intermediate_size %d is not expand %d times hidden_size %d", c.Channels, c.Expand, c.Dim)
	}
	return err
}

// validate checks the keys that both models have.
func (c *Shared) validate(modelType string) error {
	if c.ModelType != modelType {
		return fmt.Errorf("model_type is %q, this plugin serves mamba and mamba2", c.ModelType)
	}
	err := cmp.Or(
		config.Sizes{
			{"vocab_size", c.Vocab}, {"hidden_size", c.Dim}, {"expand", c.Expand}, {"state_size", c.States},
			{"conv_kernel", c.Taps}, {"num_hidden_layers", c.Layers},
		}.Check(),
		config.Words{{"hidden_act", string(c.Act), []string{"silu"}}}.Check(),
		config.Positive{{"layer_norm_epsilon", c.Eps}, {"initializer_range", c.InitStd}}.Check(),
	)
	if err == nil && (c.StepMin <= 0 || c.StepMin > c.StepMax) {
		err = fmt.Errorf("time_step_min %g and time_step_max %g: need 0 < min <= max", c.StepMin, c.StepMax)
	}
	return err
}
