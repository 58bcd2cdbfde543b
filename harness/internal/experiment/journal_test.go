package experiment

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/record"
)

var grid = Grid{Models: []string{"a", "b"}, Rates: []float64{1, 2, 4}, Tuning: []uint64{0}, Seeds: []uint64{1, 2}, Widenings: 1}

// trainer makes outcomes; every job from the failing one on fails.
func trainer(failing int, jobs *[]Job) func(context.Context, Job) (Outcome, error) {
	return func(_ context.Context, j Job) (Outcome, error) {
		if len(*jobs) == failing {
			return Outcome{}, errors.New("killed")
		}
		*jobs = append(*jobs, j)
		return Outcome{Job: j, Value: record.Real(math.Abs(j.Rate - 2)), Better: -1, OrderSHA: "seed " + string(rune('0'+j.Seed))}, nil
	}
}

// TestLock lets one process at a time carry out an experiment.
func TestLock(t *testing.T) {
	j, err := OpenJournal(t.TempDir(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := j.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Lock(); !errors.Is(err, ErrRunning) {
		t.Errorf("locked twice: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
}

// TestInterruptedExperiments checks that an experiment that ends after any job continues with the next one.
func TestInterruptedExperiments(t *testing.T) {
	var all []Job
	j, err := OpenJournal(t.TempDir(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Run(t.Context(), grid, trainer(-1, &all)); err != nil || len(all) != 10 {
		t.Fatalf("%d jobs, %v", len(all), err)
	}
	for failing := range all {
		dir := t.TempDir()
		var jobs []Job
		first, err := OpenJournal(dir, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Run(t.Context(), grid, trainer(failing, &jobs)); err == nil {
			t.Fatal("the interrupted experiment ended without an error")
		}
		second, err := OpenJournal(dir, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Run(t.Context(), grid, trainer(-1, &jobs)); err != nil || !slices.Equal(jobs, all) {
			t.Errorf("interrupted after %d: %v, %v", failing, jobs, err)
		}
		if !slices.EqualFunc(second.Outcomes, j.Outcomes, func(a, b Outcome) bool { return a == b }) {
			t.Errorf("interrupted after %d: outcomes %v", failing, second.Outcomes)
		}
	}
}

func TestDivergedOutcomesAreKept(t *testing.T) {
	dir := t.TempDir()
	j, err := OpenJournal(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.add(Outcome{Job: Job{"a", 1, 0}, Better: -1, Value: record.Real(math.NaN()), Diverged: "the loss is not finite"}); err != nil {
		t.Fatal(err)
	}
	again, err := OpenJournal(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if loss, ok := again.Losses()[Job{"a", 1, 0}]; !ok || !math.IsNaN(loss) {
		t.Errorf("loss %v, known: %v", loss, ok)
	}
}

func TestJournalRefuses(t *testing.T) {
	dir := t.TempDir()
	j, err := OpenJournal(dir, []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.add(Outcome{Job: Job{"a", 1, 0}, OrderSHA: "x"}); err != nil {
		t.Fatal(err)
	}
	if err := j.add(Outcome{Job: Job{"b", 1, 0}, OrderSHA: "y"}); err == nil || !strings.Contains(err.Error(), "a and b read different tokens with seed 0") {
		t.Errorf("other tokens: %v", err)
	}
	if _, err := OpenJournal(dir, []byte("two")); !errors.Is(err, ErrOtherSpec) {
		t.Errorf("another file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, journalName), []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenJournal(dir, []byte("one")); err == nil || !strings.Contains(err.Error(), journalName) {
		t.Errorf("a damaged journal: %v", err)
	}
}
