package run

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/internal/sharedtest"
)

// program returns a command that runs this binary as a harness.
func program(t *testing.T, db, corpus string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "ARCHBENCH_TEST_CHILD=plugins", "ARCHBENCH_TEST_DB="+db, "ARCHBENCH_TEST_CORPUS="+corpus)
	c.Stderr = os.Stderr
	return c
}

// plugins returns the PIDs of plugins started from this binary.
func plugins(t *testing.T) (pids []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		pid := filepath.Base(filepath.Dir(link))
		if target, err := os.Readlink(link); err != nil || target != self {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", pid, "environ"))
		if err == nil && strings.Contains(string(environ), "ARCHBENCH_PLUGIN=") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestKill kills the harness at random moments and resumes until the run is done. No plugin may outlive a harness, and the
// run must end with the cells, sample counts and repetitions of an uninterrupted run. ARCHBENCH_LONG=1 kills 20 times.
func TestKill(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks for orphans in /proc")
	}
	corpus, dir := corpusFile(t), t.TempDir()
	start := time.Now()
	calm := filepath.Join(dir, "calm.db")
	if err := program(t, calm, corpus).Run(); err != nil {
		t.Fatal(err)
	}
	alone := time.Since(start)
	want := counts(latest(t, calm))
	kills := 3
	if sharedtest.IsLong() {
		kills = 20
	}
	for killed, attempt := 0, 0; killed < kills; attempt++ {
		path := filepath.Join(dir, "killed", string(rune('a'+attempt))+".db")
		for done := false; !done; {
			c := program(t, path, corpus)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			moment := time.Duration(rand.Int64N(int64(alone * 5 / 4)))
			timer := time.AfterFunc(moment, func() { _ = c.Process.Kill() })
			err := c.Wait()
			timer.Stop()
			if done = err == nil; done {
				break
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.String() != "signal: killed" {
				t.Fatalf("killed after %v: %v", moment, err)
			}
			killed++
			awaitNoPlugins(t)
		}
		got := latest(t, path)
		if diff := cmp.Diff(want, counts(got)); diff != "" || got.Status != "done" {
			t.Errorf("attempt %d, status %s:\n%s", attempt, got.Status, diff)
		}
		checkRepeats(t, got)
	}
}

// awaitNoPlugins fails the test if plugins outlive their harness.
func awaitNoPlugins(t *testing.T) {
	t.Helper()
	sharedtest.Eventually(t, "no plugin outlives its harness", func() bool { return len(plugins(t)) == 0 })
}

func latest(t *testing.T, path string) *record.Run {
	t.Helper()
	db, err := store.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	id, _, err := db.Latest(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return load(t, db, id)
}

// TestRealFaults runs several faulty plugins at once: each fault must get its class, and the good model must be measured.
func TestRealFaults(t *testing.T) {
	s := parseSuite(t, "name: f\nrepeats: 1\nprobes:\n  - {probe: decode, grid: {depth: 16}}\n  - {probe: quality, with: {text_bytes: 1024}}\n")
	o := realOptions(s, corpusFile(t), "good", "crash", "hang", "oom", "flood", "nan")
	o.least = 10 * time.Second // long enough to start a process on a busy machine
	db := openDB(t)
	p, err := Prepare(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range p.models {
		m.plugin.Limits.Memory = 1 << 30
	}
	if err := Execute(context.Background(), db, p); err != nil {
		t.Fatal(err)
	}
	r := load(t, db, p.Run.ID)
	for _, c := range []struct{ model, probe, class, stderr string }{
		{"good", "decode", "", ""}, {"good", "quality", "", ""},
		{"crash", "decode", "crash", "about to end"},
		{"hang", "decode", "time-out", ""},
		{"oom", "decode", "out of memory", ""},
		{"flood", "decode", "", ""},
		{"nan", "quality", "non-finite", ""},
	} {
		cell := cells(r, c.probe, c.model)[0]
		class, stderr := "", ""
		if cell.Failure != nil {
			class, stderr = cell.Failure.Class, cell.Failure.Stderr
		}
		if class != c.class || !strings.Contains(stderr, c.stderr) || (class == "") != (cell.Status == record.OK) {
			t.Errorf("%s %s: %s %+v, want class %q", c.model, c.probe, cell.Status, cell.Failure, c.class)
		}
	}
	awaitNoPlugins(t)
}

// BenchmarkIdle reports the share of a core that the harness uses while a plugin computes, including the start of the
// plugin and the database. It is small because the harness waits without polling.
func BenchmarkIdle(b *testing.B) {
	s := parseSuite(b, "name: f\nrepeats: 1\nprobes:\n  - {probe: decode, grid: {depth: 16}}\n")
	o := realOptions(s, corpusFile(b), "hang")
	o.least = 3 * time.Second
	var used, elapsed time.Duration
	for b.Loop() {
		p, err := Prepare(context.Background(), o)
		if err != nil {
			b.Fatal(err)
		}
		db, before, start := openDB(b), cpuTime(b), time.Now()
		if err := Execute(context.Background(), db, p); err != nil {
			b.Fatal(err)
		}
		used, elapsed = used+cpuTime(b)-before, elapsed+time.Since(start)
	}
	b.ReportMetric(100*used.Seconds()/elapsed.Seconds(), "%core")
}

// cpuTime returns the CPU time that this process has used.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
