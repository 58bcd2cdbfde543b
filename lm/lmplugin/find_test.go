package lmplugin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/archbench/archbench/lm"
)

func write(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	first, second, path := t.TempDir(), filepath.Join(t.TempDir(), "a [b]*"), t.TempDir()
	good := write(t, filepath.Join(first, Prefix+"one"), "#!", 0o755)
	hidden := write(t, filepath.Join(second, Prefix+"one"), "#!", 0o755)
	plain := write(t, filepath.Join(first, Prefix+"two"), "#!", 0o644)
	later := write(t, filepath.Join(second, Prefix+"two"), "#!", 0o755)
	folder := write(t, filepath.Join(second, Prefix+"three", Prefix+"three"), "#!", 0o755)
	onPath := write(t, filepath.Join(path, Prefix+"four"), "#!", 0o755)
	write(t, filepath.Join(first, "other-plugin-five"), "#!", 0o755)
	t.Setenv(PathVariable, first+string(filepath.ListSeparator)+second)
	t.Setenv("PATH", path)
	for name, want := range map[string]string{"one": good, "two": later, "three": folder, "four": onPath} {
		if got, err := Find(name, ""); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, want)
		}
	}
	rejected := map[string]string{}
	for _, c := range List() {
		rejected[c.Path] = c.Rejected
	}
	if !strings.HasPrefix(rejected[plain], "not executable") || rejected[hidden] != "hidden by "+good || rejected[later] != "" {
		t.Errorf("rejected: %q", rejected)
	}
	_, err := Find("five", "")
	if lm.KindOf(err) != lm.NotFound || !strings.Contains(err.Error(), "there are one, three, two, four") {
		t.Errorf("five: %v", err)
	}
	if err := os.Remove(later); err != nil {
		t.Fatal(err)
	}
	if _, err := Find("two", ""); err == nil || !strings.Contains(err.Error(), plain+": not executable") {
		t.Errorf("two: %v", err)
	}
}

func TestExplicitPath(t *testing.T) {
	dir := t.TempDir()
	want := write(t, filepath.Join(dir, Prefix+"x"), "#!", 0o755)
	for _, path := range []string{want, dir} {
		if got, err := Find("ignored", path); err != nil || got != want {
			t.Errorf("%s: %s, %v", path, got, err)
		}
	}
	write(t, filepath.Join(dir, Prefix+"y"), "#!", 0o755)
	if _, err := Find("", dir); err == nil || !strings.Contains(err.Error(), "has 2 executables") {
		t.Errorf("a folder of two: %v", err)
	}
}

func TestIdentity(t *testing.T) {
	identity := func(path string) string {
		t.Helper()
		sum, err := Identity(path)
		if err != nil || len(sum) != 64 {
			t.Fatal(sum, err)
		}
		return sum
	}
	dir := t.TempDir()
	binary := write(t, filepath.Join(dir, "binary"), "\x7fELF and more", 0o755)
	if out, err := exec.Command("sha256sum", binary).Output(); err == nil && !strings.HasPrefix(string(out), identity(binary)) {
		t.Errorf("a binary's identity is %s, its sha256 %s", identity(binary), out)
	}
	script := write(t, filepath.Join(dir, Prefix+"script"), "#!/bin/sh\n", 0o755)
	before := identity(script)
	if out, err := exec.Command("sh", "-c", fmt.Sprintf("cd %s && sha256sum * | sha256sum", dir)).Output(); err == nil &&
		!strings.HasPrefix(string(out), before) {
		t.Errorf("a script's identity is %s, that of its listing %s", before, out)
	}
	write(t, filepath.Join(dir, "__pycache__", "x.pyc"), "cache", 0o644)
	write(t, filepath.Join(dir, ".git", "HEAD"), "hidden", 0o644)
	if identity(script) != before {
		t.Error("caches or hidden files change the identity")
	}
	write(t, filepath.Join(dir, "lib", "helper.py"), "x = 1", 0o644)
	after := identity(script)
	if after == before {
		t.Error("a new file in the folder does not change the identity")
	}
	t.Setenv("PATH", dir)
	if alone := identity(script); alone == after || alone == before {
		t.Error("for a script in a folder of PATH, only the script must count")
	}
	if _, err := Identity(filepath.Join(dir, "nothing")); err == nil {
		t.Error("a missing file has an identity")
	}
}
