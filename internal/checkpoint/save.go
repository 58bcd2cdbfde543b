package checkpoint

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/safetensors"
)

// File is a further file of a saved folder.
type File struct {
	Name    string
	Content func(w io.Writer) error
}

// Save writes model.safetensors, config.json and further files into dir. All of them are complete under temporary names
// before the first is renamed, so on error what was there stays. It makes the folder if needed, and removes it again if
// nothing could be written.
func Save(dir string, config []byte, tensors []safetensors.Tensor, more ...File) (err error) {
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
	if err := saveAll(dir, config, tensors, more); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	return nil
}

func saveAll(dir string, config []byte, tensors []safetensors.Tensor, more []File) error {
	weights, err := safetensors.Encode(tensors, writtenBy)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(dir, WeightsFile), err)
	}
	var batch atomicfile.Batch
	defer batch.Discard()
	files := append([]File{{WeightsFile, weights}}, more...)
	for _, f := range append(files, File{ConfigFile, func(w io.Writer) error { _, err := w.Write(config); return err }}) {
		if err := batch.Add(filepath.Join(dir, f.Name), f.Content); err != nil {
			return err
		}
	}
	return batch.Commit()
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
