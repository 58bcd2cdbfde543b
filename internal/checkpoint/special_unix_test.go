//go:build unix

package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/archbench/archbench/internal/regularfile"
)

// TestBrokenLinks checks that dangling links, as left by a cache whose blobs were removed, are not mistaken for absent
// files.
func TestBrokenLinks(t *testing.T) {
	for _, name := range []string{ConfigFile, WeightsFile, IndexFile, "a.safetensors", CardFile} {
		dir := sharded(t)
		path := filepath.Join(dir, name)
		_ = os.Remove(path)
		if err := os.Symlink("../../blobs/abc", path); err != nil {
			t.Fatal(err)
		}
		f, err := Open(dir)
		if err == nil {
			_, err = f.Card()
			f.Close()
		}
		if !errors.Is(err, regularfile.ErrBrokenLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSpecialFiles puts FIFOs and devices where files are expected. Open must not block on them.
func TestSpecialFiles(t *testing.T) {
	for _, name := range []string{ConfigFile, WeightsFile, IndexFile, "a.safetensors", CardFile} {
		for kind, make := range map[string]func(path string) error{
			"FIFO":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"device": func(path string) error { return os.Symlink("/dev/zero", path) },
			"folder": func(path string) error { return os.Mkdir(path, 0o700) },
		} {
			dir := sharded(t)
			path := filepath.Join(dir, name)
			_ = os.Remove(path)
			if err := make(path); err != nil {
				t.Fatal(err)
			}
			f, err := Open(dir)
			if err == nil {
				_, err = f.Card()
				f.Close()
			}
			if !errors.Is(err, regularfile.ErrNotRegular) {
				t.Errorf("%s as %s: %v", kind, name, err)
			}
		}
	}
}

func TestConvertSpecialCompanion(t *testing.T) {
	src := sharded(t)
	if err := syscall.Mkfifo(filepath.Join(src, TokenizerFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Convert(src, filepath.Join(t.TempDir(), "d"), "F32"); !errors.Is(err, regularfile.ErrNotRegular) {
		t.Errorf("error %v", err)
	}
}
