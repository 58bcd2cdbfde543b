package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/archbench/archbench/harness/internal/shell"
	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/filelock"
	"github.com/archbench/archbench/internal/regularfile"
)

// What is in the folder of a training.
const (
	planFile    = "training.json"
	lockFile    = ".lock"
	checkpoints = "checkpoints"
	lastLink    = "last"
	bestLink    = "best"
	stableLink  = "stable"
)

// maxFile bounds the files that are read back, in bytes.
const maxFile = 1 << 26

// folder is the folder of a training, locked by this process.
type folder struct {
	path string
	lock *os.File
}

// create makes the folder of a new training. It must be new, empty, or what a process left that was killed before the first update.
func create(path string) (*folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := unused(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	f, err := lock(path)
	if err != nil {
		return nil, err
	}
	if err = unused(path); err == nil { // no other process has trained in it meanwhile
		err = errors.Join(f.clear(), os.MkdirAll(f.join(checkpoints), 0o755))
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// unused reports an error if a folder holds anything but what a training leaves that did not begin. Only the file that locks it
// shows that checkpoints in it are of archbench.
func unused(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return wrong{ErrFolder, err}
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	foreign := func(name string) bool { return !slices.Contains(leftovers, name) }
	switch {
	case slices.Contains(names, planFile):
		return wrong{ErrFolder, fmt.Errorf("%s holds a training: continue it with archbench train --resume %s, or name another folder", path, shell.Quote(path))}
	case len(names) > 0 && (!slices.Contains(names, lockFile) || slices.ContainsFunc(names, foreign)):
		return wrong{ErrFolder, fmt.Errorf("%s is not empty, and holds no training: name a new folder", path)}
	}
	return nil
}

// leftovers are what a training may leave that did not begin.
var leftovers = []string{lockFile, checkpoints, lastLink, bestLink, stableLink}

// open opens the folder of an earlier training.
func open(path string) (*folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(path, planFile)); err != nil {
		return nil, wrong{ErrFolder, fmt.Errorf("%s holds no training to resume: %w", path, err)}
	}
	return lock(path)
}

// lock keeps other processes from writing into the folder until this one ends.
func lock(path string) (*folder, error) {
	file, err := filelock.Try(filepath.Join(path, lockFile))
	if errors.Is(err, filelock.ErrLocked) {
		return nil, wrong{ErrFolder, fmt.Errorf("another process trains in %s: wait until it ends, or end it", path)}
	}
	if err != nil {
		return nil, err
	}
	return &folder{path, file}, nil
}

// close gives the folder back.
func (f *folder) close() error { return f.lock.Close() }

func (f *folder) join(name ...string) string {
	return filepath.Join(append([]string{f.path}, name...)...)
}

// link makes a link in the folder point to a checkpoint, in one step.
func (f *folder) link(name, checkpoint string) error {
	temporary := f.join("." + name + ".tmp")
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(filepath.Join(checkpoints, checkpoint), temporary); err != nil {
		return err
	}
	return os.Rename(temporary, f.join(name))
}

// linked returns the checkpoint that a link points to, or "".
func (f *folder) linked(name string) string {
	target, err := os.Readlink(f.join(name))
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}

// sweep removes checkpoints that no link points to, except one, and what unfinished saves have left.
func (f *folder) sweep(except string) error {
	entries, err := os.ReadDir(f.join(checkpoints))
	if err != nil {
		return err
	}
	keep := []string{f.linked(lastLink), f.linked(bestLink), f.linked(stableLink), except}
	for _, e := range entries {
		if !slices.Contains(keep, e.Name()) {
			err = errors.Join(err, os.RemoveAll(f.join(checkpoints, e.Name())))
		}
	}
	return err
}

// newest returns the path of the last checkpoint.
func (f *folder) newest() (string, error) {
	name := f.linked(lastLink)
	if name == "" {
		return "", wrong{ErrFolder, fmt.Errorf("%s has no checkpoint yet: remove the folder and start again", f.path)}
	}
	return f.join(checkpoints, name), nil
}

// writeJSON writes a file of indented JSON, which is complete or absent.
func writeJSON(path string, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return atomicfile.WriteBytes(path, b.Bytes())
}

// readJSON reads a file that writeJSON has written.
func readJSON(path string, v any) error {
	text, err := regularfile.Read(path, maxFile)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return wrong{ErrFolder, fmt.Errorf("read %s: %w", path, err)}
	}
	return nil
}

// name is the name of a checkpoint: the update, the attempt, and whether it lacks an evaluation because the training stopped.
func name(update int64, attempt int, evaluated bool) string {
	name := fmt.Sprintf("%08d-%d", update, attempt)
	if !evaluated {
		name += "-stopped"
	}
	return name
}

// abandon removes the folder of a training that did not begin.
func (f *folder) abandon() {
	if _, err := os.Stat(f.join(planFile)); err == nil {
		return
	}
	_ = f.clear()
	_ = os.Remove(f.join(lockFile))
	_ = os.Remove(f.path) // only if nothing else is in it
}

// clear removes all but the lock of a training that did not begin.
func (f *folder) clear() error {
	err := os.RemoveAll(f.join(checkpoints))
	for _, name := range []string{lastLink, bestLink, stableLink} {
		if gone := os.Remove(f.join(name)); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
