package run

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
)

const untilSuite = "name: s\nrepeats: 2\nspan: 0s\nprobes:\n  - {probe: prefill, grid: {len: 16}}\n"

// untilPlan plans two models, of which b is slower by a factor that no stall hides for long.
func untilPlan(t *testing.T) *Plan {
	t.Helper()
	f := honest()
	f.all["a"].Sleep, f.all["b"].Sleep = 2*time.Millisecond, 12*time.Millisecond
	o := options(t, f, untilSuite, "a", "b")
	o.Until = result.UntilDecided
	p, err := Prepare(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestUntilDecided checks that blocks are added until the comparison is decided, and that a run with them is resumed by its
// rule.
func TestUntilDecided(t *testing.T) {
	p, db := untilPlan(t), openDB(t)
	ctx, cancel := context.WithCancel(context.Background())
	p.options.Observe = func(e Event) {
		if e.Block == 4 {
			cancel()
		}
	}
	if err := Execute(ctx, db, p); err == nil {
		t.Fatal("the run was not interrupted")
	}
	if _, err := Resume(context.Background(), db, p.Run.ID, p.options); err != nil {
		t.Fatal(err)
	}
	r := load(t, db, p.Run.ID)
	for _, c := range r.Cells {
		if n := measuredBlocks(&c); c.Status != record.OK || c.Repeats != 2 || n < 7 || n >= result.MostBlocks {
			t.Errorf("%s: %s after %d blocks, planned at least %d", c.Model, c.Status, n, c.Repeats)
		}
	}
	if open := result.Open(r); len(open) > 0 || r.Until != result.UntilDecided {
		t.Errorf("open %v, rule %q", open, r.Until)
	}
}

// TestUntilTheBudgetEnds checks that cells end with the planned blocks once the time is over, and say so.
func TestUntilTheBudgetEnds(t *testing.T) {
	p, db := untilPlan(t), openDB(t)
	if err := db.CreateRun(context.Background(), p.Run); err != nil {
		t.Fatal(err)
	}
	r := newRunner(db, p)
	r.progress.deadline = time.Now()
	if err := r.measureAll(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, c := range load(t, db, p.Run.ID).Cells {
		said := slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, "budget ended") })
		if n := measuredBlocks(&c); c.Status != record.OK || n != 2 || !said {
			t.Errorf("%s: %s after %d blocks, warnings %q", c.Model, c.Status, n, c.Warnings)
		}
	}
}

// TestBlocksOfBudget checks how many blocks a plan expects: its own, or with a rule as many as the budget can pay.
func TestBlocksOfBudget(t *testing.T) {
	p := untilPlan(t)
	c, slow := &p.Run.Cells[0], &p.Run.Cells[1]
	c.Estimate, c.Rounds, slow.Estimate, slow.Rounds = time.Second, 2, 2*time.Second, 2
	for _, m := range p.models {
		m.estimator.start = time.Second
	}
	block := 3*2*time.Second + 2*time.Second
	for budget, want := range map[time.Duration]int{block: 2, 50 * block: 50, 1000 * block: result.MostBlocks, 0: int(result.UntilBudget / block)} {
		p.options.Budget = budget
		if got := p.Blocks(c); got != want {
			t.Errorf("budget %v: %d blocks, want %d", budget, got, want)
		}
	}
	if p.Run.Until = ""; p.Blocks(c) != c.Repeats {
		t.Errorf("without a rule: %d blocks", p.Blocks(c))
	}
}
