package checkpoint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstead opens folders that hold something other than a model.
func TestInstead(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 37096\n"
	for _, c := range []struct {
		name, want string
		files      map[string]string
		found      bool // the files exist but have the wrong contents
	}{
		{"empty", "it is empty", nil, false},
		{"weights alone", "take config.json from where the weights are from", map[string]string{WeightsFile: ""}, false},
		{"config alone", "holds neither model.safetensors nor model.safetensors.index.json: it holds no weights", map[string]string{ConfigFile: "{}"}, false},
		{"adapter", "merge_and_unload", map[string]string{"adapter_config.json": "{}", "adapter_model.safetensors": ""}, false},
		{"PyTorch", `its weights are in pytorch_model.bin, which is not read: save it as safetensors with Python`, map[string]string{ConfigFile: "{}", "pytorch_model.bin": "", "training_args.bin": ""}, false},
		{"Flax", "flax_model.msgpack", map[string]string{ConfigFile: "{}", "flax_model.msgpack": ""}, false},
		{"Keras", "tf_model.h5", map[string]string{ConfigFile: "{}", "tf_model.h5": ""}, false},
		{"GGUF", "q4.gguf, which is not read: take the safetensors", map[string]string{"q4.gguf": ""}, false},
		{"state of training", "it holds no weights", map[string]string{ConfigFile: "{}", "optimizer.pt": "", "rng_state.pth": ""}, false},
		{"shards alone", "fetch that as well", map[string]string{ConfigFile: "{}", "model-00001-of-00002.safetensors": ""}, false},
		{"consolidated", "consolidated.safetensors has the tensors under other names", map[string]string{ConfigFile: "{}", "consolidated.safetensors": ""}, false},
		{"other name", "it has weights.safetensors: if that is the whole model, call it model.safetensors", map[string]string{ConfigFile: "{}", "weights.safetensors": ""}, false},
		{"cache", filepath.Join("snapshots", "1a2b") + ": name that folder", map[string]string{"snapshots/1a2b/config.json": "{}"}, false},
		{"pointer for weights", "model.safetensors is a Git LFS pointer, not the weights: git lfs pull", map[string]string{ConfigFile: "{}", WeightsFile: pointer}, true},
		{"pointer for a shard", "a.safetensors is a Git LFS pointer", map[string]string{ConfigFile: "{}", IndexFile: `{"weight_map":{"x":"a.safetensors"}}`, "a.safetensors": pointer}, true},
		{"pointer for the index", IndexFile + ": is a Git LFS pointer, not JSON: git lfs pull", map[string]string{ConfigFile: "{}", IndexFile: pointer}, true},
		{"pointer for the config", ConfigFile + ": is a Git LFS pointer", map[string]string{ConfigFile: pointer}, true},
		{"page for the config", ConfigFile + ": is a web page", map[string]string{ConfigFile: "<html></html>"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "[a]*") // special characters of patterns
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range c.files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
					t.Fatal(err)
				}
				put(t, dir, name, text)
			}
			_, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, fs.ErrNotExist) == c.found {
				t.Errorf("error %v, want %q; is ErrNotExist: %v", err, c.want, !c.found)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "f")
	put(t, filepath.Dir(file), "f", "")
	for path, want := range map[string]string{file: "this is a file", file + "x": "there is no such folder"} {
		if _, err := Open(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestRefusePacked(t *testing.T) {
	for config, want := range map[string]string{
		`{"quantization_config":{"quant_method":"gptq","bits":4}}`:                        "config.json has quantization_config (gptq, 4 bit): packed checkpoints are not served, save it dequantised",
		`{"quantization_config":{"quant_method":"awq","w_bit":4}}`:                        "(awq, 4 bit)",
		`{"quantization_config":{"quant_method":"bitsandbytes","load_in_8bit":true}}`:     "(bitsandbytes, 8 bit)",
		`{"quantization_config":{"load_in_4bit":true}}`:                                   "(method not named, 4 bit)",
		`{"quantization_config":{"quant_method":"fp8","weight_block_size":[128,128]}}`:    "(fp8, 8 bit)",
		`{"quantization_config":{"quant_method":"mxfp4"}}`:                                "(mxfp4, 4 bit)",
		`{"compression_config":{"config_groups":{"group_0":{"weights":{"num_bits":8}}}}}`: "has compression_config (method not named, 8 bit)",
		`{"quantization":{"group_size":64,"bits":4}}`:                                     "has quantization (method not named, 4 bit)",
		`{"quantization_config":{"quant_method":"hqq"}}`:                                  "(hqq)",
		`{"quantization_config":null}`:                                                    "", `{"quantization_config":{}}`: "", `{}`: "", `[]`: "", `{"quantization":"none"}`: "",
	} {
		err := refusePacked([]byte(config))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", config, err, want)
		}
	}
}

func TestNotedPacking(t *testing.T) {
	for note, want := range map[string]string{
		`quantize_config.json {"bits": 4, "group_size": 128}`: "quantize_config.json says that the weights are packed (gptq, 4 bit): packed checkpoints are not served, save it dequantised",
		`quant_config.json {"w_bit": 4, "version": "GEMM"}`:   "quant_config.json says that the weights are packed (awq, 4 bit)",
		`hf_quant_config.json {"quantization": {}}`:           "(modelopt)",
		`quant_config.json []`:                                "",
		`other.json {"bits": 4}`:                              "",
	} {
		dir := t.TempDir()
		name, text, _ := strings.Cut(note, " ")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		f := &Folder{dir: dir}
		if got := f.Absence("q_proj.weight"); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", note, got, want)
		}
	}
}
