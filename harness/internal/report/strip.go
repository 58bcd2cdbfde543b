package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// Check is one item of the strip of validity: what was checked, and the place in the page that proves it.
type Check struct {
	Label, Value string
	State        string // "ok", "warn", "bad" or "none": nothing was checked
	Anchor       string // ID of an element of the page
	Detail       string // a sentence that explains the value
}

// strip checks whether the run can be believed.
func (ix *index) strip() []Check {
	return []Check{ix.causalityCheck(), ix.countCheck(), ix.clockCheck(), ix.hostCheck(), ix.validityCheck(), ix.blocksCheck(), ix.absenceCheck(), ix.failureCheck()}
}

// fraction is "16/16".
func fraction(good, all int) string { return fmt.Sprintf("%d/%d", good, all) }

// unchecked is the check of a run that has nothing to check.
func unchecked(label, why string) Check {
	return Check{Label: label, Value: "n/a", State: "none", Detail: why, Anchor: "t-unavailable"}
}

// graded is "ok" if all are good, else the other state.
func graded(good, all int, otherwise string) string {
	if good == all {
		return "ok"
	}
	return otherwise
}

// causalityCheck counts the models that do not see the future. One that is declared bidirectional breaks no promise.
func (ix *index) causalityCheck() Check {
	var leaking, liars []string
	var asked []*record.Cell
	for _, c := range ix.Cells("", "causality") {
		if v, ok := result.Only(c, probe.CausalVerdict); ok {
			asked = append(asked, c)
			if v != 1 {
				leaking = append(leaking, c.Model)
			}
			if m := ix.ByName[c.Model]; v != 1 && m != nil && m.Causal {
				liars = append(liars, c.Model)
			}
		}
	}
	if asked == nil {
		return unchecked("causality", "The run did not check whether predictions depend on later tokens.")
	}
	check := Check{Label: "causality", Value: fraction(len(asked)-len(leaking), len(asked)), State: graded(len(leaking), 0, "warn"), Anchor: ix.sectionOf(asked),
		Detail: "No prediction of these models changed when later tokens or other documents did."}
	if leaking != nil {
		check.Detail = inList(result.Distinct(leaking, itself)) + ": sees the future, so it is kept out of language-model tables."
	}
	if liars != nil {
		check.State = "bad"
	}
	return check
}

// sectionOf is the ID of the section that shows cells first.
func (ix *index) sectionOf(cells []*record.Cell) string { return table.Slug(cells[0].Suite) }

// countCheck counts the cells in which an execution did the work that the formula gives.
func (ix *index) countCheck() Check {
	both, differ := compareFormula(ix.Cells("", "cost"), result.AnalyticFLOPs, result.CountedFLOPs)
	if both == nil {
		return unchecked("counted = formula", "No execution was counted.")
	}
	return Check{Label: "counted = formula", Value: fraction(len(both)-len(differ), len(both)), State: graded(len(differ), 0, "bad"), Anchor: ix.sectionOf(both),
		Detail: "FLOPs that operations counted while they ran, against the independent formula."}
}

// clockCheck counts the timed cells in which the host's clock confirms the plugin's.
func (ix *index) clockCheck() Check {
	confirmed, byHost, contradicted := 0, 0, 0
	for _, c := range ix.Cells("", "") {
		p := probe.Find(c.Probe)
		switch {
		case p == nil || !p.Timing || ix.Run.Imported():
		case c.Failure != nil && c.Failure.Class == string(lm.Contradiction):
			contradicted++
		case c.Status == record.OK && probe.TimedByHost(c):
			byHost++
		case c.Status == record.OK:
			confirmed++
		}
	}
	if confirmed+byHost+contradicted == 0 {
		return unchecked("clocks", "Nothing was timed with two clocks.")
	}
	check := Check{Label: "clocks", Value: fmt.Sprintf("%d confirmed", confirmed), State: graded(contradicted, 0, "bad"), Anchor: "t-warnings",
		Detail: "Timed cells in which the host's clock confirms the plugin's; where calls are too short to tell, the host's time counts, and where the clocks contradict each other, none."}
	if byHost > 0 {
		check.Value += fmt.Sprintf(", %d timed by the host", byHost)
	}
	if contradicted > 0 {
		check.Value += fmt.Sprintf(", %d contradict", contradicted)
	}
	return check
}

// noisy is the share of disturbed samples from which on a host is called noisy.
const noisy = 0.1

func (ix *index) hostCheck() Check {
	d := disturbanceOf(ix.Run)
	if d.first == 0 {
		return unchecked("host", "No sensor of the host was read while samples were taken.")
	}
	check := Check{Label: "host", Value: "quiet, " + unit.Percent(d.share()) + " disturbed", State: "ok", Anchor: "t-facts", Detail: "Disturbed samples: " + d.String() + "."}
	if d.share() > noisy {
		check.Value, check.State = "noisy, "+unit.Percent(d.share())+" disturbed", "warn"
	}
	return check
}

// enough is the share of valid cells from which on a run is not suspicious as a whole.
const enough = 0.8

// validityCheck counts the measured cells by their validity.
func (ix *index) validityCheck() Check {
	cells := map[result.Validity]int{}
	for _, c := range ix.Cells("", "") {
		cells[ix.Judge(c).Validity]++
	}
	valid, suspect, invalid := cells[result.Valid], cells[result.Suspect], cells[result.Invalid]
	judged := valid + suspect + invalid
	if judged == 0 {
		return unchecked("cells", "No cell was measured.")
	}
	check := Check{Label: "cells", Value: fmt.Sprintf("%d of %d VALID", valid, judged), State: "ok", Anchor: "cells",
		Detail: ix.Validities() + ". SUSPECT values are marked and pass no gate; INVALID ones are left out."}
	if invalid > 0 || float64(valid) < enough*float64(judged) {
		check.State = "warn"
	}
	return check
}

// blocksCheck says how many blocks the timed cells have.
func (ix *index) blocksCheck() Check {
	var counts []int
	for _, c := range ix.Cells("", "") {
		if p := probe.Find(c.Probe); c.Status == record.OK && p != nil && p.Timing {
			counts = append(counts, blockCount(c))
		}
	}
	switch {
	case ix.Run.Imported():
		return unchecked("blocks", "The samples come from another tool, which did not interleave them.")
	case counts == nil:
		return unchecked("blocks", "Nothing was timed.")
	}
	least, most := slices.Min(counts), slices.Max(counts)
	check := Check{Label: "blocks", Value: fmt.Sprintf("n = %d", least), State: "ok", Anchor: "cells",
		Detail: fmt.Sprintf("Independent blocks of each timed cell; a 95 %% interval needs %d.", stat.MinSamples)}
	if most > least {
		check.Value = fmt.Sprintf("n = %d to %d", least, most)
	}
	if least < stat.MinSamples {
		check.State = "warn"
	}
	return check
}

func (ix *index) absenceCheck() Check {
	n := ix.Run.Count(record.Unavailable) + ix.Run.Count(record.Pending)
	check := Check{Label: "not measured", Value: result.Describe(n, "cell"), State: "none", Anchor: "t-unavailable", Detail: "Each has its reason: a context limit, a missing ability, a budget."}
	if n == 0 {
		check.State, check.Detail = "ok", "No cell was left out."
	}
	return check
}

func (ix *index) failureCheck() Check {
	n := ix.Run.Count(record.Failed)
	check := Check{Label: "failures", Value: "none", State: "ok", Anchor: "t-failures", Detail: "No cell failed."}
	if n > 0 {
		check.Value, check.State, check.Detail = result.Describe(n, "cell"), "bad", "Failed cells have no values; each has a command that reproduces the failure."
	}
	return check
}

// checks is the strip as a table.
func (r *Report) checks() table.Table {
	t := table.Words("checks", "Can it be believed", []string{"check", "found", "state", "meaning"})
	for _, c := range r.Strip {
		t.Add(c.Label, c.Value, c.State, c.Detail)
	}
	return t
}

// itself is for lists without repetitions.
func itself(s string) string { return s }

// inList is "a", "a and b" or "a, b and c".
func inList(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
