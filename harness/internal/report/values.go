package report

import (
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
)

// valueKeys are the keys of the rows made by values.
func valueKeys() []string {
	return slices.Concat([]string{"run", "suite", "table", "model", "precision"}, result.AxisKeys(), []string{
		"position", "part", "quantity", "unit", "direction", "value", "lo", "hi", "n", "leader", "text", "reason", "validity", "notes", "cells"})
}

// values lists the entries of all sections' tables in long form for programs, one row each. An entry of several tables
// appears once. Each table gets its own rows as its frame.
func (ix *index) values(sections []Section) table.Table {
	all := table.Table{ID: "values", Title: "Values", Frame: &table.Frame{Keys: valueKeys()}, Main: true}
	seen := map[string]bool{}
	for _, s := range sections {
		for i := range s.Data {
			own := &table.Frame{Keys: valueKeys()}
			for _, e := range ix.entries(s, s.Data[i]) {
				own.Rows = append(own.Rows, e.record(ix))
				if key := e.key(); !seen[key] {
					seen[key] = true
					all.Frame.Rows = append(all.Frame.Rows, e.record(ix))
				}
			}
			s.Data[i].Frame = own
		}
	}
	return all
}

// entry is one value of a section's table with its context.
type entry struct {
	suite, table string
	model        *record.Model // nil: unknown
	point        record.Point  // common to its cells
	column       table.Column
	part         string
	value        table.Value
}

// entries lists the entries of a table, without unplanned points and dashes.
func (ix *index) entries(s Section, t table.Table) []entry {
	var all []entry
	for _, row := range t.Rows {
		part := ""
		for i, c := range t.Columns {
			if c.Key && c.Name == "component" {
				part = row[i].Text
			}
		}
		for i, c := range t.Columns {
			if c.Key || row[i].Text == result.NotPlanned.Text || row[i].Text == table.None.Text {
				continue
			}
			e := entry{suite: s.Title, table: t.ID, column: c, part: part + c.Part, value: row[i]}
			e.model = ix.modelOf(t, row, row[i].Cells)
			e.point = ix.common(row[i].Cells)
			all = append(all, e)
		}
	}
	return all
}

// modelOf finds the model of an entry: by its cells, else by those of its row, else by the row's keys.
func (ix *index) modelOf(t table.Table, row []table.Value, cells []string) *record.Model {
	for _, v := range append([]table.Value{{Cells: cells}}, row...) {
		if len(v.Cells) > 0 {
			return ix.ByName[ix.ByID[v.Cells[0]].Model]
		}
	}
	for i, c := range t.Columns {
		if m := ix.ByName[row[i].Text]; c.Key && m != nil {
			return m
		}
	}
	return nil
}

// common is the part of a point that all cells share.
func (ix *index) common(cells []string) record.Point {
	if len(cells) == 0 {
		return nil
	}
	point := slices.Clone(ix.ByID[cells[0]].Point)
	return slices.DeleteFunc(point, func(at record.Coordinate) bool {
		return slices.ContainsFunc(cells[1:], func(id string) bool { return ix.ByID[id].Point.Get(at.Name) != at.Value })
	})
}

// key identifies an entry.
func (e entry) key() string {
	name := ""
	if e.model != nil {
		name = e.model.Name
	}
	return strings.Join(append([]string{name, e.part, e.column.Field(), e.column.Name, e.value.Text}, e.value.Cells...), "\x00")
}

// record is the entry as a row for programs.
func (e entry) record(ix *index) []any {
	var name, precision, number, words, position any
	if e.model != nil {
		name, precision = e.model.Name, table.Word(result.PrecisionOf(e.model))
	}
	if e.value.Number != nil {
		number = *e.value.Number
	} else if e.value.Reason == "" {
		words = e.value.Program()
	}
	if e.column.At > 0 {
		position = e.column.At
	}
	return slices.Concat([]any{ix.Run.ID, e.suite, e.table, name, precision}, result.AxisValues(e.point), []any{
		position, table.Word(e.part), e.column.Field(), table.Word(e.column.Unit), table.Direction(e.column.Better), number, e.value.Lo, e.value.Hi,
		table.Known(e.value.N), e.value.Best, words, table.Word(e.value.Reason), table.Word(ix.validityOf(e.value.Cells).String()), e.value.Notes, e.value.Cells})
}

// validityOf is the worst validity of cells, none if they have none.
func (ix *index) validityOf(cells []string) (worst result.Validity) {
	for _, id := range cells {
		worst = max(worst, ix.Judge(ix.ByID[id]).Validity)
	}
	return worst
}
