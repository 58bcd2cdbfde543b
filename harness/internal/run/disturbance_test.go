package run

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
)

// sensors makes a watch of a machine whose sensors read what of returns for the n-th group that is watched.
func sensors(of func(n int) (machine, process []record.Reading)) watch {
	n := 0
	return func(pids []int) func() ([]record.Reading, [][]record.Reading) {
		machine, process := of(n)
		n++
		return func() ([]record.Reading, [][]record.Reading) {
			all := make([][]record.Reading, len(pids))
			all[0] = process // the first model of a group
			return machine, all
		}
	}
}

// always returns the same readings of the machine.
func always(machine ...record.Reading) watch {
	return sensors(func(int) ([]record.Reading, []record.Reading) { return machine, nil })
}

const timingSuite = "name: s\nrepeats: 8\nspan: 0s\nprobes:\n  - {probe: prefill, grid: {len: [16, 32, 64]}}\n  - {probe: decode, grid: {depth: 16}}\n"

// TestCauses injects each cause of a disturbance: it alone must be the reason, and only beyond its limit.
func TestCauses(t *testing.T) {
	for _, l := range limits {
		for _, c := range []struct {
			name    string
			reading record.Reading
			reason  bool
		}{
			{"beyond", record.Reading{Name: l.sensor, Value: l.most + 0.01}, true},
			{"at the limit", record.Reading{Name: l.sensor, Value: l.most}, false},
			{"not offered", record.Reading{Name: l.sensor, Value: 1e9, Reason: "no sensor"}, false},
		} {
			got := disturbances("m", []record.Reading{{Name: host.Frequency, Value: 1e6}, c.reading})
			if len(got) > 1 || len(got) == 1 != c.reason || c.reason && (!strings.HasPrefix(got[0], l.sensor+" ") || strings.HasSuffix(got[0], " (m)") != l.own) {
				t.Errorf("%s %s: reasons %q", l.sensor, c.name, got)
			}
		}
		if !strings.Contains(rule(), l.sensor+" above ") {
			t.Errorf("the rule %q does not name %s", rule(), l.sensor)
		}
	}
}

// TestDisturbedGroup disturbs one model's process in one group: all samples of the group are marked with the reason and
// repeated, both attempts are stored, and those of the undisturbed one count.
func TestDisturbedGroup(t *testing.T) {
	o := options(t, honest(), timingSuite, "a", "b")
	const at = 4 * 4 // the first group of the fifth block, whose repetition is paid for
	o.watch = sensors(func(n int) (machine, process []record.Reading) {
		if n == at {
			process = []record.Reading{{Name: host.MajorFaults, Value: 50}}
		}
		return []record.Reading{{Name: host.Steal, Reason: "no hypervisor"}}, process
	})
	p, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Run.All() {
		c.Estimate = time.Millisecond
	}
	db := openDB(t)
	if err := Execute(t.Context(), db, p); err != nil {
		t.Fatal(err)
	}
	r := load(t, db, p.Run.ID)
	disturbed := order(r, 4)[0]
	reason := "major faults 50 pages (" + disturbed[0].Model + ")"
	for _, c := range r.All() {
		metric := c.Samples[0].Metric
		if first := c.Samples[0]; first.Readings[0].Reason != "no hypervisor" {
			t.Errorf("readings %+v", first.Readings)
		}
		if n := len(c.Of(metric)); n != 8 || measuredBlocks(c) != 8 || c.Status != record.OK {
			t.Errorf("%s: %s with %d values that count of %d blocks", c.Model, c.Status, n, measuredBlocks(c))
		}
		if !slices.Contains(disturbed, c) {
			if slices.ContainsFunc(c.Samples, func(s record.Sample) bool { return s.Attempt > 0 || s.Disturbed != nil }) {
				t.Errorf("%s %s is disturbed or repeated", c.Model, c.Point)
			}
			continue
		}
		both := slices.DeleteFunc(slices.Clone(c.Samples), func(s record.Sample) bool { return s.Block != 4 || s.Metric != metric })
		if len(both) != 2 || both[1].Attempt != 1 || both[1].Disturbed != nil || both[1].Position < both[0].Position {
			t.Fatalf("%s: attempts %+v", c.Model, both)
		}
		if diff := cmp.Diff([]string{reason}, both[0].Disturbed); diff != "" {
			t.Errorf("%s: %s", c.Model, diff)
		}
		if i := slices.IndexFunc(c.Of(metric), func(s record.Sample) bool { return s.Block == 4 }); c.Of(metric)[i].Attempt != 1 {
			t.Errorf("%s: the disturbed attempt counts", c.Model)
		}
	}
}

// TestAlwaysDisturbed checks that repetitions are bounded, and that the first attempt counts if the second was no better.
func TestAlwaysDisturbed(t *testing.T) {
	o := options(t, honest(), timingSuite, "a", "b")
	o.watch = always(record.Reading{Name: host.Steal, Value: 0.5})
	r := execute(t, openDB(t), o)
	repeats := 0
	for _, c := range r.All() {
		for _, s := range c.Samples {
			repeats += s.Attempt
			if diff := cmp.Diff([]string{"steal 50 % of the CPU time"}, s.Disturbed); diff != "" {
				t.Error(diff)
			}
		}
		if slices.ContainsFunc(slices.Collect(c.Counting()), func(s *record.Sample) bool { return s.Attempt > 0 }) || c.Status != record.OK {
			t.Errorf("%s: %s, and a repetition counts that was disturbed as well", c.Model, c.Status)
		}
	}
	if repeats == 0 {
		t.Error("nothing was repeated")
	}
	checkRepeats(t, r)
}

// checkRepeats checks that exactly those groups of a run that was always disturbed were repeated for which there was time.
func checkRepeats(t *testing.T, r *record.Run) {
	t.Helper()
	blocks := 0
	for _, c := range r.All() {
		if probe.Find(c.Probe).Timing {
			blocks = max(blocks, c.Repeats)
		}
	}
	spare := time.Duration(0)
	for block := range blocks {
		groups := order(r, block)
		for _, c := range slices.Concat(groups...) {
			spare += time.Duration(repeatShare * float64(planned(c)))
		}
		for _, g := range groups {
			cost := time.Duration(0)
			for _, c := range g {
				cost += planned(c)
			}
			want := 1
			if cost <= spare {
				want, spare = 2, spare-cost
			}
			for _, c := range g {
				if n := attemptsAt(c, block); n != want {
					t.Errorf("block %d of %s %s %s: %d attempts, want %d", block, c.Probe, c.Point, c.Model, n, want)
				}
			}
		}
	}
}

// TestResumeRepeats stops an always disturbed run at every measurement and resumes it: what is repeated must not depend on
// that.
func TestResumeRepeats(t *testing.T) {
	for stop := 1; ; stop++ {
		o, db := options(t, honest(), strings.Replace(timingSuite, "repeats: 8", "repeats: 5", 1), "a", "b"), openDB(t)
		o.watch = always(record.Reading{Name: host.MajorFaults, Value: 1e6})
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		o.Observe = func(Event) {
			if n++; n == stop {
				cancel()
			}
		}
		p, err := Prepare(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := Execute(ctx, db, p); err == nil {
			break
		} else if !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
		o.Observe = nil
		if _, err := Resume(t.Context(), db, p.Run.ID, o); err != nil {
			t.Fatal(err)
		}
		r := load(t, db, p.Run.ID)
		if r.Status != record.Done || r.Count(record.OK) != len(r.Cells) {
			t.Errorf("stopped after %d: %s, %d cells measured", stop, r.Status, r.Count(record.OK))
		}
		checkRepeats(t, r)
	}
}

// TestOtherRule checks that the samples of a plan with another rule are not judged by this program's.
func TestOtherRule(t *testing.T) {
	o := options(t, honest(), timingSuite, "a")
	o.watch = always(record.Reading{Name: host.Steal, Value: 1})
	p, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Run.Facts, func(f record.Fact) bool { return f.Name == ruleFact })
	p.Run.Facts[i].Value = "another rule"
	db := openDB(t)
	if err := Execute(t.Context(), db, p); err != nil {
		t.Fatal(err)
	}
	for _, c := range load(t, db, p.Run.ID).Cells {
		if slices.ContainsFunc(c.Samples, func(s record.Sample) bool { return s.Disturbed != nil || s.Attempt > 0 }) {
			t.Errorf("%s was judged", c.Point)
		}
	}
}

// slowAtFirst is a model whose calls take what of returns for the n-th call.
func slowAtFirst(a *lmfake.Architecture, of func(n int) time.Duration) {
	n := 0
	a.Before = func(_ context.Context, call string) error {
		if call == "step" {
			a.PerToken = of(n)
			n++
		}
		return nil
	}
}

// TestWarmUpIsDropped checks that the calls of a model's warm-up are kept but do not count, and neither do those of the other
// models in the same rounds.
func TestWarmUpIsDropped(t *testing.T) {
	const warm = 9
	f := honest()
	o := options(t, f, "name: s\nrepeats: 1\nprobes:\n  - {probe: prefill, grid: {len: 16}}\n", "a", "b")
	p, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r := newRunner(openDB(t), p)
	workers := map[string]*worker{}
	var turns []*turn
	for _, c := range p.Run.All() {
		c.Rounds = 20
		turns = append(turns, &turn{cell: c})
	}
	r.watch = func(pids []int) func() ([]record.Reading, [][]record.Reading) {
		slowAtFirst(f.all["a"], func(n int) time.Duration {
			if n < warm {
				return time.Duration(20+n%3) * time.Millisecond
			}
			return time.Duration(10+n%3) * time.Millisecond
		})
		return quiet(pids)
	}
	if err := r.alternate(t.Context(), workers, turns); err != nil {
		t.Fatal(err)
	}
	for _, turn := range turns {
		s := probe.Summarise(turn.results, turn.warmUp, probe.EstimatorOf(nil)).Samples[0]
		if turn.err != nil || s.Dropped != warm || len(s.Calls) != 20 || len(s.Values()) != 20-warm {
			t.Errorf("%s: %d of %d calls dropped, want %d (%v)", turn.cell.Model, s.Dropped, len(s.Calls), warm, turn.err)
		}
		if want := 16 * 11 * time.Millisecond; turn.cell.Model == "a" && s.Value != want.Seconds() {
			t.Errorf("value %v, want that after the warm-up", s.Value)
		}
	}
}

// TestNeverStable checks that a cell is marked if its calls become faster to the end in most blocks, and not for a few.
func TestNeverStable(t *testing.T) {
	for _, c := range []struct {
		falling, blocks int
		marked          bool
	}{{10, 10, true}, {5, 10, true}, {4, 10, false}, {1, 2, false}, {0, 10, false}} {
		cell := &record.Cell{}
		for block := range c.blocks {
			s := record.Sample{Block: block, Host: time.Second, Plugin: time.Second, Calls: []float64{2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1}}
			if block < c.falling {
				s.Calls = []float64{12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}
			}
			cell.Samples = append(cell.Samples, s)
		}
		if err := (&runner{}).complete(cell, nil); err != nil {
			t.Error(err)
		}
		if marked := len(cell.Warnings) == 1 && strings.HasPrefix(cell.Warnings[0], "never stable"); marked != c.marked {
			t.Errorf("%d of %d blocks: warnings %q", c.falling, c.blocks, cell.Warnings)
		}
	}
}
