package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, content := range []string{"first", "second"} {
		if err := WriteBytes(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("content %q, %v", got, err)
		}
	}
	stat, err := os.Stat(path)
	if err != nil || stat.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", stat.Mode(), err)
	}
	wantOnly(t, path)
}

func TestFailureLeavesTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	for name, write := range map[string]func(string, func(io.Writer) error) error{"Write": Write, "WriteDerived": WriteDerived} {
		err := write(path, func(w io.Writer) error {
			_, _ = io.WriteString(w, "new")
			return broken
		})
		if !errors.Is(err, broken) {
			t.Errorf("%s: error %v", name, err)
		}
		if got, _ := os.ReadFile(path); string(got) != "old" {
			t.Errorf("%s: content %q", name, got)
		}
		wantOnly(t, path)
	}
}

func TestNoFolder(t *testing.T) {
	if err := WriteBytes(filepath.Join(t.TempDir(), "none", "f"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want os.ErrNotExist", err)
	}
}

// wantOnly fails if the folder of path holds any other file.
func wantOnly(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("folder holds %v, %v", entries, err)
	}
}
