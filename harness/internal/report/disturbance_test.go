package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
)

// TestDisturbances counts attempts, not the samples that share their readings, and shows what the sensors read.
func TestDisturbances(t *testing.T) {
	sample := func(block, attempt int, disturbed ...string) []record.Sample {
		return []record.Sample{
			{Metric: "prefill_seconds", Block: block, Attempt: attempt, Disturbed: disturbed,
				Readings: []record.Reading{{Name: "steal", Value: 0.0312}, {Name: "frequency", Reason: "no cpufreq"}}},
			{Metric: "roofline_share", Block: block, Attempt: attempt, Disturbed: disturbed},
		}
	}
	run := &record.Run{Cells: []record.Cell{{ID: strings.Repeat("a", 64), Probe: "prefill", Status: record.OK}}}
	if got := disturbances(run); got != nil {
		t.Errorf("a run without readings: %+v", got)
	}
	c := &run.Cells[0]
	for _, s := range [][]record.Sample{
		sample(0, 0), sample(1, 0, "waiting 31 % of the time ready to run (a1)", "waiting 12 % of the time ready to run (b)", "steal 3 % of the CPU time"), sample(1, 1),
		sample(2, 0, "waiting 12 % of the time ready to run (b)"), sample(2, 1, "steal 9 % of the CPU time"), sample(3, 0),
	} {
		c.Samples = append(c.Samples, s...)
	}
	want := []record.Fact{{Name: "disturbed samples", Value: "50 %: 2 of 4 (waiting 2, steal 1); 2 repeated, 1 of these undisturbed"}}
	if diff := cmp.Diff(want, disturbances(run)); diff != "" {
		t.Error(diff)
	}
	rows := conditions(c)[0].Rows
	if len(rows) != 6 || rows[2][1].Text != "1" || rows[0][2].Text != "0.0312" || rows[0][3].Reason != "no cpufreq" || rows[4][4].Text != "steal 9 % of the CPU time" {
		t.Errorf("%+v", rows)
	}
}
