package result

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// render makes the table that people see, as benchstat lays it out: what is compared, the base, and for each other column its
// value and its difference. Where a terminal is narrow, intervals, p and n are left out, in this order.
func (l *layout) render(label string, columns []string, rows []compared, fixed coordinates) table.Table {
	t := table.Table{ID: "compare", Title: "Comparison"}
	if l.table != nil {
		t.Title += ": " + strings.Join(l.table.names(), " ") + " " + label
	}
	t.Columns = append(l.keys(), table.Column{Name: "n", Spare: true}, table.Column{Name: columns[0]})
	var shown []int // columns for which any row is planned
	for i, column := range columns[1:] {
		if len(rows) == 0 || slices.ContainsFunc(rows, func(r compared) bool { return r.pairs[i].other.cell != nil }) {
			shown = append(shown, i)
			t.Columns = append(t.Columns, table.Column{Name: column}, table.Column{Name: "vs base", Beside: true},
				table.Column{Name: "p", Beside: true, Spare: true}, table.Column{Name: "95 % interval", Beside: true, Spare: true})
		}
	}
	for _, r := range rows {
		row := append(l.keyValues(r.base, fixed[r.base.q]), table.Text(r.n()), r.base.compact())
		for _, i := range shown {
			p := r.pairs[i]
			row = append(row, p.other.compact(), p.difference(), p.certainty(), p.interval())
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// keys are the columns that identify a row. Units stand with the quantities, or in a column of their own.
func (l *layout) keys() []table.Column {
	names := l.row.names()
	for i, name := range names {
		if name == point {
			names[i] = "at"
		}
	}
	if !l.row.has("quantity") {
		names = append(names, "unit")
	}
	return table.Keys(names...)
}

// keyValues are the entries of these columns, without the axes that are constant.
func (l *layout) keyValues(s side, fixed record.Point) (row []table.Value) {
	of := unitOf(s.q)
	for _, f := range l.row {
		value := f.of(s)
		switch {
		case f.name == "quantity" && of != "":
			value += " (" + of + ")"
		case f.name == point:
			value = slices.DeleteFunc(l.point(s), func(c record.Coordinate) bool { return slices.Contains(fixed, c) }).String()
		}
		row = append(row, table.Text(value))
	}
	if !l.row.has("quantity") {
		row = append(row, table.Text(of))
	}
	return row
}

// unitOf is the unit of a quantity, "" if it has none or its name says it.
func unitOf(q *Quantity) string {
	if q.Unit == unit.One || q.Unit == unit.BitsPerByte {
		return ""
	}
	return q.Unit
}

// n is the number of pairs of each comparison of the row: "10" or "8-10".
func (r compared) n() string {
	var all []int
	for _, p := range r.pairs {
		if p.reason == "" && !p.result.Exact {
			all = append(all, p.result.N)
		}
	}
	if all == nil {
		return table.None.Text
	}
	least, most := slices.Min(all), slices.Max(all)
	if least == most {
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d-%d", least, most)
}

// coordinates are points or parts of points, by quantity.
type coordinates map[*Quantity]record.Point

// constants are the coordinates of points that all rows of a quantity share, except on its main axis and if nothing else would be
// left of a point.
func (l *layout) constants(rows []compared) coordinates {
	fixed := coordinates{}
	for _, r := range rows {
		q, at := r.base.q, l.point(r.base)
		if _, seen := fixed[q]; !seen {
			fixed[q] = slices.DeleteFunc(slices.Clone(at), func(c record.Coordinate) bool { return c.Name == q.Main })
		}
		fixed[q] = slices.DeleteFunc(fixed[q], func(c record.Coordinate) bool { return at.Get(c.Name) != c.Value })
		if len(fixed[q]) == len(at) {
			fixed[q] = nil
		}
	}
	return fixed
}

// constantNotes say which coordinates the rows leave out: "prefill, decode: batch=1 everywhere."
func constantNotes(rows []compared, fixed coordinates) (notes []string) {
	quantities := Distinct(rows, func(r compared) *Quantity { return r.base.q })
	where := func(q *Quantity) string { return fixed[q].String() }
	for _, at := range Distinct(quantities, where) {
		if at != "" {
			of := slices.DeleteFunc(slices.Clone(quantities), func(q *Quantity) bool { return where(q) != at })
			notes = append(notes, strings.Join(Distinct(of, func(q *Quantity) string { return q.Name }), ", ")+": "+at+" everywhere.")
		}
	}
	return notes
}
