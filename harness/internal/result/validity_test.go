package result

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/table"
)

// steady are times without a trend, from 1 to 1.09 s.
var steady = []float64{1.04, 1.09, 1.01, 1.06, 1.0, 1.08, 1.03, 1.07, 1.02, 1.05}

// spoiled returns the validity of a model's decode cell with ten quiet blocks after a change to its run.
func spoiled(change func(run *record.Run, c *record.Cell)) Judgement {
	run := timed(map[string][]float64{"m": steady}).Run
	run.Cells[0].Repeats = len(steady)
	change(run, &run.Cells[0])
	return New(run).Judge(&run.Cells[0])
}

// disturb marks the first n samples.
func disturb(c *record.Cell, n int) {
	for i := range n {
		c.Samples[i].Disturbed = []string{"steal 9 % of the CPU time"}
	}
}

// disagree gives all samples times that are confirmed, but the first n a host's time that is a tenth longer than the plugin's.
func disagree(c *record.Cell, n int) {
	for i := range c.Samples {
		c.Samples[i].Plugin, c.Samples[i].Host = time.Second, time.Second+time.Millisecond
		if i < n {
			c.Samples[i].Host = time.Second + time.Second/10
		}
	}
}

// scored adds a measured cell with one sample of each metric to a run.
func scored(run *record.Run, probe, model string, metrics ...string) *record.Cell {
	c := record.Cell{ID: probe + " of " + model, Probe: probe, Model: model, Status: record.OK, Repeats: 1}
	for _, label := range []string{"a", "b", "c", "d", "e", "f"} {
		for _, metric := range metrics {
			c.Samples = append(c.Samples, record.Sample{Metric: metric, Label: label, Value: 1})
		}
	}
	run.Cells = append(run.Cells, c)
	return &run.Cells[len(run.Cells)-1]
}

// TestCausesOfValidity injects each cause: it alone must be the reason, and only beyond its limit.
func TestCausesOfValidity(t *testing.T) {
	suspect := func(reasons ...string) Judgement { return Judgement{Suspect, reasons} }
	invalid := func(reason string) Judgement { return Judgement{Invalid, []string{reason}} }
	valid := Judgement{Validity: Valid}
	for name, tc := range map[string]struct {
		change func(run *record.Run, c *record.Cell)
		want   Judgement
	}{
		"quiet":           {func(*record.Run, *record.Cell) {}, valid},
		"n/a":             {func(_ *record.Run, c *record.Cell) { c.Status = record.Unavailable }, Judgement{}},
		"failed":          {func(_ *record.Run, c *record.Cell) { c.Status = record.Failed }, Judgement{}},
		"pending":         {func(_ *record.Run, c *record.Cell) { c.Status = record.Pending }, Judgement{}},
		"six blocks":      {func(_ *record.Run, c *record.Cell) { c.Samples, c.Repeats = c.Samples[:6], 6 }, valid},
		"five blocks":     {func(_ *record.Run, c *record.Cell) { c.Samples, c.Repeats = c.Samples[:5], 5 }, suspect("too few blocks for a 95 % interval: 5, at least 6 are needed")},
		"eight of ten":    {func(_ *record.Run, c *record.Cell) { c.Samples = c.Samples[:8] }, suspect("not all blocks were measured: 8 of 10")},
		"two disturbed":   {func(_ *record.Run, c *record.Cell) { disturb(c, 2) }, valid},
		"three disturbed": {func(_ *record.Run, c *record.Cell) { disturb(c, 3) }, suspect("disturbed: 3 of 10 blocks")},
		"disturbed and repeated": {func(_ *record.Run, c *record.Cell) {
			again := c.Samples[0]
			again.Attempt = 1
			disturb(c, 3)
			c.Samples = append(c.Samples, again)
		}, valid},
		"never stable": {func(_ *record.Run, c *record.Cell) {
			c.Warnings = []string{"random token ids, no text: x", "never stable: in 6 of 10 blocks the calls became faster to the end"}
		}, suspect("never stable: in 6 of 10 blocks the calls became faster to the end")},
		"clocks in five blocks": {func(_ *record.Run, c *record.Cell) { disagree(c, 5) }, valid},
		"clocks in six blocks": {func(_ *record.Run, c *record.Cell) { disagree(c, 6) },
			suspect("clocks disagree: in 6 of 10 blocks the host waited longer than the plugin's time and the boundary explain")},
		"a slow boundary": {func(run *record.Run, c *record.Cell) {
			run.Facts = []record.Fact{probe.Boundary{Typical: 70 * time.Millisecond, Most: 80 * time.Millisecond}.Fact()}
			disagree(c, 10)
		}, valid},
		"other warnings": {func(_ *record.Run, c *record.Cell) {
			c.Warnings = []string{"beyond the trained context of 8", "the host waited longer than the plugin's time and the boundary explain: timed by the host", "too short to confirm the plugin's time: timed by the host, minus the 90µs of the boundary"}
		}, valid},
		"rising": {func(_ *record.Run, c *record.Cell) {
			for i := range c.Samples {
				c.Samples[i].Value += 0.1 * float64(i)
			}
		}, suspect("not stationary: the times rise over 10 blocks")},
		"falling": {func(_ *record.Run, c *record.Cell) {
			for i := range c.Samples {
				c.Samples[i].Value -= 0.05 * float64(i)
			}
		}, suspect("not stationary: the times fall over 10 blocks")},
		"no logits": {func(run *record.Run, _ *record.Cell) { run.Models[0].Warnings = []string{probe.NotVerified} }, suspect(probe.NotVerified)},
		"sees the future": {func(run *record.Run, _ *record.Cell) { run.Models[0].LeaksFuture = true },
			suspect("answers not verified: the model sees the future")},
		"two causes": {func(run *record.Run, c *record.Cell) {
			run.Models[0].Warnings = []string{probe.NotVerified}
			disturb(c, 10)
		}, suspect("disturbed: 10 of 10 blocks", probe.NotVerified)},
		"not compared with f32": {func(run *record.Run, _ *record.Cell) { run.Models[0].Precision = "int8" },
			invalid("speed without quality: the run does not compare this precision with f32")},
		"head not compared with f32": {func(run *record.Run, _ *record.Cell) { run.Models[0].Head = "int8" },
			invalid("speed without quality: the run does not compare this precision with f32")},
		"quality n/a": {func(run *record.Run, _ *record.Cell) {
			run.Models[0].Precision = "int8"
			q := scored(run, "divergence", "m")
			q.Status, q.Reason = record.Unavailable, "no ability versus"
		}, invalid("speed without quality: its divergence is n/a (no ability versus)")},
		"quality of another precision": {func(run *record.Run, _ *record.Cell) {
			run.Models[0].Precision = "int8"
			run.Models = append(run.Models, record.Model{Name: "n", Precision: "int4"})
			scored(run, "quality", "n", probe.DocumentNats)
		}, invalid("speed without quality: the run does not compare this precision with f32")},
		"quality": {func(run *record.Run, _ *record.Cell) {
			run.Models[0].Precision = "int8"
			scored(run, "quality", "m", probe.DocumentNats)
		}, valid},
		"quality under another name": {func(run *record.Run, _ *record.Cell) {
			run.Models[0].Precision = "int8"
			again := run.Models[0]
			again.Name = "n"
			run.Models = append(run.Models, again)
			scored(run, "quality", "n", probe.DocumentNats)
		}, valid},
		"quality n/a, divergence": {func(run *record.Run, _ *record.Cell) {
			run.Models[0].Precision = "int8"
			scored(run, "quality", "m").Status = record.Failed
			scored(run, "divergence", "m", probe.DocumentKL)
		}, valid},
		"losses of random weights": {func(run *record.Run, _ *record.Cell) {
			run.Models[0].Precision, run.Models[0].Initialised = "int8", true
			scored(run, "quality", "m", probe.DocumentNats)
		}, invalid("speed without quality: its quality has no divergence from f32")},
		"divergence of random weights": {func(run *record.Run, _ *record.Cell) {
			run.Models[0].Precision, run.Models[0].Initialised = "int8", true
			scored(run, "divergence", "m", probe.DocumentKL)
		}, valid},
		"invalid and disturbed": {func(run *record.Run, c *record.Cell) {
			run.Models[0].Precision = "int8"
			disturb(c, 10)
		}, invalid("speed without quality: the run does not compare this precision with f32")},
		"imported": {func(run *record.Run, _ *record.Cell) {
			run.Suites, run.Models[0].Precision = []string{record.ImportedSuite}, "Q4_K - Medium"
		}, suspect("speed without quality: imported")},
		"imported f32": {func(run *record.Run, _ *record.Cell) {
			run.Suites, run.Models[0].Precision = []string{record.ImportedSuite}, "all F32"
		}, valid},
		"imported without a precision": {func(run *record.Run, c *record.Cell) {
			run.Suites, run.Models[0].Precision = []string{record.ImportedSuite}, ""
			c.Samples = c.Samples[:3]
		}, suspect("too few values for a 95 % interval: 3, at least 6 are needed")},
	} {
		if diff := cmp.Diff(tc.want, spoiled(tc.change)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestValidityOfLosses judges cells of losses: those of few documents, and those of a model that sees the future.
func TestValidityOfLosses(t *testing.T) {
	run := timed(map[string][]float64{"m": steady}).Run
	few := scored(run, "quality", "m", probe.DocumentNats, probe.DocumentBytes)
	few.Samples = few.Samples[:10]
	if diff := cmp.Diff(Judgement{Suspect, []string{"too few documents for a 95 % interval: 5, at least 6 are needed"}}, New(run).Judge(few)); diff != "" {
		t.Error(diff)
	}
	run.Models[0].LeaksFuture = true
	for _, c := range []*record.Cell{few, scored(run, "stream", "m", probe.StreamNLL)} {
		if diff := cmp.Diff(Judgement{Invalid, []string{"sees the future"}}, New(run).Judge(c)); diff != "" {
			t.Errorf("%s: %s", c.Probe, diff)
		}
	}
}

// TestSuspectCellsAreMarked checks that a comparison with a suspect cell is shown with its mark, and passes no gate.
func TestSuspectCellsAreMarked(t *testing.T) {
	const why = "b: disturbed: 10 of 10 blocks"
	for _, tc := range []struct {
		slower []float64
		want   Outcome
		reason string
	}{
		{around(0.01, 0.015), CannotTell, "a SUSPECT cell passes no gate: " + why},
		{around(0.05, 0.015), Fail, ""},
		{around(0.01, 0.03), CannotTell, ""},
	} {
		run := paced(tc.slower...)
		disturb(&run.Cells[1], 10)
		c, err := Relate([]*record.Run{run}, CompareOptions{Gates: gates(t, "decode<=+3%")})
		if err != nil {
			t.Fatal(err)
		}
		d := c.Decisions()[0]
		if d.Outcome != tc.want || d.reason != tc.reason || tc.reason != "" && !strings.HasSuffix(d.numbers(), "; "+tc.reason) {
			t.Errorf("%v (%s) %q, want %v (%s)", d.Outcome, d.reason, d.numbers(), tc.want, tc.reason)
		}
		c.gates = nil
		if said := c.Findings()[0].Text; !strings.HasSuffix(said, "; SUSPECT: "+why) {
			t.Errorf("a finding without a gate says %q", said)
		}
		if notes := c.pairs()[0].notes(); !strings.Contains(strings.Join(notes, " "), "SUSPECT: disturbed") {
			t.Errorf("the comparison has notes %q", notes)
		}
	}
	for leader, slow := range map[string][]float64{"a": {2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, table.None.Text: steady} {
		ix := timed(map[string][]float64{"a": steady, "b": slow})
		disturb(ix.ByID["cell of b"], 10)
		v := verdicts(ix)
		validity := v.Frame.Rows[0][slices.Index(v.Frame.Keys, "validity")]
		if row := v.Rows[0]; row[2].Text != leader || !slices.Equal(row[5].Notes, []string{"SUSPECT: disturbed"}) || validity != "SUSPECT" {
			t.Errorf("the verdict is %v with notes %q, %v", row, row[5].Notes, validity)
		}
	}
}

// TestInvalidCellsAreKeptOut checks that an invalid cell is n/a with the reason in tables and comparisons, wins nothing, and that no
// gate passes it.
func TestInvalidCellsAreKeptOut(t *testing.T) {
	ix := timed(map[string][]float64{"a": steady, "b": steady, "c": {0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5}})
	ix.ByName["c"].Precision = "int8"
	const why = "INVALID: speed without quality"
	cells := ix.Cells("", "decode")
	for _, row := range ix.Pivot(DecodeLatency, cells).Rows {
		if v := row[len(row)-1]; v.Best || (v.Reason == why) != (row[0].Text == "c") {
			t.Errorf("%s: %+v", row[0].Text, v)
		}
	}
	if r := ix.rank(DecodeLatency, cells); len(r.rivals) != 1 {
		t.Errorf("ranked against %d", len(r.rivals))
	}
	c, err := Relate([]*record.Run{ix.Run}, CompareOptions{Models: []string{"a", "c"}, Gates: gates(t, "decode<=+3%")})
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Decisions()[0]; d.Outcome != NoValue || d.reason != "c: "+why {
		t.Errorf("%v: %s", d.Outcome, d.reason)
	}
	f := comparisons(c.rows())
	for i, row := range f.Rows {
		get := func(key string) any { return table.Settled(row[slices.Index(f.Keys, key)]) }
		if get("validity") != "INVALID" || get("reason") != "c: "+why || get("ratio") != nil || get("value") != nil {
			t.Errorf("row %d: %v", i, row)
		}
	}
}

func TestValidities(t *testing.T) {
	run := timed(map[string][]float64{"a": steady, "b": steady, "c": steady, "d": steady, "e": steady}).Run
	disturb(&run.Cells[1], 10)
	disturb(&run.Cells[2], 10)
	run.Models[2].Warnings = []string{probe.NotVerified}
	run.Models[3].Precision = "int4"
	run.Cells[4].Status = record.Failed
	if got, want := New(run).Validities(), "1 VALID, 2 SUSPECT (most often disturbed), 1 INVALID (most often speed without quality)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := New(&record.Run{}).Validities(), "0 VALID, 0 SUSPECT, 0 INVALID"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
