package checkpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/safetensors"
)

// Tensor is a tensor to be saved.
type Tensor struct {
	Name  string
	Shape []int
	DType safetensors.DType
	// ReadRows writes rows [lo, hi) of the tensor, seen as [Shape[0], the rest], into dst.
	ReadRows func(lo, hi int, dst []float32) error
}

// Save writes config.json and model.safetensors into dir, each by a temporary name and a rename, the weights first.
// The folder is made if it is not there and removed again if nothing could be written into it.
func Save(dir string, config []byte, tensors []Tensor) (err error) {
	list := make([]safetensors.Tensor, len(tensors))
	for i, t := range tensors {
		list[i] = safetensors.Tensor{Name: t.Name, DType: t.DType, Shape: t.Shape, ReadRows: t.ReadRows}
	}
	_, statErr := os.Stat(dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	if os.IsNotExist(statErr) {
		defer func() {
			if err != nil {
				_ = os.Remove(dir) // fails, as it should, unless the folder is empty
			}
		}()
	}
	if err := safetensors.Write(filepath.Join(dir, WeightsFile), list, writtenBy); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	if err := atomicfile.WriteBytes(filepath.Join(dir, ConfigFile), config); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	return nil
}

// writtenBy is the metadata without which Hugging Face transformers refuses a file.
var writtenBy = map[string]string{"format": "pt"}

// StoredAs is the type that a tensor gets in a checkpoint converted to the given precision: matrices named "….weight"
// take it; vectors, convolutions and free parameters such as A_log stay float32, since they are tiny and some of them
// are exponents.
func StoredAs(name string, shape []int, dtype safetensors.DType) safetensors.DType {
	if len(shape) == 2 && strings.HasSuffix(name, ".weight") {
		return dtype
	}
	return safetensors.F32
}
