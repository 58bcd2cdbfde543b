//go:build unix

package regularfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	text := strings.Repeat("x", 1000)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path, 1000); err != nil || string(got) != text {
		t.Errorf("at the limit: %d bytes, %v", len(got), err)
	}
	if _, err := Read(path, 999); !errors.Is(err, ErrTooLarge) {
		t.Errorf("beyond the limit: %v", err)
	}
	if _, err := Read(path+"x", 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path, 0); err != nil || len(got) != 0 {
		t.Errorf("empty: %d bytes, %v", len(got), err)
	}
}

func TestSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{fifo: "FIFO", "/dev/zero": "device", dir: "folder"} {
		if _, err := Read(path, 10); !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

// Files of unknown size are read to their end.
func TestUntoldSize(t *testing.T) {
	const path = "/proc/self/status"
	if _, err := os.Stat(path); err != nil {
		t.Skip("no /proc here")
	}
	if got, err := Read(path, 1<<20); err != nil || !strings.Contains(string(got), "Pid:") {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := Read(path, 10); !errors.Is(err, ErrTooLarge) {
		t.Errorf("beyond the limit: %v", err)
	}
}

// TestBrokenLink checks that a dangling link is not mistaken for an absent file.
func TestBrokenLink(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.Symlink("../blobs/abc", path); err != nil {
		t.Fatal(err)
	}
	_, err := Read(path, 10)
	if !errors.Is(err, ErrBrokenLink) || errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "../blobs/abc") {
		t.Errorf("error %v", err)
	}
}
