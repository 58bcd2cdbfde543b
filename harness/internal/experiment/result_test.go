package experiment

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/table"
)

// text writes the tables of a journal as people see them.
func text(t *testing.T, j *Journal, g Grid) string {
	t.Helper()
	var b bytes.Buffer
	if err := table.Write(&b, "table", 200, j.Tables(g)...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestTables checks the words of a complete experiment: a is worse than b by 0.5 on every seed, c diverges at every rate.
func TestTables(t *testing.T) {
	g := Grid{Models: []string{"a", "b", "c"}, Rates: []float64{0.001, 0.002, 0.004}, Tuning: []uint64{0}, Seeds: []uint64{1, 2, 3}}
	j, err := OpenJournal(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = j.Run(t.Context(), g, func(_ context.Context, job Job) (Outcome, error) {
		o := Outcome{Job: job, Measure: "bits_per_byte", Unit: "bit/B", Better: -1, Parameters: 2_600_000}
		switch job.Model {
		case "c":
			o.Value, o.Diverged = record.Real(math.NaN()), "the loss is not finite"
		case "b":
			o.Value = record.Real(1.5 + math.Abs(job.Rate-0.002)*100 + float64(job.Seed%2)/1000)
		default:
			o.Value = record.Real(2 + math.Abs(job.Rate-0.002)*100 + float64(job.Seed)/1000)
		}
		return o, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := text(t, j, g)
	for _, want := range []string{"b is ahead", "every learning rate diverged", "diverged: the loss is not finite", "paired t over 3 seeds, spread pooled over 2 models", "2600000", "-0.501"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestAnotherBase checks that the tables say so if the declared base has no result.
func TestAnotherBase(t *testing.T) {
	g := Grid{Models: []string{"a", "b", "c"}, Rates: []float64{1}, Tuning: []uint64{0}, Seeds: []uint64{1, 2}}
	j, err := OpenJournal(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = j.Run(t.Context(), g, func(_ context.Context, job Job) (Outcome, error) {
		o := Outcome{Job: job, Measure: "loss", Better: -1, Value: record.Real(job.Seed)}
		if job.Model == "a" {
			o.Value, o.Diverged = record.Real(math.NaN()), "not finite"
		}
		return o, nil
	})
	if got := text(t, j, g); err != nil || !strings.Contains(got, "a has no result over all seeds, so b is the base") {
		t.Errorf("%v\n%s", err, got)
	}
}

// TestUnfinishedTables checks that nothing is compared before all seeds are trained, and that missing rates are not the best.
func TestUnfinishedTables(t *testing.T) {
	g := Grid{Models: []string{"a", "b"}, Rates: []float64{1, 2, 4}, Tuning: []uint64{0}, Seeds: []uint64{1}}
	j, err := OpenJournal(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, j, g); !strings.Contains(got, "not all seeds are trained yet") {
		t.Errorf("an empty experiment:\n%s", got)
	}
	if err := j.add(Outcome{Job: Job{"a", 2, 0}, Better: -1, Value: 3, Measure: "loss"}); err != nil {
		t.Fatal(err)
	}
	if best := g.Best("a", j.Losses()); best != 2 {
		t.Errorf("best rate %g", best)
	}
	if got := text(t, j, g); !strings.Contains(got, "not trained yet") || strings.Contains(got, "is ahead") {
		t.Errorf("one job done:\n%s", got)
	}
}
