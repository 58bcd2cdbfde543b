package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/nn"
)

// Config is config.json with Hugging Face's keys.
type Config struct {
	ModelType   string            `json:"model_type"`
	Vocab       int               `json:"vocab_size"`
	Positions   int               `json:"n_positions"` // the context limit
	Dim         int               `json:"n_embd"`
	Layers      int               `json:"n_layer"`
	Heads       int               `json:"n_head"`
	Inner       int               `json:"n_inner"`
	Activation  config.Activation `json:"activation_function"`
	Eps         float64           `json:"layer_norm_epsilon"`
	InitStd     float64           `json:"initializer_range"`
	Scale       bool              `json:"scale_attn_weights"`              // divide scores by √dim
	ScaleByInv  bool              `json:"scale_attn_by_inverse_layer_idx"` // and by the layer's number, from 1
	Tied        bool              `json:"tie_word_embeddings"`
	BOS         config.IDs        `json:"bos_token_id"`
	EOS         config.IDs        `json:"eos_token_id"`
	UseFlash    bool              `json:"use_flash_attention"` // tiled attention; the naive form gives the same result
	CrossAttend bool              `json:"add_cross_attention"` // must be false

	// Dropout rates in training. Absent rates are 0, whatever the library that wrote the config would do.
	EmbedDrop     float64 `json:"embd_pdrop"`
	ResidualDrop  float64 `json:"resid_pdrop"`
	AttentionDrop float64 `json:"attn_pdrop"` // must be 0 in training
}

// parseConfig reads and validates config.json. The reader holds its warnings and other keys.
func parseConfig(data []byte, options map[string]string) (Config, *config.Reader, error) {
	c := Config{
		ModelType: "gpt2", Vocab: 50257, Positions: 1024, Dim: 768, Layers: 12, Heads: 12, Activation: "gelu_new", Eps: 1e-5,
		InitStd: 0.02, Scale: true, Tied: true, BOS: config.IDs{50256}, EOS: config.IDs{50256}, UseFlash: true,
	}
	r, err := config.Parse(data, options)
	if err != nil {
		return c, nil, err
	}
	config.ReadAll(r, &c)
	config.ReadRelics(r, &c.Positions, []string{"n_positions", "max_position_embeddings"}, "n_ctx")
	config.Read(r, &c.Dim, "n_embd", "hidden_size")
	config.ReadRelics(r, &c.Layers, []string{"n_layer", "num_hidden_layers"}, "num_layers")
	config.Read(r, &c.Heads, "n_head", "num_attention_heads")
	c.Inner = 4 * c.Dim
	config.ReadRelics(r, &c.Inner, []string{"n_inner"}, "intermediate_size")
	config.ReadRelics(r, &c.Activation, []string{"activation_function"}, "hidden_act")
	config.ReadRelics(r, &c.Eps, []string{"layer_norm_epsilon"}, "layer_norm_eps")
	config.ReadRelics(r, &c.EmbedDrop, []string{"embd_pdrop"}, "dropout")
	config.ReadRelics(r, &c.ResidualDrop, []string{"resid_pdrop"}, "dropout")
	config.ReadRelics(r, &c.AttentionDrop, []string{"attn_pdrop"}, "attention_dropout")
	config.ReadIDs(r, c.Vocab, &c.BOS, &c.EOS)
	r.Known(inert...)
	return c, r, cmp.Or(r.Err(), c.Validate())
}

// inert are keys without effect here: they concern training, tasks other than language modelling, or how another program
// stores the model. Scores are always float32, which is what reorder_and_upcast_attn asks for.
var inert = []string{
	"architectures", "dtype", "gradient_checkpointing", "output_attentions", "output_hidden_states", "pad_token_id",
	"reorder_and_upcast_attn",
	"summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
	"task_specific_params", "torch_dtype", "transformers_version", "use_cache",
}

// activations are the values of activation_function.
var activations = map[config.Activation]nn.Activation{
	"gelu_new": nn.GELUNew, "gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU,
}

// Validate checks that the settings are served and consistent.
func (c Config) Validate() error {
	err := cmp.Or(
		config.Sizes{
			{"vocab_size", c.Vocab}, {"n_positions", c.Positions}, {"n_embd", c.Dim}, {"n_layer", c.Layers}, {"n_head", c.Heads},
			{"n_inner", c.Inner},
		}.Check(),
		config.Positive{{"layer_norm_epsilon", c.Eps}, {"initializer_range", c.InitStd}}.Check(),
		config.Rates{{"embd_pdrop", c.EmbedDrop}, {"resid_pdrop", c.ResidualDrop}, {"attn_pdrop", c.AttentionDrop}}.Check(),
	)
	_, known := activations[c.Activation]
	switch {
	case err != nil:
		return err
	case c.ModelType != "gpt2":
		return fmt.Errorf("model_type is %q, this plugin serves %q", c.ModelType, "gpt2")
	case c.Dim%c.Heads != 0:
		return fmt.Errorf("n_embd %d is not a multiple of n_head %d", c.Dim, c.Heads)
	case !known:
		return fmt.Errorf("activation_function is %q, must be one of %s", c.Activation, slices.Sorted(maps.Keys(activations)))
	case c.CrossAttend:
		return errors.New("add_cross_attention is set: encoder-decoder models are not served")
	}
	return nil
}
