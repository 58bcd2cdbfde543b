package host

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
)

// TestUntil uses counters with known growth: each reading is a share or a rate of its own whole.
func TestUntil(t *testing.T) {
	start := time.Unix(0, 0)
	before := counters{at: start, steal: of(10), total: of(100), quota: of(3), throttled: of(7)}
	after := counters{at: start.Add(4 * time.Second), steal: of(12), total: of(108), quota: of(4), throttled: of(9)}
	before.stalled, after.stalled = [3]gauge{of(1), lacking("no /proc/pressure/memory"), of(5)}, [3]gauge{of(2), of(1), of(5)}
	want := []record.Reading{
		{Name: Steal, Value: 0.25}, {Name: CPUPressure, Value: 0.25}, {Name: MemoryPressure, Reason: "no /proc/pressure/memory"},
		{Name: IOPressure}, {Name: Quota, Value: 0.25}, {Name: Throttling, Value: 2}, {Name: Frequency, Reason: notOffered},
	}
	if diff := cmp.Diff(want, before.until(after, gauge{})); diff != "" {
		t.Error(diff)
	}
	used := usage{faults: of(2), threads: map[int]thread{1: {running: 3, waiting: 1, preemptions: 10}, 2: {waiting: 50}, 3: {running: 9}}}
	later := usage{faults: of(3), threads: map[int]thread{
		1: {running: 6, waiting: 2, preemptions: 22}, // a quarter of its time in a queue
		2: {waiting: 90},                             // did no work
		4: {running: 1, waiting: 3, preemptions: 4},  // started meanwhile; the third has ended
	}}
	want = []record.Reading{{Name: Waiting, Value: (3*0.25 + 1*0.75) / 4}, {Name: Preemptions, Value: 4}, {Name: MajorFaults, Value: 1}}
	if diff := cmp.Diff(want, used.until(later)); diff != "" {
		t.Error(diff)
	}
	if r := used.until(used); r[0].Reason != "no time passed" || r[1].Reason != "no time passed" || r[2].Reason != "" {
		t.Errorf("a process that did nothing: %+v", r)
	}
}

// TestWatch checks that a reading has either a value or a reason, and that a process is told from one that ended.
func TestWatch(t *testing.T) {
	gone := exec.Command(os.Args[0], "-test.run=^$")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	w := Begin([]int{os.Getpid(), gone.Process.Pid, 0})
	for begin := time.Now(); time.Since(begin) < 20*time.Millisecond; {
	}
	machine, processes := w.End()
	if len(machine) != 8 || len(processes) != 3 {
		t.Fatalf("%d readings of the machine, %d processes", len(machine), len(processes))
	}
	for _, r := range append(append(machine, processes[0]...), processes[1]...) {
		if r.Name == "" || r.Reason != "" && r.Value != 0 || r.Value < 0 {
			t.Errorf("%+v", r)
		}
		if runtime.GOOS != "linux" && r.Reason != "no source on "+runtime.GOOS {
			t.Errorf("%+v, want a reason", r)
		}
	}
	for i, r := range processes[1] {
		if r.Reason == "" || processes[2][i].Reason == "" {
			t.Errorf("%+v and %+v, want reasons", r, processes[2][i])
		}
	}
	if own := processes[0]; runtime.GOOS == "linux" && own[2].Reason != "" {
		t.Errorf("own process: %+v", own)
	}
}

// BenchmarkWatch times the readings around a sample of two processes.
func BenchmarkWatch(b *testing.B) {
	pids := []int{os.Getpid(), os.Getpid()}
	for b.Loop() {
		Begin(pids).End()
	}
}

// TestDescendants checks that the work of a plugin's own processes is the plugin's, and not that of strangers.
func TestDescendants(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no source on " + runtime.GOOS)
	}
	if _, err := os.Stat("/proc/thread-self/children"); err != nil {
		t.Skip("the kernel has no lists of children: ", err)
	}
	// The inner shell spins; the outer one waits for it, and for its standard input to end.
	plugin := exec.Command("sh", "-c", "sh -c 'while :; do :; done' & read line; kill $!")
	stdin, err := plugin.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := plugin.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		plugin.Wait() // its status is that of the signal
	}()
	// Without the inner shell or its work these loops last until the tests' time limit.
	for len(withDescendants(plugin.Process.Pid)) < 2 {
		time.Sleep(time.Millisecond)
	}
	begin := usageOf(plugin.Process.Pid)
	for begin.worked(usageOf(plugin.Process.Pid)).value == 0 {
		time.Sleep(time.Millisecond)
	}
	own, child := usageOf(os.Getpid()), usageOf(plugin.Process.Pid)
	if both := own.with(child); len(both.threads) != len(own.threads) {
		t.Errorf("%d threads of this process and %d of its child make %d: some count twice", len(own.threads), len(child.threads), len(both.threads))
	}
}
