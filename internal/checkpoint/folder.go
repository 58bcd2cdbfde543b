// Package checkpoint reads and writes model folders in the layout of Hugging Face: config.json, the weights in one
// model.safetensors or in shards that model.safetensors.index.json names, tokenizer.json, and beside them our own
// card.json, which says where the model comes from.
package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/archbench/archbench/internal/safetensors"
)

// The files of a model folder.
const (
	ConfigFile    = "config.json"
	WeightsFile   = "model.safetensors"
	IndexFile     = "model.safetensors.index.json"
	TokenizerFile = "tokenizer.json"
	CardFile      = "card.json"
)

// Folder is an open model folder. Its methods may be called concurrently, Close aside. It is a source of weights in
// the sense of package nn.
type Folder struct {
	dir    string
	config []byte
	files  []*safetensors.File
	where  map[string]*safetensors.File
}

// Open reads config.json and maps the weights. What the tensors mean is checked by the architecture; here they must
// be complete and agree with the index. The error wraps [fs.ErrNotExist] where a file is missing.
func Open(dir string) (*Folder, error) {
	config, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return nil, fmt.Errorf("open checkpoint %s: a model folder needs %s and weights: %w", dir, ConfigFile, err)
	}
	if !json.Valid(config) {
		return nil, fmt.Errorf("open checkpoint %s: %s is not valid JSON", dir, ConfigFile)
	}
	f := &Folder{dir: dir, config: config, where: map[string]*safetensors.File{}}
	if err := f.openWeights(); err != nil {
		_ = f.Close() // the first error counts
		return nil, fmt.Errorf("open checkpoint %s: %w", dir, err)
	}
	return f, nil
}

// openWeights opens the single file, or else the shards.
func (f *Folder) openWeights() error {
	_, err := os.Stat(filepath.Join(f.dir, WeightsFile))
	if err == nil {
		return f.openFile(WeightsFile)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := os.ReadFile(filepath.Join(f.dir, IndexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("holds neither %s nor %s (weights in another format must be saved as safetensors first): %w", WeightsFile, IndexFile, fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	index, err := parseIndex(text)
	if err != nil {
		return fmt.Errorf("%s: %w", IndexFile, err)
	}
	for _, name := range index.files() {
		if err := f.openFile(name); err != nil {
			return err
		}
	}
	return f.checkIndex(index)
}

// openFile maps one file of weights.
func (f *Folder) openFile(name string) error {
	file, err := safetensors.Open(filepath.Join(f.dir, name))
	if err != nil {
		return err
	}
	f.files = append(f.files, file)
	for _, tensor := range file.Names() {
		if other, ok := f.where[tensor]; ok {
			return fmt.Errorf("tensor %q is in two shards, %s and %s", tensor, filepath.Base(other.Path()), name)
		}
		f.where[tensor] = file
	}
	return nil
}

// Close unmaps the weights. Slices that were handed out must not be used afterwards.
func (f *Folder) Close() error {
	var errs []error
	for _, file := range f.files {
		errs = append(errs, file.Close())
	}
	f.files, f.where = nil, nil
	return errors.Join(errs...)
}

// Dir is the path that the folder was opened by.
func (f *Folder) Dir() string { return f.dir }

// Config returns the bytes of config.json.
func (f *Folder) Config() []byte { return slices.Clone(f.config) }

// Names lists all tensors, file by file in the order of their data.
func (f *Folder) Names() []string {
	var names []string
	for _, file := range f.files {
		names = append(names, file.Names()...)
	}
	return names
}

// Info describes the tensor of that name.
func (f *Folder) Info(name string) (safetensors.Info, bool) {
	file, ok := f.where[name]
	if !ok {
		return safetensors.Info{}, false
	}
	return file.Info(name)
}

// Shape of the tensor of that name. It must not be written.
func (f *Folder) Shape(name string) ([]int, bool) {
	info, ok := f.Info(name)
	return info.Shape, ok
}

// ReadRows widens rows [lo, hi) of the tensor, seen as [shape[0], the rest], into dst. A scalar is one row.
func (f *Folder) ReadRows(name string, lo, hi int, dst []float32) error {
	file, ok := f.where[name]
	if !ok {
		return fmt.Errorf("checkpoint %s has no tensor %q", f.dir, name)
	}
	return file.ReadRows(name, lo, hi, dst)
}

// Float32s returns a tensor that is stored as aligned float32 in the file's own memory, else nil. It is valid until
// Close and must not be written.
func (f *Folder) Float32s(name string) []float32 {
	if file, ok := f.where[name]; ok {
		return file.Float32s(name)
	}
	return nil
}

// BF16s is Float32s for bfloat16.
func (f *Folder) BF16s(name string) []uint16 {
	if file, ok := f.where[name]; ok {
		return file.BF16s(name)
	}
	return nil
}

// ReleasePages tells the system that the tensor's memory is not needed for now, after it was converted to another
// form.
func (f *Folder) ReleasePages(name string) {
	if file, ok := f.where[name]; ok {
		file.ReleasePages(name)
	}
}
