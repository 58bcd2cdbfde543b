// Package checkpoint reads and writes model folders in Hugging Face's layout: config.json, the weights in one
// model.safetensors or in shards listed by model.safetensors.index.json, and tokenizer.json. It adds card.json, which
// says where the model comes from.
package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/archbench/archbench/internal/regularfile"
	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/internal/strictjson"
)

// The files of a model folder.
const (
	ConfigFile    = "config.json"
	WeightsFile   = "model.safetensors"
	IndexFile     = "model.safetensors.index.json"
	TokenizerFile = "tokenizer.json"
	CardFile      = "card.json"
)

// Folder is an open model folder. All methods except Close are safe for concurrent use. It implements nn's source of
// weights.
type Folder struct {
	dir    string
	config []byte
	index  index // nil for a single file
	files  []*safetensors.File
	where  map[string]*safetensors.File
}

// Open reads config.json and maps the weights. It does not check which tensors there are; the architecture does. If a
// file is missing, the error wraps [fs.ErrNotExist] and says what the folder holds instead.
func Open(dir string) (*Folder, error) {
	config, err := ReadConfig(dir)
	if err != nil {
		return nil, fmt.Errorf("open checkpoint %s: %w", dir, err)
	}
	if err := refusePacked(config); err != nil {
		return nil, fmt.Errorf("open checkpoint %s: %w", dir, err)
	}
	f := &Folder{dir: dir, config: config, where: map[string]*safetensors.File{}}
	if err := f.openWeights(); err != nil {
		_ = f.Close() // the first error counts
		return nil, fmt.Errorf("open checkpoint %s: %w", dir, err)
	}
	return f, nil
}

// ReadConfig returns the folder's config.json as standard JSON; see [strictjson.Standard].
func ReadConfig(dir string) ([]byte, error) {
	config, err := readJSON(dir, ConfigFile, maxSettings)
	if isMissing(err) {
		return nil, missing("a model folder needs " + ConfigFile + " and weights: " + instead(dir))
	}
	return config, err
}

// Size limits, in bytes, of files that are read whole.
const (
	maxSettings  = 16 << 20  // config.json and the like
	maxIndex     = 256 << 20 // a million tensors with long names
	maxCompanion = 1 << 30   // files that a conversion copies
)

// readJSON returns a JSON file of the folder in standard form.
func readJSON(dir, name string, limit int64) ([]byte, error) {
	data, err := regularfile.Read(filepath.Join(dir, name), limit)
	if err != nil {
		return nil, err
	}
	text, err := strictjson.Standard(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

// isMissing reports whether err means that a file is not there. This includes a path below a file.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// openWeights opens the single file, else the shards.
func (f *Folder) openWeights() error {
	_, err := os.Lstat(filepath.Join(f.dir, WeightsFile))
	if err == nil {
		return f.openFile(WeightsFile)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := readJSON(f.dir, IndexFile, maxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return missing("holds neither " + WeightsFile + " nor " + IndexFile + ": " + instead(f.dir))
	}
	if err != nil {
		return err
	}
	if f.index, err = parseIndex(text); err != nil {
		return fmt.Errorf("%s: %w", IndexFile, err)
	}
	for _, name := range f.index.files() {
		if err := f.openFile(name); err != nil {
			return err
		}
	}
	return nil
}

// openFile maps one weights file.
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

// Shared returns the stored tensor of each name that save_model of the safetensors library has left out, because the
// tensor has another name too, as a tied head has. The metadata says so.
func (f *Folder) Shared() map[string]string {
	shared := map[string]string{}
	for _, file := range f.files {
		for name, stored := range file.Metadata() {
			if f.where[name] == nil && f.where[stored] != nil {
				shared[name] = stored
			}
		}
	}
	return shared
}

// Close unmaps the weights. Slices returned earlier must not be used afterwards.
func (f *Folder) Close() error {
	var errs []error
	for _, file := range f.files {
		errs = append(errs, file.Close())
	}
	f.files, f.where = nil, nil
	return errors.Join(errs...)
}

// Dir is the path the folder was opened with.
func (f *Folder) Dir() string { return f.dir }

// Config returns config.json as standard JSON.
func (f *Folder) Config() []byte { return slices.Clone(f.config) }

// Names lists all tensors, file by file in data order.
func (f *Folder) Names() []string {
	var names []string
	for _, file := range f.files {
		names = append(names, file.Names()...)
	}
	return names
}

// fileOf returns the file that holds the named tensor, or one without tensors.
func (f *Folder) fileOf(name string) *safetensors.File {
	return cmp.Or(f.where[name], noTensors)
}

var noTensors = &safetensors.File{}

// Info describes the named tensor.
func (f *Folder) Info(name string) (safetensors.Info, bool) { return f.fileOf(name).Info(name) }

// Shape returns the named tensor's shape. It must not be written.
func (f *Folder) Shape(name string) ([]int, bool) {
	info, ok := f.Info(name)
	return info.Shape, ok
}

// Absence says what is known about a tensor missing from the folder, or "". An index may name tensors that a model does
// without, such as a head tied to the embedding.
func (f *Folder) Absence(name string) string {
	if _, held := f.where[name]; held {
		return ""
	}
	if file, ok := f.index[name]; ok {
		return fmt.Sprintf("%s names it in %s, which does not hold it", IndexFile, file)
	}
	return notedPacking(f.dir)
}

// NonFinite counts the values in rows [lo, hi) of a floating-point tensor, seen as [shape[0], the rest], that are
// infinite or NaN as float32. It also returns the index of the first such value in the whole tensor.
func (f *Folder) NonFinite(name string, lo, hi int) (count, first int) {
	return f.fileOf(name).NonFinite(name, lo, hi)
}

// ReadRows widens rows [lo, hi) of the tensor, seen as [shape[0], the rest], into dst. A scalar is one row.
func (f *Folder) ReadRows(name string, lo, hi int, dst []float32) error {
	file, ok := f.where[name]
	if !ok {
		return fmt.Errorf("checkpoint %s has no tensor %q", f.dir, name)
	}
	return file.ReadRows(name, lo, hi, dst)
}

// Float32s returns a tensor stored as aligned float32 in the file's own memory, else nil. The slice is valid until
// Close and must not be written.
func (f *Folder) Float32s(name string) []float32 { return f.fileOf(name).Float32s(name) }

// BF16s is like Float32s for bfloat16.
func (f *Folder) BF16s(name string) []uint16 { return f.fileOf(name).BF16s(name) }

// ReleasePages tells the system that the tensor's memory is not needed for now, typically after conversion.
func (f *Folder) ReleasePages(name string) { f.fileOf(name).ReleasePages(name) }
