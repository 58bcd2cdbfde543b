package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
)

// TestInstall installs into a folder with a blank in its name and runs archbench from another folder, through a link and
// without environment variables of archbench.
func TestInstall(t *testing.T) {
	t.Parallel()
	root := sharedtest.RepoRoot(t)
	prefix := filepath.Join(t.TempDir(), "pre fix")
	makeIn(t, root, "install", "--old-file=build", "BIN="+build(t), "PLUGINS=bk gpt2 echo", "PREFIX="+prefix)
	link := filepath.Join(t.TempDir(), "archbench")
	if err := os.Symlink(filepath.Join(prefix, "bin", "archbench"), link); err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	for _, args := range [][]string{
		{"run", "speed", "--probe", "ttft", "--set", "ttft.len=16", "--set", "repeats=1", "--plugins", "gpt2"},
		{"doctor", "-o", "csv"},
	} {
		out := installed(t, work, link, args)
		if args[0] == "doctor" {
			for _, want := range []string{"share/archbench/models/gpt2-3m", "libexec/archbench/archbench-plugin-gpt2", "installation,ok," + prefix} {
				if !strings.Contains(out, want) {
					t.Errorf("archbench doctor does not name %s:\n%s", want, out)
				}
			}
		}
	}
	makeIn(t, root, "uninstall", "PREFIX="+prefix)
	left, err := filepath.Glob(filepath.Join(prefix, "*", "*archbench*"))
	if err != nil || len(left) > 0 {
		t.Errorf("after make uninstall: %q, %v", left, err)
	}
}

func makeIn(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("make", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// installed runs an installed archbench and returns what it prints.
func installed(t *testing.T, work, program string, args []string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = work
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "ARCHBENCH_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("archbench %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}
