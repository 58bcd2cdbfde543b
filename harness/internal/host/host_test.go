package host

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
)

// TestDescribe checks that no fact is blank and that two readings agree.
func TestDescribe(t *testing.T) {
	a, b := Describe(), Describe()
	if a.Fingerprint != b.Fingerprint || a.ID != b.ID {
		t.Errorf("two readings of one machine differ: %+v and %+v", a, b)
	}
	if len(a.Fingerprint) != 64 || a.Fingerprint == a.ID {
		t.Errorf("fingerprint %q, id %q", a.Fingerprint, a.ID)
	}
	for _, f := range a.Facts {
		if f.Name == "" || strings.TrimSpace(f.Words()) == "" {
			t.Errorf("blank fact %+v", f)
		}
	}
}

func TestDigestDependsOnEveryFact(t *testing.T) {
	facts := []record.Fact{{Name: "cpu", Value: "x"}, {Name: "cores", Value: "2"}}
	want := digest(facts)
	for i := range facts {
		changed := append([]record.Fact(nil), facts...)
		changed[i].Value += "!"
		if digest(changed) == want {
			t.Errorf("digest ignores %s", facts[i].Name)
		}
	}
}

// of is a gauge with a value.
func of(value float64) gauge { return gauge{value: value, ok: true} }

// TestSince uses counters with known growth.
func TestSince(t *testing.T) {
	start := time.Unix(0, 0)
	before := Snapshot{counters: counters{at: start, steal: of(10), total: of(100)}, load: of(0.5)}
	after := Snapshot{counters: counters{at: start.Add(4 * time.Second), steal: of(12), total: of(108)}, load: of(1.5)}
	before.stalled[0], after.stalled[0] = of(1), of(2)
	got := map[string]string{}
	for _, f := range after.Since(before) {
		got[f.Name] = f.Words()
	}
	for name, want := range map[string]string{
		"load": "0.50 before, 1.50 after", "steal": "25.00 % of the CPU time", "cpu pressure": "25.00 % of the time",
		"io pressure": "n/a (not offered by this machine)", "frequency kHz": "n/a (not offered by this machine)",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}

// TestMemory compares the readings for this process and a child.
func TestMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells the memory of a process")
	}
	m, ok := ReadMemory(os.Getpid())
	if !ok || m.RSS <= 0 || m.Peak < m.RSS/2 {
		t.Errorf("own memory %+v, %v", m, ok)
	}
	child := exec.Command("true")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	if _, ok := ReadMemory(child.Process.Pid); ok {
		t.Error("a process that ended still has memory")
	}
	if free, ok := FreeMemory(); !ok || free <= 0 {
		t.Errorf("free memory %d, %v", free, ok)
	}
}
