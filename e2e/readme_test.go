package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
)

// smaller replaces the arguments of README.md's commands with similar ones that are quick to measure.
var smaller = strings.NewReplacer(
	"DIR", "mine", "FILE", "text.txt", "CELL", `$(archbench report -o json | sed -n 's/.*"cells":\["\([0-9a-f]*\)".*/\1/p' | head -n 1)`,
	"run quickstart", "run speed causality --set len=16 --set depth=16 --set batch=1 --set repeats=1 --corpus text.txt",
	"--set len=512,4096", "--set len=16,32 --set depth=16 --set batch=1 --set repeats=1 --model gpt2 --corpus text.txt",
	"run quantization", "run memory --set len=16 --corpus text.txt",
)

// TestReadme runs the commands of README.md in order, like a reader.
func TestReadme(t *testing.T) {
	t.Parallel()
	root := sharedtest.RepoRoot(t)
	bin, dir := build(t), t.TempDir()
	if err := os.Symlink(filepath.Join(root, "models/gpt2-3m"), filepath.Join(dir, "mine")); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 40)
	if err := os.WriteFile(filepath.Join(dir, "text.txt"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	other := `{"results": [{"command": "sleep 1", "times": [1.01, 1.02], "exit_codes": [0, 0]}]}`
	if err := os.WriteFile(filepath.Join(dir, "hyperfine.json"), []byte(other), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range commands(t, filepath.Join(root, "README.md")) {
		cmd := exec.Command("sh", "-c", smaller.Replace(command))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "ARCHBENCH_PLUGINS="+bin,
			"ARCHBENCH_MODELS="+filepath.Join(root, "models"), "XDG_STATE_HOME="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s\nas %s\n%v\n%s", command, smaller.Replace(command), err, out)
		}
	}
}

// commands lists the archbench command lines in the fenced blocks of a document, without the remarks beside them.
func commands(t *testing.T, path string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```\n") {
		if i%2 == 0 {
			continue
		}
		for line := range strings.Lines(block) {
			command, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "   ")
			if strings.HasPrefix(command, "archbench ") {
				list = append(list, command)
			}
		}
	}
	if len(list) < 8 {
		t.Fatalf("%s has %d commands of archbench: %q", path, len(list), list)
	}
	return list
}
