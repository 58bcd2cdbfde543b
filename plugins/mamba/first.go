package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/archbench/archbench/internal/config"
)

// The first published checkpoints have the config.json of mamba_ssm, the authors' own package: no model_type, other
// names, the arguments of a layer in ssm_cfg, and a vocabulary that is padded when the model is made. Such a config is
// rewritten as the Hugging Face config of the same model, and read as that.

// keys are the members of a JSON object.
type keys map[string]json.RawMessage

// firstNames are the keys of mamba_ssm by Hugging Face's.
var firstNames = map[string]string{
	"d_model": "hidden_size", "n_layer": "num_hidden_layers", "vocab_size": "vocab_size", "tie_embeddings": "tie_word_embeddings",
}

// layerNames are the arguments of a layer, the keys of ssm_cfg.
var layerNames = map[string]string{
	"d_state": "state_size", "d_conv": "conv_kernel", "expand": "expand", "dt_rank": "time_step_rank", "headdim": "head_dim",
	"ngroups": "n_groups", "dt_limit": "time_step_limit", "bias": "use_bias", "conv_bias": "use_conv_bias",
	"dt_min": "time_step_min", "dt_max": "time_step_max", "dt_init_floor": "time_step_floor", "dt_scale": "time_step_scale",
	"dt_init": "time_step_init_scheme",
}

// firstFixed are keys of both kinds with the values that are served.
var firstFixed = map[string][]string{
	"attn_layer_idx": {"[]", "null"}, "d_intermediate": {"0"}, "rms_norm": {"true"}, // no attention, no MLP, no LayerNorm
	"D_has_hdim": {"false"}, "rmsnorm": {"true"}, "norm_before_gate": {"false"}, "d_ssm": {"null"},
}

// firstInert are keys of both kinds that change nothing in a loaded model.
var firstInert = []string{
	"A_init_range", "attn_cfg", "chunk_size", "conv_init", "fused_add_norm", "layer", "pad_vocab_size_multiple", "residual_in_fp32",
	"ssm_cfg", "use_fast_path", "use_mem_eff_path",
}

// modernise returns a config of mamba_ssm under the names of Hugging Face, and any other as it is.
func modernise(data []byte) ([]byte, error) {
	var first keys
	if json.Unmarshal(data, &first) != nil || first["model_type"] != nil || first["hidden_size"] != nil || first["d_model"] == nil {
		return data, nil // the parser of the config reports what is wrong
	}
	out, err := firstDefaults(data)
	if err != nil {
		return nil, err
	}
	var layer keys
	_ = json.Unmarshal(first["ssm_cfg"], &layer) // absent, or an object: firstDefaults has looked into it
	delete(first, "vocab_size")                  // firstDefaults has padded it
	if err := out.rename(layer, layerNames); err != nil {
		return nil, fmt.Errorf("ssm_cfg: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(layer)) {
		return nil, fmt.Errorf("ssm_cfg: %s is no argument of a layer that is served", key)
	}
	if err := out.rename(first, firstNames); err != nil {
		return nil, err
	}
	maps.Copy(out, first) // what is left is unknown, and warned of
	return json.Marshal(out)
}

// rename moves members of from under their new names, drops those that change nothing, and leaves the unknown ones.
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

// firstDefaults are mamba_ssm's in Hugging Face's names, with the sizes that follow from others. Documents start and end
// with token 0, as in the tokenizer of all these files.
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
	out := keys{}
	for name, value := range settings {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		out[name] = raw
	}
	return out, nil
}
