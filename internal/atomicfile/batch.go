package atomicfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Batch writes several files of one folder that belong together. Until Commit they exist under temporary names only, so a
// full disk leaves the older files as they were. A process killed while Commit renames may leave some old and some new
// files. The zero value is an empty batch.
type Batch struct{ files []written }

// written is a complete file under a temporary name.
type written struct{ temporary, path string }

// Add writes what the callback writes to the disk, with mode 0644. Commit gives it its name.
func (b *Batch) Add(path string, content func(w io.Writer) error) error {
	temporary, err := write(path, content, (*os.File).Sync)
	if err != nil {
		return err
	}
	b.files = append(b.files, written{temporary, path})
	return nil
}

// Commit renames the files in the order of Add.
func (b *Batch) Commit() error {
	for i, f := range b.files {
		if err := os.Rename(f.temporary, f.path); err != nil {
			b.files = b.files[i:]
			b.Discard()
			return fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	for _, f := range b.files {
		syncDir(filepath.Dir(f.path))
	}
	b.files = nil
	return nil
}

// Discard removes what Commit has not renamed.
func (b *Batch) Discard() {
	for _, f := range b.files {
		_ = os.Remove(f.temporary) // nothing else can be done about a file that stays
	}
	b.files = nil
}
