//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// TestIdlePlugin measures what a plugin uses once its work is done: its threads have stopped spinning and sleep.
func TestIdlePlugin(t *testing.T) {
	const window, most = 4 * time.Second, 0.001
	path := filepath.Join(t.TempDir(), "archbench-plugin-bk")
	buildOne(t, sharedtest.RepoRoot(t), path, "./plugins/bk")
	p, err := lmplugin.Launch(t.Context(), lmplugin.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	generateOne(t, p)
	time.Sleep(500 * time.Millisecond)
	before := cpuTime(t, p.PID())
	time.Sleep(window)
	used := cpuTime(t, p.PID()) - before
	t.Logf("%v of CPU time in %v: %.3f %%", used, window, 100*used.Seconds()/window.Seconds())
	if used.Seconds() > most*window.Seconds() {
		t.Errorf("an idle plugin uses %.2f %% of a core", 100*used.Seconds()/window.Seconds())
	}
}

// generateOne loads a new model and lets it continue a prompt by one token on two threads.
func generateOne(t *testing.T, p *lmplugin.Plugin) {
	t.Helper()
	m, err := p.Load(t.Context(), lm.LoadRequest{Variant: "3m", Seed: 1, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	st, err := m.(lm.Stepper).NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	request := lm.GenerateRequest{Inputs: []lm.StepInput{{State: st, Tokens: []int32{1, 2, 3}}}, MaxNew: 1}
	var tokens int
	err = m.(lm.Generator).Generate(t.Context(), request, func(c lm.GenerateChunk) bool {
		tokens += len(c.Tokens[0])
		return true
	})
	if err != nil || tokens != 1 {
		t.Fatalf("generated %d tokens: %v", tokens, err)
	}
}

// cpuTime is what the threads of a process have used so far, to the nanosecond.
func cpuTime(t *testing.T, pid int) (used time.Duration) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		t.Skipf("this kernel does not tell the CPU time of threads: %v", err)
	}
	for _, path := range threads {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(data), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		used += time.Duration(ns)
	}
	return used
}
