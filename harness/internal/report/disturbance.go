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

// disturbances says which share of a run's samples was disturbed, a sample being an attempt at a block of a cell. There is
// nothing to say of a run whose samples have no readings.
func disturbances(run *record.Run) []record.Fact {
	var first, disturbed, repeated, saved int
	causes := map[string]int{}
	for _, c := range run.All() {
		for _, s := range attempts(c) {
			switch {
			case s.Attempt > 0:
				repeated++
				if len(s.Disturbed) == 0 {
					saved++
				}
				continue
			case len(s.Disturbed) > 0:
				disturbed++
			}
			first++
			for _, name := range result.Distinct(s.Disturbed, cause) {
				causes[name]++
			}
		}
	}
	if first == 0 {
		return nil
	}
	words := fmt.Sprintf("%s: %d of %d", unit.Percent(float64(disturbed)/float64(first)), disturbed, first)
	if disturbed > 0 {
		names := slices.SortedFunc(maps.Keys(causes), func(a, b string) int { return cmp.Or(causes[b]-causes[a], cmp.Compare(a, b)) })
		for i, name := range names {
			names[i] = fmt.Sprintf("%s %d", name, causes[name])
		}
		words += fmt.Sprintf(" (%s); %d repeated, %d of these undisturbed", strings.Join(names, ", "), repeated, saved)
	}
	return []record.Fact{{Name: "disturbed samples", Value: words}}
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
