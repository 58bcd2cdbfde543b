package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/suite"
	"github.com/archbench/archbench/internal/sharedtest"
)

// children are what this binary does as a process that a test kills.
var children = map[string]func(ctx context.Context, db *store.DB) error{"plugins": measurePlugins, "fakes": measureFakes, "merge": mergeShard}

// killed runs this binary as a child on a database until it ends well. It kills each child at a random moment
// within the time of an undisturbed one, and check looks at what is left. It returns the number of kills.
func killed(t *testing.T, what, db string, takes time.Duration, env []string, check func()) (kills int) {
	t.Helper()
	for {
		c := exec.Command(os.Args[0])
		c.Env = append(append(os.Environ(), "ARCHBENCH_TEST_CHILD="+what, "ARCHBENCH_TEST_DB="+db), env...)
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rand.Int64N(int64(takes)*5/4)), func() { _ = c.Process.Kill() })
		err := c.Wait()
		timer.Stop()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return kills
		case !errors.As(err, &exit) || exit.String() != "signal: killed":
			t.Fatal(err)
		}
		kills++
		check()
	}
}

// manyKills is how often a test kills: 100 times where time does not matter.
func manyKills() int {
	if os.Getenv("CI") == "true" || sharedtest.IsLong() {
		return 100
	}
	return 5
}

// measureFakes executes a run over fakes in this process, or resumes the one that is there.
func measureFakes(ctx context.Context, db *store.DB) error {
	s, err := suite.Parse("mixed.yaml", []byte(mixed))
	if err != nil {
		return err
	}
	o := Options{Suites: []*suite.Suite{s}, Plugins: honest(), Seed: 7, Threads: 2, Corpus: os.Getenv("ARCHBENCH_TEST_CORPUS"), watch: quiet,
		Models: []ModelSpec{{Architecture: "a"}, {Architecture: "b"}}}
	runs, err := db.Runs(ctx)
	if err != nil {
		return err
	}
	if len(runs) > 0 {
		_, err = Resume(ctx, db, runs[0].ID, o)
		return err
	}
	p, err := Prepare(ctx, o)
	if err != nil {
		return err
	}
	return Execute(ctx, db, p)
}

// outline is a run without what differs between any two measurements of it: its cells with their samples in order.
func outline(r *record.Run) (lines []string) {
	for _, c := range r.All() {
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s %d", c.ID, c.Probe, c.Model, c.Point, c.Status, len(c.Samples)))
		for _, s := range c.Samples {
			lines = append(lines, fmt.Sprintf("  %d %d %d %s %s %s %d", s.Block, s.Attempt, s.Position, s.Metric, s.Label, s.Unit, len(s.Calls)))
		}
	}
	return lines
}

// TestKilledAnywhere kills runs over fakes at random moments and resumes them. At the end a run must be the uninterrupted one in
// its cells, its samples and their order.
func TestKilledAnywhere(t *testing.T) {
	dir, env := t.TempDir(), []string{"ARCHBENCH_TEST_CORPUS=" + corpusFile(t)}
	calm := filepath.Join(dir, "calm.db")
	start := time.Now()
	killed(t, "fakes", calm, time.Hour, env, nil)
	takes := time.Since(start)
	want := outline(latest(t, calm))
	kills := 0
	for run := 0; kills < manyKills(); run++ {
		path := filepath.Join(dir, fmt.Sprint(run), "r.db")
		kills += killed(t, "fakes", path, takes, env, func() {})
		got := latest(t, path)
		if diff := cmp.Diff(want, outline(got)); diff != "" || got.Status != record.Done {
			t.Fatalf("run %d, %s, after %d kills:\n%s", run, got.Status, kills, diff)
		}
	}
	t.Logf("%d kills, a run takes %v", kills, takes)
}

// mergeShard merges all runs of a shard.
func mergeShard(ctx context.Context, db *store.DB) error {
	shard, err := store.OpenToRead(ctx, os.Getenv("ARCHBENCH_TEST_SHARD"))
	if err != nil {
		return err
	}
	defer shard.Close()
	runs, err := shard.Runs(ctx)
	if err != nil {
		return err
	}
	for _, r := range runs {
		whole, err := shard.LoadRun(ctx, r.ID)
		if err != nil {
			return err
		}
		if _, err := db.Merge(ctx, whole); err != nil {
			return err
		}
	}
	return nil
}

// TestMergeKilledAnywhere kills merges at random moments. After each kill every run is as it was before or as in the shard, and
// repeating the merge ends with the runs of the shard. Merging once more changes nothing.
func TestMergeKilledAnywhere(t *testing.T) {
	dir := t.TempDir()
	shard := filepath.Join(dir, "shard.db")
	env := []string{"ARCHBENCH_TEST_SHARD=" + shard}
	partial, whole := map[string]*record.Run{}, map[string]*record.Run{}
	for i := range 6 {
		id := fmt.Sprintf("r-%d", i)
		partial[id], whole[id] = blocksOf(id, 20), blocksOf(id, 80)
		whole[id].Status, whole[id].Cells[0].Status = record.Done, record.OK
	}
	fill := func(path string, runs map[string]*record.Run) {
		db := openAt(t, path)
		defer db.Close()
		for id, r := range runs {
			if id == "r-5" && path != shard {
				continue // only the shard has it
			}
			if err := db.AddRun(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(shard, whole)
	takes, kills := time.Hour, 0
	for n := 0; kills < manyKills(); n++ {
		path := filepath.Join(dir, fmt.Sprint(n), "r.db")
		fill(path, partial)
		check := func(done bool) {
			t.Helper()
			db := openAt(t, path)
			defer db.Close()
			for id := range whole {
				got, err := db.LoadRun(t.Context(), id)
				switch {
				case errors.Is(err, store.ErrNotFound) && !done && id == "r-5":
				case err != nil:
					t.Fatal(err)
				case !reflect.DeepEqual(got, whole[id]) && (done || !reflect.DeepEqual(got, partial[id])):
					t.Fatalf("%s is neither as before nor as in the shard:\n%s", id, cmp.Diff(whole[id], got))
				}
			}
		}
		start := time.Now()
		kills += killed(t, "merge", path, takes, env, func() { check(false) })
		if n == 0 {
			takes = time.Since(start)
		}
		check(true)
		killed(t, "merge", path, time.Hour, env, nil)
		check(true)
	}
	t.Logf("%d kills, a merge takes %v", kills, takes)
}

// blocksOf returns an interrupted run with blocks of one cell.
func blocksOf(id string, blocks int) *record.Run {
	c := record.Cell{ID: id + "-cell", Suite: "speed", Probe: "prefill", Model: "a", Repeats: 80, Status: record.Pending}
	for block := range blocks {
		for i := range 20 {
			c.Samples = append(c.Samples, record.Sample{Metric: "prefill_seconds", Label: fmt.Sprint(i), Value: float64(block), Unit: "s", Block: block})
		}
	}
	return &record.Run{ID: id, Started: time.Unix(1700000000, 0).UTC(), Ended: time.Unix(1700000100, 0).UTC(), Status: record.Interrupted,
		Host: record.Host{ID: "h"}, Models: []record.Model{{Name: "a"}}, Cells: []record.Cell{c}}
}

func openAt(t *testing.T, path string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}
