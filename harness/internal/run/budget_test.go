package run

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
)

// TestBudgetEndsTheRun checks that a run whose time is over ends after the block in flight and says how to go on, and that a copy of
// it in another database is resumed to the end.
func TestBudgetEndsTheRun(t *testing.T) {
	o := options(t, honest(), mixed, "a", "b")
	p, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	db, elsewhere := openDB(t), openDB(t)
	if err := db.CreateRun(t.Context(), p.Run); err != nil {
		t.Fatal(err)
	}
	r := newRunner(db, p)
	r.observe = func(e Event) {
		if e.Block == 2 {
			r.progress.deadline = time.Now()
		}
	}
	if err := r.measureAll(t.Context()); !errors.Is(err, ErrBudget) || !errors.Is(err, ErrInterrupted) || !strings.Contains(err.Error(), "archbench resume "+p.Run.ID) {
		t.Errorf("error %v", err)
	}
	stopped := load(t, db, p.Run.ID)
	checkBlocks(t, stopped, record.Pending, 2)
	if stopped.Status != record.Interrupted {
		t.Errorf("status %s", stopped.Status)
	}
	if _, err := elsewhere.Merge(t.Context(), stopped); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(t.Context(), elsewhere, p.Run.ID, o); err != nil {
		t.Fatal(err)
	}
	checkBlocks(t, load(t, elsewhere, p.Run.ID), record.OK, 3)
}

// checkBlocks checks the status and the blocks of the timing cells, and that all others are settled.
func checkBlocks(t *testing.T, run *record.Run, status record.Status, blocks int) {
	t.Helper()
	for _, c := range run.All() {
		switch timing := probe.Find(c.Probe).Timing; {
		case timing && (c.Status != status || measuredBlocks(c) != blocks):
			t.Errorf("%s of %s: %s with %d blocks, want %s with %d", c.Probe, c.Model, c.Status, measuredBlocks(c), status, blocks)
		case !timing && c.Status == record.Pending:
			t.Errorf("%s of %s is left", c.Probe, c.Model)
		}
	}
}

// TestNoTime checks that a run without time for anything measures nothing, and that time given to resume, which the suite's budget is
// not, limits that as well.
func TestNoTime(t *testing.T) {
	o, db := options(t, honest(), "budget: 1h\n"+mixed, "a"), openDB(t)
	p, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	p.options.Budget = time.Nanosecond
	if err := Execute(t.Context(), db, p); !errors.Is(err, ErrBudget) || load(t, db, p.Run.ID).Count(record.OK) > 0 {
		t.Errorf("error %v, %d cells measured", err, load(t, db, p.Run.ID).Count(record.OK))
	}
	limited := o
	limited.Budget = time.Nanosecond
	if _, err := Resume(t.Context(), db, p.Run.ID, limited); !errors.Is(err, ErrBudget) {
		t.Errorf("resumed without time: %v", err)
	}
	if run, err := Resume(t.Context(), db, p.Run.ID, o); err != nil || run.Count(record.Pending) > 0 {
		t.Errorf("resumed: %v, %d cells left", err, run.Count(record.Pending))
	}
}
