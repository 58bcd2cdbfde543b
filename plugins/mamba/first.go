package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/archbench/archbench/internal/config"
)

// The first published checkpoints have the config.json of mamba_ssm, the authors' own package: no model_type, different
// names, the arguments of a layer in ssm_cfg, and a vocabulary that is padded when the model is made. Such a config is
// rewritten as the Hugging Face config of the same model.

// keys are the members of a JSON object.
type keys map[string]json.RawMessage

// firstNames maps the keys of mamba_ssm to Hugging Face's.
var firstNames = map[string]string{
	"d_model": "hidden_size", "n_layer": "num_hidden_layers", "vocab_size": "vocab_size", "tie_embeddings": "tie_word_embeddings",
}

// layerNames maps the arguments of a layer, the keys of ssm_cfg, to Hugging Face's keys.
var layerNames = map[string]string{
	"d_state": "state_size", "d_conv": "conv_kernel", "expand": "expand", "dt_rank": "time_step_rank", "headdim": "head_dim",
	"ngroups": "n_groups", "dt_limit": "time_step_limit", "bias": "use_bias", "conv_bias": "use_conv_bias",
	"dt_min": "time_step_min", "dt_max": "time_step_max", "dt_init_floor": "time_step_floor", "dt_scale": "time_step_scale",
	"dt_init": "time_step_init_scheme",
}

// firstFixed maps keys of either kind to the only values that are served.
var firstFixed = map[string][]string{
	"attn_layer_idx": {"[]", "null"}, "d_intermediate": {"0"}, "rms_norm": {"true"}, // no attention, no MLP, no LayerNorm
	"D_has_hdim": {"false"}, "rmsnorm": {"true"}, "norm_before_gate": {"false"}, "d_ssm": {"null"},
}

// firstInert are keys of either kind without effect on a loaded model.
var firstInert = []string{
	"A_init_range", "attn_cfg", "chunk_size", "conv_init", "fused_add_norm", "layer", "pad_vocab_size_multiple", "residual_in_fp32",
	"ssm_cfg", "use_fast_path", "use_mem_eff_path",
}

// modernise rewrites a config of mamba_ssm with Hugging Face's names, and returns any other config unchanged.
func modernise(data []byte) ([]byte, error) {
	var first keys
	if json.Unmarshal(data, &first) != nil || first["model_type"] != nil || first["hidden_size"] != nil || first["d_model"] == nil {
		return data, nil // the config's parser reports the error
	}
	out, err := firstDefaults(data)
	if err != nil {
		return nil, err
	}
	var layer keys
	_ = json.Unmarshal(first["ssm_cfg"], &layer) // absent or an object, as firstDefaults has checked
	delete(first, "vocab_size")                  // firstDefaults has padded it
	if err := out.rename(layer, layerNames); err != nil {
		return nil, fmt.Errorf("ssm_cfg: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(layer)) {
		return nil, fmt.Errorf("ssm_cfg: argument %s of a layer is not served", key)
	}
	if err := out.rename(first, firstNames); err != nil {
		return nil, err
	}
	maps.Copy(out, first) // the remaining keys are unknown; the parser warns of them
	return json.Marshal(out)
}

// rename moves members of from under their new names, removes those without effect, and leaves unknown ones.
func (k keys) rename(from keys, names map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(from)) {
		served, fixed := firstFixed[key]
		switch {
		case names[key] != "":
			k[names[key]] = from[key]
		case fixed && !slices.Contains(served, string(bytes.TrimSpace(from[key]))):
			return fmt.Errorf("%s is %s, only %s is served", key, from[key], served[0])
		case !fixed && !slices.Contains(firstInert, key):
			continue
		}
		delete(from, key)
	}
	return nil
}

// firstDefaults returns mamba_ssm's defaults with Hugging Face's names, including the sizes derived from others. Documents
// start and end with token 0, as in the tokenizer of all these files.
func firstDefaults(data []byte) (keys, error) {
	r, err := config.Parse(data, nil)
	if err != nil {
		return nil, err
	}
	vocab, multiple, layer, dim, expand, headDim := 50277, 8, "Mamba1", 0, 2, 64
	config.Read(r, &vocab, "vocab_size")
	config.Read(r, &multiple, "pad_vocab_size_multiple")
	config.Read(r, &layer, "ssm_cfg.layer")
	config.Read(r, &dim, "d_model")
	config.Read(r, &expand, "ssm_cfg.expand")
	config.Read(r, &headDim, "ssm_cfg.headdim")
	if err := r.Err(); err != nil {
		return nil, err
	}
	sizes := config.Sizes{
		{"vocab_size", vocab}, {"pad_vocab_size_multiple", multiple}, {"d_model", dim}, {"expand", expand}, {"headdim", headDim},
	}
	if err := sizes.Check(); err != nil {
		return nil, err
	}
	settings := map[string]any{
		"model_type": "mamba", "vocab_size": (vocab + multiple - 1) / multiple * multiple, "num_hidden_layers": 64,
		"tie_word_embeddings": true, "bos_token_id": 0, "eos_token_id": 0,
	}
	switch layer {
	case "Mamba1":
	case "Mamba2":
		settings["model_type"], settings["state_size"], settings["n_groups"], settings["head_dim"] = "mamba2", 128, 1, 64
		settings["num_heads"] = expand * dim / headDim
	default:
		return nil, fmt.Errorf("ssm_cfg.layer is %q, must be Mamba1 or Mamba2", layer)
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	out := keys{}
	return out, json.Unmarshal(raw, &out)
}
