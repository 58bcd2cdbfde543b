package lmplugin

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/home"
	"github.com/archbench/archbench/lm"
)

// Prefix starts the name of every plugin's executable: archbench-plugin-NAME.
const Prefix = "archbench-plugin-"

// PathVariable is the environment variable with the folders to search first.
const PathVariable = "ARCHBENCH_PLUGINS"

// Candidate is something in a search folder that looks like a plugin.
type Candidate struct {
	Name string // the architecture, from the file name
	Path string // of the executable
	// Rejected says why it is not used, for example because an earlier folder has one of that name; "" if it is used.
	Rejected string
}

// List returns every candidate in search order: the folders of ARCHBENCH_PLUGINS, of the installation (see package home),
// of the running binary and of PATH. In each folder it finds executables archbench-plugin-NAME, and folders of that name
// that hold an executable of that name. It rejects files that other users could have put there (see [Unsafe]) and those
// reached by a relative entry of PATH.
func List() []Candidate {
	var all []Candidate
	first := map[string]string{}
	for _, dir := range searchDirs() {
		for _, c := range candidates(dir.path) {
			c.Rejected = cmp.Or(c.Rejected, dir.rejected)
			if reason := Unsafe(c.Path); c.Rejected == "" && reason != "" {
				c.Rejected = "unsafe: " + reason + ", or name it with --plugin"
			}
			if earlier, ok := first[c.Name]; ok && c.Rejected == "" {
				c.Rejected = "hidden by " + earlier
			}
			if c.Rejected == "" {
				first[c.Name] = c.Path
			}
			all = append(all, c)
		}
	}
	return all
}

// Find returns the path of a plugin's executable. An explicit path, of an executable or a folder, is checked and replaces
// the search.
func Find(name, explicitPath string) (string, error) {
	if explicitPath != "" {
		return executable(explicitPath)
	}
	var rejected, known []string
	for _, c := range List() {
		switch {
		case c.Name == name && c.Rejected == "":
			return c.Path, nil
		case c.Name == name:
			rejected = append(rejected, c.Path+": "+c.Rejected)
		case c.Rejected == "":
			known = append(known, c.Name)
		}
	}
	message := fmt.Sprintf("no plugin %q in $%s, in the installation %s or on PATH", name, PathVariable, home.Dir())
	if len(rejected) > 0 {
		message += "; rejected " + strings.Join(rejected, ", ")
	}
	if len(known) > 0 {
		message += "; there are " + strings.Join(known, ", ")
	}
	return "", lm.Errorf(lm.NotFound, "find plugin", "%s", message)
}

// searchDir is a folder to search; rejected says why its files are not used, or "".
type searchDir struct{ path, rejected string }

// searchDirs returns the folders in search order, each once. Relative entries of PATH depend on the working directory, so
// their files are rejected; they come last.
func searchDirs() []searchDir {
	path := filepath.SplitList(os.Getenv("PATH"))
	relative := slices.DeleteFunc(slices.Clone(path), filepath.IsAbs)
	absolute := slices.DeleteFunc(path, func(dir string) bool { return !filepath.IsAbs(dir) })
	var unique []searchDir
	add := func(dir, rejected string) {
		abs, err := filepath.Abs(dir)
		if dir != "" && err == nil && !slices.ContainsFunc(unique, func(d searchDir) bool { return d.path == abs }) {
			unique = append(unique, searchDir{abs, rejected})
		}
	}
	for _, dir := range slices.Concat(filepath.SplitList(os.Getenv(PathVariable)), home.Plugins(), []string{home.Bin()}, absolute) {
		add(dir, "")
	}
	for _, dir := range relative {
		dir = cmp.Or(dir, ".")
		add(dir, fmt.Sprintf("found through an empty or relative entry of PATH (%q)", dir))
	}
	return unique
}

// sharedDirs returns the folders that plugins share with other programs.
func sharedDirs() []string {
	dirs := append(home.Plugins(), home.Bin())
	return append(dirs, filepath.SplitList(os.Getenv("PATH"))...)
}

// candidates lists the candidates in one folder, none if it cannot be read.
func candidates(dir string) []Candidate {
	names, _ := fs.Glob(os.DirFS(dir), Prefix+"*") // cannot fail: the pattern is well-formed
	var found []Candidate
	for _, base := range names {
		path := filepath.Join(dir, base)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path = filepath.Join(path, base)
		}
		found = append(found, Candidate{
			Name:     strings.TrimSuffix(strings.TrimPrefix(base, Prefix), ".exe"),
			Path:     path,
			Rejected: whyNotExecutable(path),
		})
	}
	return found
}

// whyNotExecutable says why a file cannot be started, or returns "".
func whyNotExecutable(path string) string {
	info, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return "no such file"
	case err != nil:
		return err.Error()
	case !info.Mode().IsRegular():
		return "not a regular file"
	case info.Mode().Perm()&0o111 == 0:
		return "not executable: chmod +x " + path
	}
	return ""
}
