//go:build cgo

package store

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/archbench/archbench/harness/internal/process"
	"github.com/archbench/archbench/harness/internal/record"
)

// again opens another handle's database once more, as another process would.
func again(t *testing.T, db *DB) *DB {
	t.Helper()
	other, err := Open(context.Background(), db.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return other
}

// leaseTo writes a process's lease into a run's row.
func leaseTo(t *testing.T, db *DB, run string, p process.ID) {
	t.Helper()
	if _, err := db.sql.Exec(`UPDATE runs SET owner = ? WHERE id = ?`, lease{p, "another"}.column(), run); err != nil {
		t.Fatal(err)
	}
}

// dead is a process that has ended.
func dead(t *testing.T) process.ID {
	t.Helper()
	c := exec.Command("true")
	if err := c.Run(); err != nil {
		t.Skip(err)
	}
	id := process.Self()
	id.PID = c.Process.Pid
	return id
}

// TestClaim claims runs that belong to processes in every state.
func TestClaim(t *testing.T) {
	ctx, self := context.Background(), process.Self()
	reused, booted, elsewhere := self, self, self
	reused.Start, booted.Boot, elsewhere.Machine, elsewhere.Boot, elsewhere.Host = "before", "before", "other", "other", "there"
	for _, c := range []struct {
		name     string
		owner    process.ID
		takeOver bool
		want     string // "": the claim succeeds
		status   string // status before the claim, as others see it
	}{
		{"alive", self, false, "lives; wait until it ends, or end it (kill ", record.Running},
		{"alive, by force", self, true, "lives; wait", record.Running},
		{"gone", dead(t), false, "", record.Interrupted},
		{"its number given again", reused, false, "", record.Interrupted},
		{"of another boot", booted, false, "", record.Interrupted},
		{"on another machine", elsewhere, false, "on there lives cannot be seen from here; if it does not, say archbench resume r-1 --take-over --db ", record.Running},
		{"on another machine, by force", elsewhere, true, "", record.Running},
	} {
		db, run := open(t), example("r-1")
		if err := db.CreateRun(ctx, run); err != nil {
			t.Fatal(err)
		}
		leaseTo(t, db, run.ID, c.owner)
		seen, err := db.LoadRun(ctx, run.ID)
		if err != nil || seen.Status != c.status || (seen.Owner != "") != (c.status == record.Running) {
			t.Errorf("%s: seen as %s of %q, %v; want %s", c.name, seen.Status, seen.Owner, err, c.status)
		}
		err = again(t, db).Claim(ctx, run.ID, c.takeOver)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestClaimedOnce lets many handles claim an interrupted run at once: only one gets it.
func TestClaimedOnce(t *testing.T) {
	ctx, db, run := context.Background(), open(t), example("r-1")
	if err := db.CreateRun(ctx, run); err != nil {
		t.Fatal(err)
	}
	leaseTo(t, db, run.ID, dead(t))
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		other := again(t, db)
		all.Go(func() {
			switch err := other.Claim(ctx, run.ID, false); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, ErrTaken):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d have the run", won.Load())
	}
}

// TestLostRun checks that a process cannot add to a run that was taken over or removed.
func TestLostRun(t *testing.T) {
	ctx, db, run := context.Background(), open(t), example("r-1")
	if err := db.CreateRun(ctx, run); err != nil {
		t.Fatal(err)
	}
	writes := func() []error {
		return []error{
			db.Record(ctx, run.ID, &run.Cells[0], []record.Sample{{Metric: "m", Value: 1}}), db.MarkLeak(ctx, run.ID, "a"),
			db.SetStatus(ctx, run), db.Release(ctx, run.ID),
		}
	}
	leaseTo(t, db, run.ID, process.ID{PID: 12, Host: "there", Boot: "other"})
	for i, err := range writes() {
		if !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), "process 12 on there has taken it over") {
			t.Errorf("write %d: %v", i, err)
		}
	}
	if got, err := db.LoadRun(ctx, run.ID); err != nil || len(got.Cells[0].Samples) != 0 || got.Models[0].LeaksFuture {
		t.Errorf("something was stored: %+v, %v", got, err)
	}
	if err := db.Remove(ctx, run.ID); err != nil {
		t.Fatal(err)
	}
	for i, err := range writes() {
		if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "was removed") {
			t.Errorf("write %d after the removal: %v", i, err)
		}
	}
}

// TestRelease gives a run back before and at its end.
func TestRelease(t *testing.T) {
	ctx, db, run := context.Background(), open(t), example("r-1")
	if err := db.CreateRun(ctx, run); err != nil {
		t.Fatal(err)
	}
	other := again(t, db)
	if err := other.Remove(ctx, run.ID); !errors.Is(err, ErrTaken) {
		t.Errorf("a run that is measured was removed: %v", err)
	}
	if err := db.Release(ctx, run.ID); err != nil {
		t.Fatal(err)
	}
	if err := other.Claim(ctx, run.ID, false); err != nil {
		t.Fatal(err)
	}
	run.Status = record.Interrupted
	if err := other.SetStatus(ctx, run); err != nil {
		t.Fatal(err)
	}
	if err := db.Claim(ctx, run.ID, false); err != nil {
		t.Error(err)
	}
}

// TestBlockOnce stores a block of a cell twice: the second attempt is refused and stores nothing.
func TestBlockOnce(t *testing.T) {
	ctx, db, run := context.Background(), open(t), example("r-1")
	if err := db.CreateRun(ctx, run); err != nil {
		t.Fatal(err)
	}
	c := &run.Cells[0]
	block := []record.Sample{{Metric: "m", Value: 1, Block: 2}, {Metric: "m", Value: 2, Block: 2}}
	if err := db.Record(ctx, run.ID, c, block); err != nil {
		t.Fatal(err)
	}
	c.Status = record.OK
	if err := db.Record(ctx, run.ID, c, append([]record.Sample{{Metric: "m", Value: 3, Block: 1}}, block...)); err == nil || !strings.Contains(err.Error(), "stored already") {
		t.Errorf("a block was stored twice: %v", err)
	}
	got, err := db.LoadRun(ctx, run.ID)
	if err != nil || len(got.Cells[0].Samples) != 2 || got.Cells[0].Status != record.Pending {
		t.Errorf("got %+v, %v", got.Cells[0], err)
	}
}
