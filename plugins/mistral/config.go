package main

import (
	"errors"
	"fmt"

	"github.com/archbench/archbench/internal/config"
)

// Config is config.json under Hugging Face's names.
type Config struct {
	ModelType    string     `json:"model_type"`
	Vocab        int        `json:"vocab_size"`
	Dim          int        `json:"hidden_size"`
	Layers       int        `json:"num_hidden_layers"`
	Heads        int        `json:"num_attention_heads"`
	KVHeads      int        `json:"num_key_value_heads"`
	HeadDim      int        `json:"head_dim"`
	Inner        int        `json:"intermediate_size"`
	MaxPositions int        `json:"max_position_embeddings"` // what it was made for; positions are computed, so no limit
	Window       *int       `json:"sliding_window"`          // keys that a query sees, its own included; null: all
	WindowCompat string     `json:"window_compat,omitempty"` // "hf_legacy": one key more
	Theta        float64    `json:"rope_theta"`
	Eps          float64    `json:"rms_norm_eps"`
	Activation   string     `json:"hidden_act"`
	InitStd      float64    `json:"initializer_range"`
	Tied         bool       `json:"tie_word_embeddings"`
	BOS          config.IDs `json:"bos_token_id"`
	EOS          config.IDs `json:"eos_token_id"`
	UseFlash     bool       `json:"use_flash_attention"` // tiled attention; the naive form gives the same result
}

// hfLegacy is the value of window_compat that reproduces releases of transformers whose mask let W+1 keys through.
const hfLegacy = "hf_legacy"

// parseConfig reads and validates config.json; the reader knows its warnings and its other keys.
func parseConfig(data []byte, options map[string]string) (Config, *config.Reader, error) {
	window := 4096
	c := Config{
		ModelType: "mistral", Vocab: 32000, Dim: 4096, Layers: 32, Heads: 32, Inner: 14336, MaxPositions: 32768,
		Window: &window, Theta: 1e4, Eps: 1e-6, Activation: "silu", InitStd: 0.02, BOS: config.IDs{1}, EOS: config.IDs{2},
		UseFlash: true,
	}
	r, err := config.Parse(data, options)
	if err != nil {
		return c, nil, err
	}
	config.Read(r, &c.ModelType, "model_type")
	config.Read(r, &c.Vocab, "vocab_size")
	config.Read(r, &c.Layers, "num_hidden_layers", "num_layers", "n_layer")
	config.Read(r, &c.Dim, "hidden_size", "n_embd")
	config.Read(r, &c.Inner, "intermediate_size", "n_inner")
	config.Read(r, &c.MaxPositions, "max_position_embeddings", "n_positions")
	config.Read(r, &c.Eps, "rms_norm_eps")
	config.Read(r, &c.Activation, "hidden_act", "activation_function")
	config.Read(r, &c.InitStd, "initializer_range")
	config.Read(r, &c.Tied, "tie_word_embeddings")
	config.Read(r, &c.UseFlash, "use_flash_attention")
	config.ReadIDs(r, &c.BOS, c.Vocab, "bos_token_id")
	config.ReadIDs(r, &c.EOS, c.Vocab, "eos_token_id")
	c.readHeads(r)
	ropeErr := c.readRoPE(r)
	restriction := c.readWindow(r)
	r.Known(inert...)
	for _, err := range []error{r.Err(), ropeErr, c.Validate()} {
		if err != nil {
			return c, nil, err
		}
	}
	return c, r, c.restrict(restriction)
}

// inert are keys that change nothing here: they act in training, in other norms than this model's, or in how another
// program holds the model.
var inert = []string{
	"architectures", "attention_dropout", "dropout", "dtype", "gradient_checkpointing", "layer_norm_eps",
	"output_attentions", "output_hidden_states", "pad_token_id", "torch_dtype", "transformers_version", "use_cache",
}

// readHeads reads the heads, whose defaults depend on each other: as many key heads as query heads, each of d/H.
func (c *Config) readHeads(r *config.Reader) {
	config.Read(r, &c.Heads, "num_attention_heads", "n_head")
	c.KVHeads = c.Heads
	config.Read(r, &c.KVHeads, "num_key_value_heads", "num_kv_heads")
	c.HeadDim = 0
	if c.Heads > 0 && c.Dim%c.Heads == 0 {
		c.HeadDim = c.Dim / c.Heads
	}
	config.Read(r, &c.HeadDim, "head_dim")
}

// readRoPE reads the base of the rotations and refuses those that are scaled.
func (c *Config) readRoPE(r *config.Reader) error {
	config.Read(r, &c.Theta, "rope_theta", "rope_parameters.rope_theta")
	kind := "default"
	config.Read(r, &kind, "rope_parameters.rope_type")
	var scaling map[string]any
	config.Read(r, &scaling, "rope_scaling")
	switch {
	case kind != "default":
		return fmt.Errorf("rope_parameters.rope_type is %q: only the default rotations are served", kind)
	case len(scaling) > 0:
		return errors.New("rope_scaling is set: only unscaled rotations are served")
	}
	return nil
}

// readWindow reads the window, where null is none, and the restriction that a user may put on it.
func (c *Config) readWindow(r *config.Reader) (restriction *int) {
	if r.Has("sliding_window") {
		c.Window = nil
	}
	config.Read(r, &c.Window, "sliding_window")
	config.Read(r, &c.WindowCompat, "window_compat")
	config.Read(r, &restriction, "sliding_window_size")
	return restriction
}

// restrict narrows the window: attention over fewer keys than a model was made for is still well defined, over more
// it is not.
func (c *Config) restrict(window *int) error {
	if window == nil {
		return nil
	}
	most, key := c.MaxPositions, "max_position_embeddings"
	if c.Window != nil {
		most, key = *c.Window, "sliding_window"
	}
	if *window < 1 || *window > most {
		return fmt.Errorf("sliding_window_size is %d, must be from 1 to %s %d", *window, key, most)
	}
	c.Window = window
	return nil
}

// keys is the number of keys that a query sees; 0: all.
func (c Config) keys() int {
	switch {
	case c.Window == nil:
		return 0
	case c.WindowCompat == hfLegacy:
		return *c.Window + 1
	default:
		return *c.Window
	}
}

// Validate checks that the sizes fit together.
func (c Config) Validate() error {
	sizes := config.Sizes{
		{"vocab_size", c.Vocab}, {"hidden_size", c.Dim}, {"num_hidden_layers", c.Layers}, {"num_attention_heads", c.Heads},
		{"num_key_value_heads", c.KVHeads}, {"intermediate_size", c.Inner},
	}
	if err := sizes.Check(); err != nil {
		return err
	}
	switch {
	case c.ModelType != "mistral":
		return fmt.Errorf("model_type is %q, this plugin serves %q", c.ModelType, "mistral")
	case c.MaxPositions < 1:
		return fmt.Errorf("max_position_embeddings is %d, must be at least 1", c.MaxPositions)
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("num_attention_heads %d is no multiple of num_key_value_heads %d", c.Heads, c.KVHeads)
	case c.HeadDim == 0:
		return fmt.Errorf("hidden_size %d is no multiple of num_attention_heads %d: set head_dim", c.Dim, c.Heads)
	case c.HeadDim < 2 || c.HeadDim%2 != 0:
		return fmt.Errorf("head_dim is %d, must be even: rotations act on pairs", c.HeadDim)
	case c.Window != nil && *c.Window < 1:
		return fmt.Errorf("sliding_window is %d, must be at least 1, or null for none", *c.Window)
	case c.WindowCompat != "" && c.WindowCompat != hfLegacy:
		return fmt.Errorf("window_compat is %q, must be %q or absent", c.WindowCompat, hfLegacy)
	case c.Theta <= 0:
		return fmt.Errorf("rope_theta is %g, must be positive", c.Theta)
	case c.Eps <= 0:
		return fmt.Errorf("rms_norm_eps is %g, must be positive", c.Eps)
	case c.Activation != "silu":
		return fmt.Errorf("hidden_act is %q, must be silu: the MLP is a SwiGLU", c.Activation)
	case c.InitStd <= 0:
		return fmt.Errorf("initializer_range is %g, must be positive", c.InitStd)
	}
	return nil
}
