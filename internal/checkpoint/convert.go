package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/regularfile"
	"github.com/archbench/archbench/internal/safetensors"
)

// companions are the files that a conversion copies unchanged.
var companions = []string{
	ConfigFile, TokenizerFile, "vocab.json", "merges.txt", "tokenizer.model", "vocab.txt", "added_tokens.json",
	"tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "README.md", "LICENSE",
}

// ErrNotEmpty reports that the destination folder already has contents.
var ErrNotEmpty = errors.New("is not empty")

// Convert writes the model folder src to the new folder dst, with its weights in dtype (F32, BF16 or F16; see
// storedAs), rounded to nearest even, in a single file. Tensors that are not floating-point keep their type. Config,
// tokenizer and card are copied; the card then names the source's weights. The folder appears only when complete, and
// the same source gives the same bytes. Values beyond dtype's range fail with an error that wraps a
// [safetensors.OverflowError]; values already infinite or NaN in the source are kept, with a warning.
func Convert(src, dst string, dtype safetensors.DType) (warnings []string, err error) {
	if dtype != safetensors.F32 && dtype != safetensors.BF16 && dtype != safetensors.F16 {
		return nil, fmt.Errorf("convert checkpoint: weights cannot be written as %q: use F32, BF16 or F16", dtype)
	}
	f, err := Open(src)
	if err != nil {
		return nil, fmt.Errorf("convert checkpoint: %w", err)
	}
	defer f.Close()
	if warnings, err = f.checkValues(); err == nil {
		err = newFolder(dst, func(dir string) error { return f.writeAs(dtype, dir) })
	}
	var overflow *safetensors.OverflowError
	if errors.As(err, &overflow) {
		err = overflow // without the temporary file's name
	}
	if err != nil {
		return nil, fmt.Errorf("convert checkpoint: %w", err)
	}
	return warnings, nil
}

// checkValues warns of non-finite values. It returns an error for F64 values too large for float32, the type that all
// weights are read as.
func (f *Folder) checkValues() (warnings []string, err error) {
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		rows, _ := info.Rows()
		n, _ := f.NonFinite(name, 0, rows)
		if n == 0 {
			continue
		}
		if over := f.where[name].Overflows(name); over > 0 {
			return nil, &safetensors.OverflowError{Tensors: []string{fmt.Sprintf("tensor %q: %d beyond F32", name, over)}}
		}
		warnings = append(warnings, fmt.Sprintf("tensor %q holds non-finite values, which stay so: %d of %d", name, n, info.Elements()))
	}
	return warnings, nil
}

// writeAs writes the converted folder into dir.
func (f *Folder) writeAs(dtype safetensors.DType, dir string) error {
	if err := safetensors.Write(filepath.Join(dir, WeightsFile), f.converted(dtype), f.metadata()); err != nil {
		return err
	}
	if err := f.copyCompanions(dir); err != nil {
		return err
	}
	return f.copyCard(dir)
}

// newFolder makes the folder dst with the files that fill writes into it, or nothing.
func newFolder(dst string, fill func(dir string) error) error {
	entries, err := os.ReadDir(dst)
	if len(entries) > 0 {
		return fmt.Errorf("%s %w: choose a new folder", dst, ErrNotEmpty)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dst = filepath.Clean(dst)
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dst), "."+filepath.Base(dst)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // nothing to remove after the rename
	if err := fill(tmp); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := os.Remove(dst); err != nil && !errors.Is(err, fs.ErrNotExist) { // make way: dst may be an empty folder
		return err
	}
	return os.Rename(tmp, dst)
}

// converted lists the tensors to write.
func (f *Folder) converted(dtype safetensors.DType) []safetensors.Tensor {
	var list []safetensors.Tensor
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		t := safetensors.Tensor{Name: name, DType: info.DType, Shape: info.Shape}
		if info.DType.Float() {
			t.DType = storedAs(name, info.Shape, dtype)
			t.ReadRows = func(lo, hi int, dst []float32) error { return f.convertRows(info, lo, hi, dst) }
		} else {
			t.Raw, _ = f.where[name].Raw(name)
		}
		list = append(list, t)
	}
	return list
}

// convertRows reads rows and releases the source's memory after the last one.
func (f *Folder) convertRows(info safetensors.Info, lo, hi int, dst []float32) error {
	err := f.ReadRows(info.Name, lo, hi, dst)
	if rows, _ := info.Rows(); hi == rows {
		f.ReleasePages(info.Name)
	}
	return err
}

// metadata returns the metadata of the first file, or that of the format's libraries if it has none.
func (f *Folder) metadata() map[string]string {
	if m := f.files[0].Metadata(); len(m) > 0 {
		return m
	}
	return writtenBy
}

// copyCompanions copies those companions that exist.
func (f *Folder) copyCompanions(dir string) error {
	for _, name := range companions {
		data, err := regularfile.Read(filepath.Join(f.dir, name), maxCompanion)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return nil
}

// copyCard copies the card and records which weights were converted, unless it already names earlier ones.
func (f *Folder) copyCard(dir string) error {
	card, err := f.Card()
	if card == nil || err != nil {
		return err
	}
	if card.SourceSHA256 == "" {
		if card.SourceSHA256, err = f.SHA256(); err != nil {
			return err
		}
	}
	return card.Write(dir)
}
