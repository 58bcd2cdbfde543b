package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestBatch checks that no file of a batch changes before Commit, and that a discarded batch leaves nothing.
func TestBatch(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	content := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			return err.Error()
		}
		return string(data)
	}
	if err := WriteBytes(a, []byte("old")); err != nil {
		t.Fatal(err)
	}
	var failed Batch
	broken := errors.New("broken")
	if err := errors.Join(failed.Add(a, text("new")), failed.Add(b, func(io.Writer) error { return broken })); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	failed.Discard()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || content(a) != "old" {
		t.Errorf("a discarded batch left %v, %v and %q in a", entries, err, content(a))
	}
	var batch Batch
	if err := errors.Join(batch.Add(a, text("new")), batch.Add(b, text("more"))); err != nil || content(a) != "old" {
		t.Fatalf("%v, a is %q before Commit", err, content(a))
	}
	if err := batch.Commit(); err != nil || content(a) != "new" || content(b) != "more" {
		t.Errorf("%v, committed %q and %q", err, content(a), content(b))
	}
	batch.Discard() // does nothing after Commit
	if content(a) != "new" {
		t.Error("Discard removed a committed file")
	}
}
