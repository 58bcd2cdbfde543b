package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/config"
)

// Config is config.json with Hugging Face's keys.
type Config struct {
	ModelType    string            `json:"model_type"`
	Vocab        int               `json:"vocab_size"`
	Dim          int               `json:"hidden_size"`
	Layers       int               `json:"num_hidden_layers"`
	Heads        int               `json:"num_attention_heads"`
	KVHeads      int               `json:"num_key_value_heads"`
	HeadDim      int               `json:"head_dim"`
	Inner        int               `json:"intermediate_size"`
	MaxPositions int               `json:"max_position_embeddings"` // intended length; no limit, because positions are computed
	Window       *int              `json:"sliding_window"`          // keys that a query sees, including its own; null: all
	LayerTypes   []string          `json:"layer_types,omitempty"`   // which layers have the window; none: all
	WindowCompat string            `json:"window_compat,omitempty"` // "hf_legacy": one more key
	Theta        float64           `json:"rope_theta"`
	Scaling      *scaling          `json:"rope_scaling,omitempty"` // nil: rotations are not scaled
	Eps          float64           `json:"rms_norm_eps"`
	Activation   config.Activation `json:"hidden_act"`
	InitStd      float64           `json:"initializer_range"`
	Tied         bool              `json:"tie_word_embeddings"`
	AttnBias     bool              `json:"attention_bias,omitempty"` // on the projections of attention
	MLPBias      bool              `json:"mlp_bias,omitempty"`       // on the projections of the MLP
	BOS          config.IDs        `json:"bos_token_id"`
	EOS          config.IDs        `json:"eos_token_id"`
	UseFlash     bool              `json:"use_flash_attention"` // tiled attention; the naive form gives the same result
}

// hfLegacy is the value of window_compat for releases of transformers whose mask admitted W+1 keys.
const hfLegacy = "hf_legacy"

// The values of model_type.
const (
	typeMistral   = "mistral"
	typeMinistral = "ministral" // a Mistral with its window in some layers only
	typeLlama     = "llama"     // a Mistral without a window
)

var modelTypes = []string{typeMistral, typeMinistral, typeLlama}

// The values of layer_types.
const (
	fullAttention    = "full_attention"
	slidingAttention = "sliding_attention"
)

// defaults returns Hugging Face's defaults for a model type.
func defaults(modelType string) Config {
	window := 4096
	c := Config{
		ModelType: modelType, Vocab: 32000, Dim: 4096, Layers: 32, Heads: 32, Inner: 14336, MaxPositions: 32768,
		Window: &window, Theta: 1e4, Eps: 1e-6, Activation: "silu", InitStd: 0.02, BOS: config.IDs{1}, EOS: config.IDs{2},
		UseFlash: true,
	}
	if modelType == typeLlama {
		c.Inner, c.MaxPositions, c.Window = 11008, 2048, nil
	}
	return c
}

// parseConfig reads and validates config.json. The reader holds its warnings and other keys.
func parseConfig(data []byte, options map[string]string) (Config, *config.Reader, error) {
	r, err := config.Parse(data, options)
	if err != nil {
		return Config{}, nil, err
	}
	modelType := typeMistral
	config.Read(r, &modelType, "model_type")
	c := defaults(modelType)
	config.Read(r, &c.Vocab, "vocab_size")
	config.Read(r, &c.Layers, "num_hidden_layers", "num_layers", "n_layer")
	config.Read(r, &c.Dim, "hidden_size", "n_embd")
	config.Read(r, &c.Inner, "intermediate_size", "n_inner")
	config.Read(r, &c.MaxPositions, "max_position_embeddings", "n_positions")
	config.Read(r, &c.Eps, "rms_norm_eps")
	config.Read(r, &c.Activation, "hidden_act", "activation_function")
	config.Read(r, &c.InitStd, "initializer_range")
	config.Read(r, &c.Tied, "tie_word_embeddings")
	config.Read(r, &c.AttnBias, "attention_bias")
	config.Read(r, &c.MLPBias, "mlp_bias")
	config.Read(r, &c.UseFlash, "use_flash_attention")
	config.ReadIDs(r, c.Vocab, &c.BOS, &c.EOS)
	c.readHeads(r)
	c.readRotations(r)
	restriction := c.readWindow(r)
	r.Known(inert...)
	err = cmp.Or(r.Err(), c.Validate(), c.restrict(restriction))
	return c, r, err
}

// inert are keys without effect here: they concern training, other kinds of norm, or how another program stores the model.
var inert = []string{
	"architectures", "attention_dropout", "dropout", "dtype", "gradient_checkpointing", "is_llama_config", "layer_norm_eps",
	"output_attentions", "output_hidden_states", "pad_token_id", "pretraining_tp", "torch_dtype", "transformers_version", "use_cache",
}

// readHeads reads the heads. By default there are as many key heads as query heads, each of size d/H.
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

// readWindow reads the window, null for none, and the layers that have it, and returns the user's restriction of it. A llama
// has no window, so sliding_window has no effect.
func (c *Config) readWindow(r *config.Reader) (restriction *int) {
	config.Read(r, &restriction, "sliding_window_size")
	config.Read(r, &c.LayerTypes, "layer_types")
	if c.ModelType == typeLlama {
		var window *int
		if config.Read(r, &window, "sliding_window"); window != nil {
			r.Warn("sliding_window %d has no effect: models of type llama have no window (sliding_window_size restricts them)", *window)
		}
		return restriction
	}
	if r.Has("sliding_window") {
		c.Window = nil
	}
	config.Read(r, &c.Window, "sliding_window")
	config.Read(r, &c.WindowCompat, "window_compat")
	return restriction
}

// restrict narrows the windows of all layers. Attention is well defined over fewer keys than the model was trained with,
// but not over more.
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
	c.Window, c.LayerTypes = window, nil
	return nil
}

// slots returns the number of positions that each layer caches, 0 for all.
func (c Config) slots() []int {
	slots := make([]int, c.Layers)
	for l := range slots {
		slots[l] = c.keys(l)
	}
	return slots
}

// keys returns the number of keys that a query of a layer sees, 0 for all.
func (c Config) keys(layer int) int {
	switch {
	case c.Window == nil, c.LayerTypes != nil && c.LayerTypes[layer] == fullAttention:
		return 0
	case c.WindowCompat == hfLegacy:
		return *c.Window + 1
	default:
		return *c.Window
	}
}

// Validate checks that the settings are served and consistent.
func (c Config) Validate() error {
	err := cmp.Or(
		config.Sizes{
			{"vocab_size", c.Vocab}, {"hidden_size", c.Dim}, {"num_hidden_layers", c.Layers}, {"num_attention_heads", c.Heads},
			{"num_key_value_heads", c.KVHeads}, {"intermediate_size", c.Inner},
		}.Check(),
		config.Positive{{"rms_norm_eps", c.Eps}, {"initializer_range", c.InitStd}, {"rope_theta", c.Theta}}.Check(),
	)
	switch {
	case err != nil:
		return err
	case !slices.Contains(modelTypes, c.ModelType):
		return fmt.Errorf("model_type is %q, this plugin serves %s", c.ModelType, strings.Join(modelTypes, ", "))
	case c.MaxPositions < 1:
		return fmt.Errorf("max_position_embeddings is %d, must be at least 1", c.MaxPositions)
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("num_attention_heads %d is not a multiple of num_key_value_heads %d", c.Heads, c.KVHeads)
	case c.HeadDim == 0:
		return fmt.Errorf("hidden_size %d is not a multiple of num_attention_heads %d: set head_dim", c.Dim, c.Heads)
	case c.HeadDim < 2 || c.HeadDim%2 != 0:
		return fmt.Errorf("head_dim is %d, must be even: rotations act on pairs", c.HeadDim)
	case c.Window != nil && *c.Window < 1:
		return fmt.Errorf("sliding_window is %d, must be at least 1, or null for none", *c.Window)
	case c.WindowCompat != "" && c.WindowCompat != hfLegacy:
		return fmt.Errorf("window_compat is %q, must be %q or absent", c.WindowCompat, hfLegacy)
	case c.Activation != "silu":
		return fmt.Errorf("hidden_act is %q, must be silu: the MLP is a SwiGLU", c.Activation)
	}
	return cmp.Or(c.validateLayerTypes(), c.Scaling.validate())
}

// validateLayerTypes checks that the kind of attention of every layer is served.
func (c Config) validateLayerTypes() error {
	if c.LayerTypes != nil && len(c.LayerTypes) != c.Layers {
		return fmt.Errorf("layer_types has %d entries for %d layers (num_hidden_layers)", len(c.LayerTypes), c.Layers)
	}
	for l, kind := range c.LayerTypes {
		switch {
		case kind != fullAttention && kind != slidingAttention:
			return fmt.Errorf("layer_types[%d] is %q, must be %s or %s", l, kind, fullAttention, slidingAttention)
		case kind == slidingAttention && c.Window == nil:
			return fmt.Errorf("layer_types[%d] is %s, but there is no sliding_window", l, kind)
		}
	}
	return nil
}
