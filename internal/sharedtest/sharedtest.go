// Package sharedtest finds test data outside the repository: checkpoints, corpora, reference outputs. Tests skip if it
// is missing, and fail instead if CI=true.
package sharedtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Dir returns the path of a file or folder of the shared data, for example "checkpoints/gpt2-3m". The data is in
// $ARCHBENCH_SHARED, by default ../shared beside the repository.
func Dir(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("ARCHBENCH_SHARED")
	if root == "" {
		root = filepath.Join(RepoRoot(t), "..", "shared")
	}
	path := filepath.Join(root, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		message := "needs " + name + " of the shared material: set ARCHBENCH_SHARED to its folder (" + err.Error() + ")"
		if os.Getenv("CI") == "true" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	return path
}

// Long skips the test unless ARCHBENCH_LONG=1, which `make check-long` sets for tests too slow for other targets.
func Long(t testing.TB) {
	t.Helper()
	if !IsLong() {
		t.Skip("slow: set ARCHBENCH_LONG=1, or run make check-long")
	}
}

// IsLong reports whether slow tests are wanted.
func IsLong() bool { return os.Getenv("ARCHBENCH_LONG") == "1" }

// RepoRoot returns the folder that holds go.mod.
func RepoRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, "go.mod")); statErr == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	t.Fatal("no go.mod above the working directory")
	return ""
}

// Eventually waits until a condition holds. The one-minute limit only ends a test whose condition never comes true; no
// machine is slow enough to reach it otherwise.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// AllocsPerRun is testing.AllocsPerRun, but skips the test under the race detector, where sync.Pool drops items at
// random.
func AllocsPerRun(t testing.TB, runs int, f func()) float64 {
	t.Helper()
	if race {
		t.Skip("the race detector changes what is allocated")
	}
	return testing.AllocsPerRun(runs, f)
}
