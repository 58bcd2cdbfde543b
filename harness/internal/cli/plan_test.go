package cli

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm/lmplugin"
)

const planSuite = `name: s
probes:
  - {probe: memory, grid: {len: 16}}
  - {probe: prefill, grid: {len: [16, 1000000]}}
  - {probe: decode, grid: {depth: 16}}
`

// TestPlan checks what a plan says: what is measured and what not, how long, and what the comparisons can show.
func TestPlan(t *testing.T) {
	d := newDesk(t)
	d.write("s.yaml", planSuite)
	models := []string{"--model", "a=fake:init:1", "--model", "b=fake:init:2", "--model", "c=fake:init:3", "--corpus", "s.yaml"}
	say := func(code int, args []string, want ...string) {
		t.Helper()
		stdout, stderr := d.must(code, append(append([]string{"plan", "./s.yaml"}, models...), args...)...)
		for _, w := range want {
			if !strings.Contains(stdout+stderr, w) {
				t.Errorf("%v: no %q in\n%s%s", args, w, stdout, stderr)
			}
		}
	}
	say(ExitOK, []string{"--budget", "20s"}, "n/a (noise unknown)", "archbench doctor --noise", "10 × ", "0.004", "time: about ", "0 ¹", "¹ all models: left out for the budget")
	say(ExitOK, []string{"--until", "decided", "--set", "prefill.len=16"}, "10–", "at least", "<0.001")
	say(ExitUndecided, []string{"--set", "repeats=4"}, "0.250", "no comparison of prefill, decode can be decided: with 4 blocks in a family of 2, p is at least 0.25; --set repeats=7 would do")
	if code, _, _ := d.call("show"); code != ExitUsage {
		t.Errorf("a plan makes a database: show gives %d", code)
	}
	d.noisy("r-01d", time.Now().Add(-72*time.Hour), 0.5, leastNoise, "")
	d.noisy("r-11e", time.Now().Add(-3*time.Hour), 0.02, leastNoise, "")
	d.noisy("r-21e", time.Now().Add(-time.Hour), 0.5, leastNoise-1, "")
	d.noisy("r-31e", time.Now().Add(-time.Hour), 0.5, leastNoise, "another")
	say(ExitOK, nil, "2.0 %", "n/a (noise unknown)", "run r-11e (3 hours old)") // decode has no noise
	stdout, _ := d.must(ExitOK, "doctor")
	for _, want := range []string{"50 % between 2 models, 50 % between 4 models", "run r-31e", "n/a (not measured on this host)", "archbench doctor --noise"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("doctor says no %q:\n%s", want, stdout)
		}
	}
}

// TestDoctorNoise measures the noise of the host with the only model that there is, and shows it then.
func TestDoctorNoise(t *testing.T) {
	d := newDesk(t)
	if err := os.Remove(filepath.Join(os.Getenv(lmplugin.PathVariable), lmplugin.Prefix+"broken")); err != nil {
		t.Fatal(err)
	}
	d.write("text.txt", strings.Repeat("The quick brown fox jumps over the lazy dog. ", 40))
	defer func(was []string) { noisePlan = was }(noisePlan)
	noisePlan = []string{"len=4,8", "depth=4,8", "batch=1", "span=0s", "repeats=8"}
	stdout, _ := d.must(ExitOK, "doctor", "--noise", "--threads", "1", "--corpus", "text.txt")
	for _, want := range []string{"between 2 models", "from 16 blocks of run r-", "(1 thread, 0 minutes old)"} {
		if strings.Count(stdout, want) != len(timingProbes()) {
			t.Errorf("doctor says no %q:\n%s", want, stdout)
		}
	}
	if stdout, _ := d.must(ExitOK, "doctor", "--threads", "2"); !strings.Contains(stdout, "archbench doctor --noise --threads 2") {
		t.Errorf("the noise of other threads is taken:\n%s", stdout)
	}
}

// noisy stores a run of this host that compares a model on a device with itself, by blocks whose ratios are off by a share to either
// side.
func (d desk) noisy(id string, started time.Time, share float64, blocks int, device string) {
	d.t.Helper()
	db, err := (&app{db: defaultDB}).create(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	defer db.Close()
	r := &record.Run{ID: id, Started: started, Status: record.Done, Host: host.Describe()}
	for _, name := range []string{"a", "b"} {
		r.Models = append(r.Models, record.Model{Name: name, Threads: host.Threads(), Device: device, Causal: true, Parameters: 1})
		r.Cells = append(r.Cells, record.Cell{ID: id[2:] + name, Probe: "prefill", Model: name, Point: record.Point{{Name: "len", Value: "16"}, {Name: "batch", Value: "1"}}, Repeats: blocks, Status: record.Pending})
	}
	if err := db.CreateRun(d.t.Context(), r); err != nil {
		d.t.Fatal(err)
	}
	for i := range r.Cells {
		var samples []record.Sample
		for block := range blocks {
			value := 1.0
			if i == 1 {
				value = math.Pow(1+share, float64(block%2*2-1))
			}
			samples = append(samples, record.Sample{Metric: probe.PrefillSeconds, Value: value, Unit: "s", Block: block})
		}
		r.Cells[i].Status = record.OK
		if err := db.Record(d.t.Context(), r.ID, &r.Cells[i], samples); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := db.SetStatus(d.t.Context(), r); err != nil {
		d.t.Fatal(err)
	}
}
