package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Files returns the files of the tokenizer that [Open] opens at path, under the names that make it the tokenizer of any model
// folder that they are put into.
func Files(path string) (map[string][]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read tokenizer: %w", err)
	}
	dir, name := path, ""
	if !info.IsDir() {
		dir, name = filepath.Split(path)
	}
	for _, f := range forms {
		if name != "" && slices.Contains(f.needs, name) || name == "" && f.in(dir) {
			return f.files(dir)
		}
	}
	if name == "" {
		return nil, fmt.Errorf("read tokenizer %s: %w", path, ErrMissing)
	}
	data, err := read(path)
	return map[string][]byte{"tokenizer.json": data}, err
}

// in reports whether a folder has a file that the form needs.
func (f form) in(dir string) bool {
	return slices.ContainsFunc(f.needs, func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, name))
		return err == nil
	})
}

// files reads those files of the form that a folder has.
func (f form) files(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range slices.Concat(f.needs, f.takes) {
		data, err := read(filepath.Join(dir, name))
		switch {
		case err == nil:
			files[name] = data
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return files, nil
}
