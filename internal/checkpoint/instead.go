package checkpoint

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/signature"
)

// missing reports that the folder lacks a file. It is an [fs.ErrNotExist].
type missing string

// Error implements error.
func (m missing) Error() string { return string(m) }

// Is matches [fs.ErrNotExist].
func (missing) Is(target error) bool { return target == fs.ErrNotExist }

// instead says what a folder without a complete model holds instead, and what to do about it.
func instead(dir string) string {
	stat, err := os.Stat(dir)
	switch {
	case err != nil:
		return "there is no such folder"
	case !stat.IsDir():
		return "this is a file: name the folder that holds it"
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, look := range []func(dir string, names []string) string{adapter, shardsAlone, otherWeights, otherSafetensors, folderBelow} {
		if found := look(dir, names); found != "" {
			return found
		}
	}
	switch {
	case len(names) == 0:
		return "it is empty"
	case slices.Contains(names, WeightsFile):
		return "it has " + WeightsFile + " alone: take " + ConfigFile + " from where the weights are from"
	}
	return "it holds no weights"
}

// adapter finds a LoRA adapter.
func adapter(_ string, names []string) string {
	if !slices.Contains(names, "adapter_config.json") {
		return ""
	}
	return "it holds an adapter (LoRA), not a model: merge it into its base with peft's merge_and_unload, and save that"
}

// shardsAlone finds shards whose index is missing.
func shardsAlone(_ string, names []string) string {
	for _, name := range names {
		if ok, _ := filepath.Match("model-*-of-*.safetensors", name); ok && !slices.Contains(names, IndexFile) {
			return fmt.Sprintf("it has shards such as %s and no %s: fetch that as well", name, IndexFile)
		}
	}
	return ""
}

// foreign are file extensions of other weight formats.
var foreign = []string{".bin", ".pt", ".pth", ".ckpt", ".msgpack", ".h5", ".gguf", ".onnx", ".npz"}

// byTraining are names of files with those extensions that hold no weights.
var byTraining = []string{"training_args", "optimizer", "scheduler", "rng_state", "random_states", "scaler"}

// otherWeights finds weights in another format.
func otherWeights(dir string, names []string) string {
	for _, name := range names {
		isPrefix := func(start string) bool { return strings.HasPrefix(name, start) }
		if slices.Contains(foreign, filepath.Ext(name)) && !slices.ContainsFunc(byTraining, isPrefix) && !slices.Contains(names, WeightsFile) {
			if filepath.Ext(name) == ".gguf" {
				return "its weights are in " + name + ", which is not read: take the safetensors of the same model"
			}
			return "its weights are in " + name + ", which is not read: " + strings.Replace(signature.ByExport, "DIR", dir, 1)
		}
	}
	return ""
}

// otherSafetensors finds weights under another name.
func otherSafetensors(_ string, names []string) string {
	for _, name := range names {
		switch {
		case filepath.Ext(name) != ".safetensors" || name == WeightsFile || slices.Contains(names, IndexFile):
		case strings.HasPrefix(name, "consolidated"):
			return name + " has the tensors under other names than those of Hugging Face: take " + WeightsFile + " of the same model"
		default:
			return "it has " + name + ": if that is the whole model, call it " + WeightsFile
		}
	}
	return ""
}

// folderBelow finds a model one or two levels down, as in download caches.
func folderBelow(dir string, _ []string) string {
	for _, pattern := range []string{"*/", "*/*/"} {
		found, _ := fs.Glob(os.DirFS(dir), pattern+ConfigFile) // cannot fail: the pattern is well-formed
		if len(found) > 0 {
			return "there is a model in " + filepath.Join(dir, filepath.Dir(found[0])) + ": name that folder"
		}
	}
	return ""
}
