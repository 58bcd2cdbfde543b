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

// TestIdlePlugin checks that a plugin's threads sleep once its work is done, because spinning workers never would.
// BenchmarkIdlePlugin measures the cost of an idle plugin.
func TestIdlePlugin(t *testing.T) {
	p := launchBK(t)
	generateOne(t, p)
	sharedtest.Eventually(t, "all threads of the idle plugin sleep", func() bool { return allAsleep(t, p.PID()) })
}

// BenchmarkIdlePlugin reports the share of a core that a plugin uses once its work is done.
func BenchmarkIdlePlugin(b *testing.B) {
	const window = 4 * time.Second
	p := launchBK(b)
	generateOne(b, p)
	time.Sleep(window / 8) // spinning has ended
	var used, elapsed time.Duration
	for b.Loop() {
		before, start := cpuTime(b, p.PID()), time.Now()
		time.Sleep(window)
		used, elapsed = used+cpuTime(b, p.PID())-before, elapsed+time.Since(start)
	}
	b.ReportMetric(100*used.Seconds()/elapsed.Seconds(), "%core")
}

// launchBK starts the plugin bk.
func launchBK(t testing.TB) *lmplugin.Plugin {
	t.Helper()
	p, err := lmplugin.Launch(t.Context(), lmplugin.Options{Path: filepath.Join(build(t), "archbench-plugin-bk")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// generateOne loads a new model and generates one token after a prompt, on two threads.
func generateOne(t testing.TB, p *lmplugin.Plugin) {
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

// allAsleep reports whether all threads of a process sleep.
func allAsleep(t testing.TB, pid int) bool {
	t.Helper()
	for _, stat := range readThreads(t, pid, "stat") {
		_, rest, _ := strings.Cut(stat, ") ")
		if strings.HasPrefix(rest, "R") {
			return false
		}
	}
	return true
}

// cpuTime is what the threads of a process have used so far, to the nanosecond.
func cpuTime(t testing.TB, pid int) (used time.Duration) {
	t.Helper()
	for _, schedstat := range readThreads(t, pid, "schedstat") {
		first, _, _ := strings.Cut(schedstat, " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		used += time.Duration(ns)
	}
	return used
}

// readThreads reads one file of /proc for each thread of a process.
func readThreads(t testing.TB, pid int, name string) (contents []string) {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/%s", pid, name))
	if err != nil || len(paths) == 0 {
		t.Skipf("this system does not tell %s of threads: %v", name, err)
	}
	for _, path := range paths {
		if data, err := os.ReadFile(path); err == nil { // else the thread has ended
			contents = append(contents, string(data))
		}
	}
	return contents
}
