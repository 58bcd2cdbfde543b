//go:build cgo

package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
)

// shard is a database with a run that has blocks of its first cell, and the run as it is loaded.
func shard(t *testing.T, blocks int) *record.Run {
	t.Helper()
	db, r := open(t), example("r-1")
	if err := db.CreateRun(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for block := range blocks {
		s := []record.Sample{{Metric: "m", Value: float64(block), Block: block, Calls: []float64{1, 2}}, {Metric: "m", Value: 1, Block: block, Attempt: 1}}
		if err := db.Record(t.Context(), r.ID, &r.Cells[0], s); err != nil {
			t.Fatal(err)
		}
	}
	if r.Status = record.Interrupted; blocks == 3 {
		r.Status, r.Cells[0].Status = record.Done, record.OK
		if err := db.Record(t.Context(), r.ID, &r.Cells[0], nil); err != nil {
			t.Fatal(err)
		}
	}
	r.Ended = time.Unix(1700000100+int64(blocks), 0).UTC()
	if err := db.SetStatus(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	loaded, err := db.LoadRun(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// TestMerge adds a run, completes it, and finds nothing to add.
func TestMerge(t *testing.T) {
	db := open(t)
	other := example("r-12") // its ID starts like the other's
	if err := db.CreateRun(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	partial, whole := shard(t, 1), shard(t, 3)
	for i, step := range []struct {
		run, then *record.Run
		what      string
	}{
		{partial, partial, Added}, {partial, partial, Known}, {whole, whole, Completed}, {whole, whole, Known}, {partial, whole, Known},
	} {
		what, err := db.Merge(t.Context(), step.run)
		if err != nil || what != step.what {
			t.Errorf("step %d: %q, %v", i, what, err)
		}
		got, err := db.LoadRun(t.Context(), "r-1")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.then, got); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
	conflict := shard(t, 3)
	conflict.Cells[0].Samples[0].Value++
	if _, err := db.Merge(t.Context(), conflict); !errors.Is(err, record.ErrConflict) {
		t.Errorf("conflict: %v", err)
	}
	if got, err := db.LoadRun(t.Context(), "r-1"); err != nil || !cmp.Equal(whole, got) {
		t.Errorf("a conflict changed the run (%v)", err)
	}
	if got, err := db.LoadRun(t.Context(), "r-12"); err != nil || len(got.Cells) != len(other.Cells) {
		t.Errorf("another run changed (%v)", err)
	}
}

// TestMergeStoresAllOrNothing merges a run that the schema refuses at its last sample.
func TestMergeStoresAllOrNothing(t *testing.T) {
	db, run := open(t), shard(t, 3)
	run.Cells[1].Status, run.Cells[1].Reason = record.OK, ""
	run.Cells[1].Repeats = 0
	if _, err := db.Merge(t.Context(), run); err == nil {
		t.Error("stored")
	}
	if runs, err := db.Runs(t.Context()); err != nil || len(runs) != 0 {
		t.Errorf("%v, %v", runs, err)
	}
}

// TestMergeRefusesAMeasuredRun does not complete a run that a process is measuring here.
func TestMergeRefusesAMeasuredRun(t *testing.T) {
	db, whole := open(t), shard(t, 3)
	second, err := Open(t.Context(), db.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := second.CreateRun(t.Context(), example("r-1")); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Merge(t.Context(), whole); !errors.Is(err, ErrTaken) {
		t.Errorf("error %v", err)
	}
}
