package result

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
)

// UntilDecided is the rule that adds blocks until all comparisons are decided. A rule like "±2%" also settles a comparison
// whose interval is that narrow.
const UntilDecided = "decided"

// Bounds of a run that adds blocks until its comparisons are decided. UntilBudget is the time for them, unless the run has a
// budget of its own.
const (
	MostBlocks  = 200
	UntilBudget = 15 * time.Minute
)

// widest bounds the width of a rule: wider intervals say nothing.
const widest = 0.5

// ParseUntil checks a rule for adding blocks, and returns it in the form that is stored.
func ParseUntil(text string) (string, error) {
	if text == "" || text == UntilDecided {
		return text, nil
	}
	if number, ok := strings.CutSuffix(strings.TrimPrefix(strings.Replace(text, "+-", "±", 1), "±"), "%"); ok {
		if percent, err := strconv.ParseFloat(number, 64); err == nil && percent > 0 && percent <= 100*widest {
			return "±" + strconv.FormatFloat(percent, 'g', -1, 64) + "%", nil
		}
	}
	return "", fmt.Errorf("%q is no rule: it is %s, or a width up to ±%.0f%% such as ±2%%", text, UntilDecided, 100*widest)
}

// width returns the relative width of a rule, 0 for UntilDecided.
func width(until string) float64 {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimPrefix(until, "±"), "%"), 64)
	if err != nil {
		return 0
	}
	return percent / 100
}

// settled reports whether a comparison needs no more blocks by the rule.
func settled(until string, c stat.Comparison) bool {
	w := width(until)
	return c.Verdict() != stat.Undecided || c.Bounded() && math.Max(c.Hi/c.Value, c.Value/c.Lo) <= 1+w && w > 0
}

// Open returns the IDs of the cells that need more blocks by the run's rule. It looks at the comparisons of the models that
// the user named with the first of them, and of each model's precisions with its base.
func Open(run *record.Run) map[string]bool {
	open := map[string]bool{}
	for _, p := range timedPairs(run) {
		if p.reason == "" && !settled(run.Until, p.result) {
			open[p.base.cell.ID], open[p.other.cell.ID] = true, true
		}
	}
	return open
}

// timedPairs returns these comparisons as far as the run was measured.
func timedPairs(run *record.Run) (pairs []*pair) {
	so := *run
	so.Cells = slices.Clone(run.Cells)
	for i := range so.Cells {
		if c := &so.Cells[i]; c.Status == record.Pending && len(c.Samples) > 0 {
			c.Status = record.OK
		}
	}
	var timed []string
	for _, q := range Quantities() {
		if q.timed() && probe.Find(q.Probe).Timing {
			timed = append(timed, q.Name)
		}
	}
	for _, columns := range []string{"model", "precision"} {
		pairs = append(pairs, pairsOf(&so, CompareOptions{Columns: []string{columns}, Quantities: timed})...)
	}
	return pairs
}

// pairsOf returns the comparisons of a run's cells; nil if there are none.
func pairsOf(run *record.Run, o CompareOptions) []*pair {
	c, err := Relate([]*record.Run{run}, o)
	if err != nil {
		return nil
	}
	return c.pairs()
}
