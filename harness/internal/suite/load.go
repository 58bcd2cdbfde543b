package suite

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/regularfile"
	"github.com/archbench/archbench/suites"
)

// Load reads a suite: a path ending in .yaml, or the name of a built-in suite. Included suites are looked up beside it
// first, then among the built-in ones.
func Load(name string) (*Suite, error) { return new(loader).load(name, "", nil) }

// loader reads a suite and its includes.
type loader struct{ read int }

// mostSuites limits how many suites one suite includes, directly and indirectly: a few files that each include the next
// one twice would make millions.
const mostSuites = 1000

// Names lists the built-in suites.
func Names() []string {
	files, err := fs.Glob(suites.FS, "*.yaml")
	if err != nil {
		return nil // cannot fail: the pattern is well-formed
	}
	for i := range files {
		files[i] = strings.TrimSuffix(files[i], ".yaml")
	}
	return files
}

// load reads a suite included by the suites on the stack; dir is the folder of the innermost.
func (l *loader) load(name, dir string, stack []string) (*Suite, error) {
	if l.read++; l.read > mostSuites {
		return nil, fmt.Errorf("more than %d suites are included, through each other", mostSuites)
	}
	if slices.Contains(stack, name) {
		return nil, fmt.Errorf("suites include each other: %s", strings.Join(append(stack, name), " -> "))
	}
	from, dir, err := find(name, dir)
	if err != nil {
		return nil, err
	}
	stack = append(slices.Clone(stack), name)
	return parse(from, func(included string) (*Suite, error) { return l.load(included, dir, stack) })
}

// find reads a suite's file and returns the folder in which its includes are looked up first.
func find(name, dir string) (from source, folder string, err error) {
	if strings.HasSuffix(name, ".yaml") {
		from, err = read(name)
		if err != nil {
			err = fmt.Errorf("load suite: %w", err)
		}
		return from, filepath.Dir(name), err
	}
	if dir != "" {
		if from, err = read(filepath.Join(dir, name+".yaml")); !errors.Is(err, fs.ErrNotExist) {
			return from, dir, err
		}
	}
	data, err := suites.FS.ReadFile(name + ".yaml")
	if err != nil {
		err = fmt.Errorf("unknown suite %q: there are %s; a suite of your own is named by its path, ending in .yaml",
			name, strings.Join(Names(), ", "))
	}
	return source{name: "suites/" + name + ".yaml", data: data}, dir, err
}

// mostBytes limits the size of a suite file.
const mostBytes = 1 << 20

// read reads a suite from a file.
func read(file string) (source, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return source{}, err
	}
	data, err := regularfile.Read(file, mostBytes)
	return source{file, path, data}, err
}
