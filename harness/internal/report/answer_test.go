package report

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
)

// keepModels keeps the models of a run whose names begin with one of these, and their cells.
func keepModels(run *record.Run, names ...string) *record.Run {
	gone := func(name string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return name == n || strings.HasPrefix(name, n+"@") })
	}
	run.Models = slices.DeleteFunc(run.Models, func(m record.Model) bool { return gone(m.Name) })
	run.Cells = slices.DeleteFunc(run.Cells, func(c record.Cell) bool { return gone(c.Model) })
	return run
}

func keepProbes(run *record.Run, names ...string) *record.Run {
	run.Cells = slices.DeleteFunc(run.Cells, func(c record.Cell) bool { return !slices.Contains(names, c.Probe) })
	return run
}

// undecide gives all models the same speed, with much noise.
func undecide(run *record.Run) *record.Run {
	for i := range run.Cells {
		for j := range run.Cells[i].Samples {
			if s := &run.Cells[i].Samples[j]; s.Host > 0 {
				s.Value = 1e-3 * float64(1+(7*i+11*s.Block*s.Block+3*s.Block*i)%13)
				s.Host = time.Second
			}
		}
	}
	return run
}

func failAll(run *record.Run) *record.Run {
	for i := range run.Cells {
		run.Cells[i].Status, run.Cells[i].Samples, run.Cells[i].Failure = record.Failed, nil, &record.Failure{Class: "crash"}
	}
	run.Status = record.RunFailed
	return run
}

// TestAnswers shows what the page says first about runs of many kinds: the three sentences, the strip and the matrix.
func TestAnswers(t *testing.T) {
	var b bytes.Buffer
	for _, tc := range []struct {
		name string
		run  *record.Run
	}{
		{"four models and one that sees the future", syntheticRun()},
		{"two models", keepModels(syntheticRun(), "bk", "mamba")},
		{"two models, speed alone", keepProbes(keepModels(syntheticRun(), "bk", "mamba"), "prefill", "decode")},
		{"nobody leads", undecide(keepProbes(keepModels(syntheticRun(), "bk", "mamba", "mistral"), "decode"))},
		{"sizes alone", keepProbes(syntheticRun(), "memory")},
		{"losses alone", keepProbes(syntheticRun(), "quality")},
		{"causality alone", keepProbes(syntheticRun(), "causality")},
		{"one model", keepModels(syntheticRun(), "bk")},
		{"all failed", failAll(syntheticRun())},
		{"nothing", &record.Run{ID: "r-0", Status: record.Running}},
	} {
		r := Build(tc.run)
		fmt.Fprintf(&b, "## %s\n\n", tc.name)
		for _, s := range r.Answer {
			fmt.Fprintf(&b, "* %s\n", s)
			if !strings.HasSuffix(s, ".") || strings.Contains(s, "..") || strings.Contains(s, "  ") {
				t.Errorf("%s: no sentence: %q", tc.name, s)
			}
		}
		if n := len(r.Answer); n < 1 || n > 3 {
			t.Errorf("%s: %d sentences", tc.name, n)
		}
		b.WriteByte('\n')
		for _, c := range r.Strip {
			fmt.Fprintf(&b, "%-4s %s: %s [%s]\n", c.State, c.Label, c.Value, c.Anchor)
		}
		for i, name := range r.Matrix.Models {
			for j, c := range r.Matrix.Cells[i] {
				fmt.Fprintf(&b, "%s, %s: %s %s, %s\n", name, r.Matrix.Questions[j], c.State, c.Value, c.Interval)
			}
		}
		b.WriteByte('\n')
	}
	golden(t, "answers.txt", b.Bytes())
}

// TestStripFindsWhatIsWrong spoils a run in one way each, which one check must show.
func TestStripFindsWhatIsWrong(t *testing.T) {
	cell := func(run *record.Run, kind string) *record.Cell {
		return &run.Cells[slices.IndexFunc(run.Cells, func(c record.Cell) bool { return c.Probe == kind && c.Status == record.OK })]
	}
	for label, tc := range map[string]struct {
		spoil func(run *record.Run)
		state string
		value string
	}{
		"causality": {func(run *record.Run) {
			c := cell(run, "causality")
			c.Samples[len(c.Samples)-1].Value = 0
		}, "bad", "3/5"},
		"counted = formula": {func(run *record.Run) {
			for i := range cell(run, "cost").Samples {
				if s := &cell(run, "cost").Samples[i]; s.Metric == probe.CountedFLOPs {
					s.Value += 2
					break
				}
			}
		}, "bad", "27/28"},
		"clocks": {func(run *record.Run) {
			c := cell(run, "prefill")
			c.Status, c.Samples, c.Failure = record.Failed, nil, &record.Failure{Class: "contradiction"}
		}, "bad", "75 confirmed, 1 contradict"},
		"host": {func(run *record.Run) {
			for i := range run.Cells {
				if c := &run.Cells[i]; c.Probe == "decode" && len(c.Samples) > 0 {
					c.Samples[0].Readings, c.Samples[0].Disturbed = []record.Reading{{Name: "steal", Value: 0.5}}, []string{"steal 50 %"}
				}
			}
		}, "warn", "noisy, 100 % disturbed"},
		"blocks": {func(run *record.Run) {
			c := cell(run, "decode")
			c.Samples = c.Samples[:3]
		}, "warn", "n = 3 to 10"},
		"cells": {func(run *record.Run) {
			for i := range run.Cells {
				if c := &run.Cells[i]; c.Probe == "decode" || c.Probe == "prefill" || c.Probe == "ttft" {
					c.Samples = c.Samples[:min(len(c.Samples), 5)]
				}
			}
		}, "warn", "66 of 142 VALID"},
		"not measured": {func(*record.Run) {}, "none", "15 cells"},
		"failures":     {func(*record.Run) {}, "bad", "1 cell"},
	} {
		run := syntheticRun()
		tc.spoil(run)
		checks := newIndex(run).strip()
		i := slices.IndexFunc(checks, func(c Check) bool { return c.Label == label })
		if i < 0 || checks[i].State != tc.state || checks[i].Value != tc.value || checks[i].Anchor == "" || !strings.HasSuffix(checks[i].Detail, ".") {
			t.Errorf("%s: %+v", label, checks)
		}
	}
}

// TestFewerTablesLoseNothing checks that people get less than half of the tables that programs get, of which each value appears.
func TestFewerTablesLoseNothing(t *testing.T) {
	r := Build(syntheticRun())
	shown, all := 0, 0
	for _, s := range r.Sections {
		shown, all = shown+len(s.Tables), all+len(s.Data)
		known := map[float64]bool{}
		for _, tab := range s.Data {
			for _, row := range tab.Rows {
				for _, v := range row {
					if v.Number != nil {
						known[*v.Number] = true
					}
				}
			}
		}
		for _, tab := range s.Tables {
			for _, row := range tab.Rows {
				for _, v := range row {
					if v.Number != nil && !known[*v.Number] {
						t.Errorf("programs do not get %s of %s", v.Text, tab.ID)
					}
				}
			}
		}
	}
	if 2*shown >= all {
		t.Errorf("people see %d of %d tables", shown, all)
	}
}

// TestForest checks that the ratios are those to the first model that can be compared, and that right is better in each.
func TestForest(t *testing.T) {
	run := syntheticRun()
	run.Models = append([]record.Model{{Name: "future", Family: "future", Architecture: "f", LeaksFuture: true}}, run.Models...)
	r := Build(run)
	if r.Forest.Title != "How many times as good as bk" || len(r.Forest.Rows) < 15 {
		t.Errorf("%q with %d rows", r.Forest.Title, len(r.Forest.Rows))
	}
	for _, row := range r.Forest.Rows {
		if strings.HasPrefix(row.Group, "State of one document") && (row.Value >= 1 || row.Lo != row.Hi) { // that of bk is the smallest
			t.Errorf("%s: %+v", row.Label, row)
		}
	}
	if empty := Build(keepModels(syntheticRun(), "bk")).Forest; empty.Rows != nil || empty.Empty == "" {
		t.Errorf("one model: %+v", empty)
	}
}

func TestFactorText(t *testing.T) {
	c := func(value, lo, hi float64) stat.Comparison {
		return stat.Comparison{Estimate: stat.Estimate{Value: value, Lo: lo, Hi: hi, N: 9}}
	}
	exact := stat.ExactRatio(1, 137.7)
	for want, c := range map[string]stat.Comparison{"1.16x [1.07, 1.27]": c(1.163, 1.07, 1.268), "138x": exact, "0.0073x [0.007, 0.0081]": c(0.00726, 0.007, 0.0081), "1.00x": c(1, math.Inf(-1), math.Inf(1))} {
		if got := factorText(c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestUndecidedSayWhatWouldSettle checks that an answer that more blocks could give comes with their command, below the sentences and
// beside the undecided entries of the matrix only.
func TestUndecidedSayWhatWouldSettle(t *testing.T) {
	run := undecide(keepProbes(keepModels(syntheticRun(), "bk", "mamba", "mistral"), "decode"))
	run.Command = "archbench run speed"
	r := Build(run)
	var md bytes.Buffer
	if err := r.Markdown(&md); err != nil {
		t.Fatal(err)
	}
	if want := "archbench run speed --probe decode"; !strings.HasPrefix(r.Settle.Command, want) || !strings.Contains(md.String(), "\n```\n"+r.Settle.Command) {
		t.Errorf("%q is not below the answer, want %q...", r.Settle.Command, want)
	}
	for _, row := range r.Matrix.Cells {
		for _, c := range row {
			said := slices.ContainsFunc(c.Notes, func(note string) bool { return strings.Contains(note, ": archbench run speed --probe decode") })
			if said != (c.State == "tied") {
				t.Errorf("%+v", c)
			}
		}
	}
	if r := Build(keepProbes(keepModels(syntheticRun(), "bk", "mamba"), "prefill")); r.Settle.Command != "" {
		t.Errorf("nothing is open, and yet %q", r.Settle.Command)
	}
}
