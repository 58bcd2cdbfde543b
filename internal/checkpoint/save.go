package checkpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/safetensors"
)

// Save writes model.safetensors, then config.json into dir, each under a temporary name followed by a rename. It makes
// the folder if needed, and removes it again if nothing could be written.
func Save(dir string, config []byte, tensors []safetensors.Tensor) (err error) {
	_, statErr := os.Stat(dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	if os.IsNotExist(statErr) {
		defer func() {
			if err != nil {
				_ = os.Remove(dir) // fails, as intended, unless the folder is empty
			}
		}()
	}
	if err := safetensors.Write(filepath.Join(dir, WeightsFile), tensors, writtenBy); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	if err := atomicfile.WriteBytes(filepath.Join(dir, ConfigFile), config); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	return nil
}

// writtenBy is the metadata that Hugging Face transformers requires.
var writtenBy = map[string]string{"format": "pt"}

// storedAs is a tensor's type in a checkpoint converted to the given precision. Matrices named "….weight" take that
// precision; vectors, convolutions and free parameters such as A_log stay float32, because they are tiny and some of
// them are exponents.
func storedAs(name string, shape []int, dtype safetensors.DType) safetensors.DType {
	if len(shape) == 2 && strings.HasSuffix(name, ".weight") {
		return dtype
	}
	return safetensors.F32
}
