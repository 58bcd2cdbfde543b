package suite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/archbench/archbench/suites"
)

// Load reads a suite: a path that ends in .yaml, or the name of one that ships with archbench. Suites that it
// includes are looked for beside it first, then among those that ship.
func Load(name string) (*Suite, error) { return load(name, "", nil) }

// Names lists the suites that ship with archbench.
func Names() []string {
	files, err := fs.Glob(suites.FS, "*.yaml")
	if err != nil {
		return nil // the pattern is well-formed
	}
	for i := range files {
		files[i] = strings.TrimSuffix(files[i], ".yaml")
	}
	return files
}

// load reads a suite that those of the stack include; dir is the folder of the last of them.
func load(name, dir string, stack []string) (*Suite, error) {
	if slices.Contains(stack, name) {
		return nil, fmt.Errorf("suites include each other: %s", strings.Join(append(stack, name), " -> "))
	}
	file, dir, data, err := find(name, dir)
	if err != nil {
		return nil, err
	}
	stack = append(slices.Clone(stack), name)
	return parse(file, data, func(included string) (*Suite, error) { return load(included, dir, stack) })
}

// find reads the file of a suite and returns the folder in which what it includes is looked for first.
func find(name, dir string) (file, folder string, data []byte, err error) {
	if strings.HasSuffix(name, ".yaml") {
		data, err = os.ReadFile(name)
		if err != nil {
			err = fmt.Errorf("load suite: %w", err)
		}
		return name, filepath.Dir(name), data, err
	}
	if dir != "" {
		beside := filepath.Join(dir, name+".yaml")
		if data, err = os.ReadFile(beside); !errors.Is(err, fs.ErrNotExist) {
			return beside, dir, data, err
		}
	}
	data, err = suites.FS.ReadFile(name + ".yaml")
	if err != nil {
		err = fmt.Errorf("unknown suite %q: there are %s; a suite of your own is named by its path, ending in .yaml",
			name, strings.Join(Names(), ", "))
	}
	return "suites/" + name + ".yaml", dir, data, err
}
