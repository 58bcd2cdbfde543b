package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// disturbance counts the samples of a run that were disturbed, a sample being an attempt at a block of a cell.
type disturbance struct {
	first, disturbed int // first attempts with readings
	repeated, saved  int // further attempts, and the undisturbed ones among them
	causes           map[string]int
}

func disturbanceOf(run *record.Run) disturbance {
	d := disturbance{causes: map[string]int{}}
	for _, c := range run.All() {
		for _, s := range attempts(c) {
			d.add(s)
		}
	}
	return d
}

func (d *disturbance) add(s record.Sample) {
	quiet := len(s.Disturbed) == 0
	if s.Attempt > 0 {
		d.repeated++
		if quiet {
			d.saved++
		}
		return
	}
	d.first++
	if !quiet {
		d.disturbed++
	}
	for _, name := range result.Distinct(s.Disturbed, cause) {
		d.causes[name]++
	}
}

// share is the share of first attempts that were disturbed.
func (d disturbance) share() float64 { return float64(d.disturbed) / float64(max(1, d.first)) }

// String is "40 %: 4 of 10 (steal 4); 4 repeated, 3 of these undisturbed".
func (d disturbance) String() string {
	words := fmt.Sprintf("%s: %d of %d", unit.Percent(d.share()), d.disturbed, d.first)
	if d.disturbed == 0 {
		return words
	}
	names := slices.SortedFunc(maps.Keys(d.causes), func(a, b string) int { return cmp.Or(d.causes[b]-d.causes[a], cmp.Compare(a, b)) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, d.causes[name])
	}
	return words + fmt.Sprintf(" (%s); %d repeated, %d of these undisturbed", strings.Join(names, ", "), d.repeated, d.saved)
}

// disturbances says which share of a run's samples was disturbed. There is nothing to say of a run whose samples have no readings.
func disturbances(run *record.Run) []record.Fact {
	d := disturbanceOf(run)
	if d.first == 0 {
		return nil
	}
	return []record.Fact{{Name: "disturbed samples", Value: d.String()}}
}

// attempts returns the first sample of each attempt, which has the readings.
func attempts(c *record.Cell) []record.Sample {
	return slices.DeleteFunc(slices.Clone(c.Samples), func(s record.Sample) bool { return len(s.Readings) == 0 })
}

// cause returns the sensor of a reason such as "cpu pressure 31 % of the time".
func cause(reason string) string {
	return strings.TrimSpace(reason[:max(0, strings.IndexAny(reason, "0123456789"))])
}

// conditions shows what the sensors read while the calls of a cell were made, one row per attempt at a block.
func conditions(c *record.Cell) []table.Table {
	all := attempts(c)
	if len(all) == 0 {
		return nil
	}
	t := table.Table{ID: "conditions", Title: "Conditions during the calls", Columns: table.Keys("block", "attempt"),
		Caption: "Shares of the time from 0 to 1; throttling and major faults are counted, preemptions per second of CPU time, frequency in kHz."}
	for _, r := range all[0].Readings {
		t.Columns = append(t.Columns, table.Column{Name: r.Name})
	}
	t.Columns = append(t.Columns, table.Column{Name: "disturbed by"})
	for _, s := range all {
		row := []any{s.Block, s.Attempt}
		for _, r := range s.Readings {
			row = append(row, reading(r))
		}
		t.Add(append(row, strings.Join(s.Disturbed, ", "))...)
	}
	return []table.Table{t}
}

// reading shows a number with three digits.
func reading(r record.Reading) table.Value {
	if r.Reason != "" {
		return table.Unavailable(r.Reason)
	}
	return table.Figure(fmt.Sprintf("%.3g", r.Value), r.Value)
}
