package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/store"
)

// again opens the database a second time, as another process would.
func again(t *testing.T, db *store.DB) *store.DB {
	t.Helper()
	other, err := store.Open(context.Background(), db.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return other
}

// once returns an observer that calls do at the first event.
func once(do func()) func(Event) {
	done := false
	return func(Event) {
		if !done {
			done = true
			do()
		}
	}
}

// interrupted executes a run and stops it at its first event.
func interrupted(t *testing.T, db *store.DB, o Options) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	o.Observe = once(cancel)
	p, err := Prepare(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := Execute(ctx, db, p); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	return p.Run.ID
}

// TestResumeDuringRun resumes a run while another process executes or resumes it: the second is rejected, and the run has
// each sample once.
func TestResumeDuringRun(t *testing.T) {
	o := options(t, honest(), mixed, "a", "b")
	want := counts(execute(t, openDB(t), o))
	db := openDB(t)
	other := again(t, db)
	tries := 0
	beside := o
	beside.Observe = once(func() {
		tries++
		runs, err := other.Runs(context.Background())
		if err != nil || len(runs) != 1 || runs[0].Status != record.Running || runs[0].Owner == "" {
			t.Errorf("seen from outside: %+v, %v", runs, err)
			return
		}
		o.TakeOver = true // has no effect on a live owner
		_, err = Resume(context.Background(), other, runs[0].ID, o)
		if !errors.Is(err, store.ErrTaken) || !strings.Contains(err.Error(), fmt.Sprintf("process %d on ", os.Getpid())) {
			t.Errorf("resumed during the run: %v", err)
		}
	})
	if diff := cmp.Diff(want, counts(execute(t, db, beside))); diff != "" {
		t.Error(diff)
	}
	db = openDB(t)
	other = again(t, db)
	id := interrupted(t, db, o)
	beside.Observe = once(func() {
		tries++
		if _, err := Resume(context.Background(), other, id, o); !errors.Is(err, store.ErrTaken) {
			t.Errorf("resumed during another resume: %v", err)
		}
	})
	if _, err := Resume(context.Background(), db, id, beside); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, counts(load(t, db, id))); diff != "" || tries != 2 {
		t.Errorf("%d tries\n%s", tries, diff)
	}
}

// TestLostLease takes a run over from the process that measures it: that process must stop without adding samples.
func TestLostLease(t *testing.T) {
	db, o := openDB(t), options(t, honest(), mixed, "a")
	other := again(t, db)
	var id string
	o.Observe = once(func() {
		if err := errors.Join(db.Release(context.Background(), id), other.Claim(context.Background(), id, false)); err != nil {
			t.Error(err)
		}
	})
	p, err := Prepare(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	id = p.Run.ID
	if err := Execute(context.Background(), db, p); !errors.Is(err, store.ErrTaken) || !strings.Contains(err.Error(), "taken it over") {
		t.Errorf("the run went on: %v", err)
	}
	if r := load(t, db, id); r.Status != record.Running || r.Owner == "" {
		t.Errorf("the run is %s, its owner %q", r.Status, r.Owner)
	}
}

// TestDatabaseGone deletes the database during a run, also together with an interrupt: the run must end with an error
// that says where its samples are, not with a promise that it can be resumed.
func TestDatabaseGone(t *testing.T) {
	for name, stop := range map[string]bool{"deleted": false, "deleted and interrupted": true} {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		db, o := openDB(t), options(t, honest(), mixed, "a")
		o.Observe = once(func() {
			if err := os.Remove(db.Path()); err != nil {
				t.Error(err)
			}
			if stop {
				cancel()
			}
		})
		p, err := Prepare(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := Execute(ctx, db, p); !errors.Is(err, store.ErrMoved) || errors.Is(err, ErrInterrupted) {
			t.Errorf("%s: %v", name, err)
		}
		saved, err := filepath.Glob(filepath.Join(filepath.Dir(db.Path()), "r.rescued-*.db"))
		if err != nil || len(saved) != 1 {
			t.Fatalf("%s: saved %v, %v", name, saved, err)
		}
		if r := latest(t, saved[0]); r.ID != p.Run.ID {
			t.Errorf("%s: saved run %s, want %s", name, r.ID, p.Run.ID)
		}
	}
}

// TestNothingMeasured checks the status of a run in which no model starts, and of one in which another model does.
func TestNothingMeasured(t *testing.T) {
	f := honest()
	f.all["a"].Before = func(_ context.Context, call string) error {
		if call == "start" {
			return errors.New("no such luck")
		}
		return nil
	}
	db := openDB(t)
	r := execute(t, db, options(t, f, mixed, "a"))
	if r.Status != record.RunFailed || r.Count(record.Failed) != len(r.Cells) {
		t.Errorf("a run without any measurement is %s, %d of %d cells failed", r.Status, r.Count(record.Failed), len(r.Cells))
	}
	for i := range r.Cells {
		if f := r.Cells[i].Failure; f == nil || !strings.Contains(f.Reproduce, "--db "+db.Path()) {
			t.Errorf("%s: %+v", r.Cells[i].Probe, f)
		}
	}
	if again, err := Resume(context.Background(), db, r.ID, Options{}); err != nil || again.Status != record.RunFailed {
		t.Errorf("after resuming it is %s, %v", again.Status, err)
	}
	if r := execute(t, db, options(t, f, mixed, "a", "b")); r.Status != record.Done {
		t.Errorf("a run with a model that was measured is %s", r.Status)
	}
}
