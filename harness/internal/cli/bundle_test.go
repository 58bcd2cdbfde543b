package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// testBundle packs a run, verifies it in another folder without its database, and refuses what is no bundle.
func testBundle(t *testing.T, d desk, run string) {
	stdout, _ := d.must(ExitOK, "bundle")
	path := strings.TrimSpace(stdout)
	if filepath.Base(path) != run+".tar.gz" || !filepath.IsAbs(path) {
		t.Fatalf("written to %q", path)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, stderr := d.must(ExitUsage, "bundle", run); !strings.Contains(stderr, "exists: name another file with --output, or replace it with --force") {
		t.Error(stderr)
	}
	d.must(ExitOK, "bundle", run, "--force")
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(whole, again) {
		t.Errorf("the same run gave another bundle (%v)", err)
	}
	for output, want := range map[string]string{"json": "ends in .tar.gz", "none/x.tar.gz": "none"} {
		if code, _, stderr := d.call("bundle", run, "-o", output); code == ExitOK || !strings.Contains(stderr, want) {
			t.Errorf("-o %s: %d, %s", output, code, stderr)
		}
	}
	if left, _ := filepath.Glob(".*.tmp"); left != nil {
		t.Errorf("left %v", left)
	}
	t.Run("verify", func(t *testing.T) { testVerify(t, d, whole) })
}

func testVerify(t *testing.T, d desk, whole []byte) {
	t.Chdir(t.TempDir())
	d.write("good.tar.gz", string(whole))
	stdout, _ := d.must(ExitOK, "verify", "good.tar.gz")
	for _, want := range []string{"hashes +ok", "run +ok", "samples +ok", "statistics +ok", "report +ok"} {
		if !regexp.MustCompile(want).MatchString(stdout) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	d.write("cut.tar.gz", string(whole[:len(whole)/2]))
	if err := syscall.Mkfifo("fifo.tar.gz", 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"cut.tar.gz": "no valid bundle: ", ".": "is not a regular file", "fifo.tar.gz": "is not a regular file", "none": "no such file"} {
		if stdout, stderr := d.must(ExitUsage, "verify", name); stdout != "" || !strings.Contains(stderr, name) || !strings.Contains(stderr, want) {
			t.Errorf("%s: %s%s", name, stdout, stderr)
		}
	}
	if files, _ := filepath.Glob("*"); len(files) != 3 {
		t.Errorf("verify leaves %v", files)
	}
}
