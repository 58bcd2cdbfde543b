//go:build unix

package text

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSHA256 pins a corpus's identity, which stored results refer to.
func TestSHA256(t *testing.T) {
	c, err := Load(t.Context(), tree(t, map[string]string{"b.txt": "two\n", "a/ж.md": "one"}))
	if want := "5489f9d8aa695e175439e41c9f9de2c22fbf8b72ec6c3fc9986add58f61532ca"; err != nil || sum(t, c) != want {
		t.Errorf("sha256 %s, %v, want %s", sum(t, c), err, want)
	}
}

func TestLeftOut(t *testing.T) {
	dir := tree(t, map[string]string{
		"a.txt": "text", "latin1.txt": "caf\xe9", "late.txt": strings.Repeat("x", 1<<18-1) + "ж", "nul.bin": "a\x00b",
		"utf16.txt": "\xff\xfet\x00e\x00", "empty": "", ".hidden": "\xff", "cut.txt": strings.Repeat("x", 1<<18) + "\xd0",
	})
	if err := errors.Join(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644), os.Symlink("a.txt", filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	c, err := Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if names(c) != "a.txt late.txt" {
		t.Errorf("documents %s", names(c))
	}
	want := []LeftOut{
		{"cut.txt", "is not UTF-8"}, {"fifo", "is not a regular file but a FIFO"}, {"latin1.txt", "is not UTF-8"},
		{"link", "is a symbolic link"}, {"nul.bin", "holds a NUL byte"},
		{"utf16.txt", "is UTF-16: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"},
	}
	if diff := cmp.Diff(want, c.LeftOut); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	if got := c.Omissions(); got != "6 files left out: cut.txt is not UTF-8, fifo is not a regular file but a FIFO, latin1.txt is not UTF-8, and 3 more" {
		t.Errorf("omissions: %s", got)
	}
	_, err = Load(t.Context(), filepath.Join(dir, "utf16.txt"))
	if err == nil || !strings.Contains(err.Error(), "no UTF-8 text in it (1 file left out: utf16.txt is UTF-16") {
		t.Errorf("UTF-16 alone: %v", err)
	}
}

func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	dir := tree(t, map[string]string{"a.txt": "text", "b.txt": "text", "c/d.txt": "text"})
	if err := errors.Join(os.Chmod(filepath.Join(dir, "b.txt"), 0), os.Chmod(filepath.Join(dir, "c"), 0)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "c"), 0o755) })
	c, err := Load(t.Context(), dir)
	if err != nil || names(c) != "a.txt" || c.Omissions() != "2 files left out: b.txt cannot be read: permission denied, c cannot be read: permission denied" {
		t.Errorf("documents %s, omissions %q, %v", names(c), c.Omissions(), err)
	}
}

// Special files are refused at once, with or without a process at the other end.
func TestSpecialFile(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, "/dev/zero"} {
		if _, err := Load(t.Context(), path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestLinkedFolder(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(tree(t, map[string]string{"a.txt": "text"}), link); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(t.Context(), link); err != nil || names(c) != "a.txt" {
		t.Errorf("%+v, %v", c, err)
	}
}

// A document whose file has changed yields no text.
func TestChangedFile(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": "text"})
	c, err := Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("longer"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SHA256(t.Context()); err == nil || !strings.Contains(err.Error(), "a.txt has changed") {
		t.Errorf("sha256: %v", err)
	}
	if _, err := NewTokens(c, runes{}, 0, 256).Stream(3); err == nil || !strings.Contains(err.Error(), "a.txt has changed") {
		t.Errorf("tokens: %v", err)
	}
}

func TestLoadIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Load(ctx, tree(t, map[string]string{"a.txt": "text"}))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := c.SHA256(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("sha256: %v", err)
	}
	if _, err := Load(ctx, t.TempDir()); err == nil {
		t.Error("no error of an empty folder")
	}
}
