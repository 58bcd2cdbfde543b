//go:build unix

package safetensors

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/archbench/archbench/internal/regularfile"
)

// TestOpenSpecial opens files that would block or never end.
func TestOpenSpecial(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, "/dev/zero", t.TempDir()} {
		if _, err := Open(path); !errors.Is(err, regularfile.ErrNotRegular) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
