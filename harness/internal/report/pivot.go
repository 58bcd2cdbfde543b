package report

import (
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// grid arranges the cells of one probe: one row per model and point of the minor axes, one column per value of the
// main axis.
type grid struct {
	cells []*record.Cell
	main  string
	minor []string // axes with more than one value
	fixed []string // "batch=1": axes with one value
}

func newGrid(cells []*record.Cell, main string) grid {
	g := grid{cells: cells, main: main}
	for _, name := range axes(cells) {
		values := axis(cells, name)
		switch {
		case name == main:
		case len(values) > 1:
			g.minor = append(g.minor, name)
		default:
			g.fixed = append(g.fixed, name+"="+values[0])
		}
	}
	return g
}

// axes lists the names of all axes in their order.
func axes(cells []*record.Cell) []string {
	var names []string
	for _, c := range cells {
		for _, coordinate := range c.Point {
			if !slices.Contains(names, coordinate.Name) {
				names = append(names, coordinate.Name)
			}
		}
	}
	return names
}

// minors lists the distinct points of the minor axes, in the order of the plan.
func (g grid) minors() [][]string {
	var out [][]string
	for _, c := range g.cells {
		if m := g.minorOf(c); !slices.ContainsFunc(out, func(o []string) bool { return slices.Equal(o, m) }) {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b []string) int { return slices.CompareFunc(a, b, compareNumbers) })
	return out
}

func (g grid) minorOf(c *record.Cell) []string {
	values := make([]string, len(g.minor))
	for i, name := range g.minor {
		values[i] = c.Point.Get(name)
	}
	return values
}

// at returns the cell of a model at a point, or nil.
func (g grid) at(model string, minor []string, main string) *record.Cell {
	for _, c := range g.cells {
		if c.Model == model && c.Point.Get(g.main) == main && slices.Equal(g.minorOf(c), minor) {
			return c
		}
	}
	return nil
}

// pivot is the table of one quantity over the main axis.
func (ix *index) pivot(q *Quantity, cells []*record.Cell) table.Table {
	g := newGrid(cells, q.Main)
	t := table.Table{ID: q.Name, Title: q.Title, Caption: g.caption(q), Columns: append(table.Keys(g.minor...), table.Keys("model")...)}
	mains := axis(cells, g.main)
	for _, m := range mains {
		t.Columns = append(t.Columns, table.Column{Name: columnName(g.main, m), ID: q.Name, Unit: q.Unit, Better: q.Better})
	}
	models := ix.modelsOf(cells)
	for _, minor := range g.minors() {
		first := len(t.Rows)
		for _, m := range models {
			t.Rows = append(t.Rows, ix.gridRow(g, q, m.Name, minor, mains))
		}
		for i, main := range mains {
			column := g.column(models, minor, main)
			if leader := ix.rank(q, column).leader(); leader != nil {
				t.Rows[first+slices.Index(column, leader)][len(minor)+1+i].Best = true
			}
		}
	}
	return t
}

func (g grid) caption(q *Quantity) string {
	parts := []string{"by " + g.main}
	if q.Unit != unit.One {
		parts = append(parts, "in "+q.Unit)
	}
	switch q.Better {
	case -1:
		parts = append(parts, "lower is better")
	case +1:
		parts = append(parts, "higher is better")
	}
	if q.Better != 0 && !q.Exact {
		parts = append(parts, "bold is ahead of all others by the ratios within blocks")
	}
	return strings.Join(append(parts, g.fixed...), ", ")
}

func (ix *index) gridRow(g grid, q *Quantity, model string, minor, mains []string) []table.Value {
	var row []table.Value
	for _, v := range minor {
		row = append(row, table.Text(v))
	}
	row = append(row, table.Text(model))
	for _, main := range mains {
		c := g.at(model, minor, main)
		if c == nil {
			row = append(row, notPlanned)
			continue
		}
		row = append(row, ix.value(q, c))
	}
	return row
}

// column returns the cells of all models at one point; nil where a model has none.
func (g grid) column(models []*record.Model, minor []string, main string) []*record.Cell {
	out := make([]*record.Cell, len(models))
	for i, m := range models {
		out[i] = g.at(m.Name, minor, main)
	}
	return out
}

// columnName writes lengths the way people do: "len 2K".
func columnName(axis, value string) string {
	switch axis {
	case "len", "depth", "context":
		return axis + " " + unit.Length(number(record.Point{{Name: axis, Value: value}}, axis))
	case "":
		return "value"
	}
	return axis + " " + value
}

// place says where a point of the grid is: "depth 2K, batch 1".
func (g grid) place(minor []string, main string) string {
	at := columnName(g.main, main)
	for i, name := range g.minor {
		at += ", " + columnName(name, minor[i])
	}
	return at
}

// figure draws a quantity over its main axis, one line per model; minor axes are held at their first value.
func (ix *index) figure(q *Quantity, cells []*record.Cell, f chart.Figure) chart.Figure {
	g := newGrid(cells, q.Main)
	f.X = chart.Axis{Label: axisLabel(q.Main), Unit: unit.Token, Log: chart.Log2}
	if f.Y.Label == "" {
		f.Y.Label = yLabel(q)
	}
	f.Y.Unit = q.Unit
	minors := g.minors()
	if len(minors) == 0 {
		return f
	}
	n := 0
	for _, m := range ix.modelsOf(cells) {
		s := chart.Series{Name: m.Name, Style: ix.style[m.Name], Joined: true}
		for _, main := range axis(cells, g.main) {
			c := g.at(m.Name, minors[0], main)
			if c == nil || c.Status != record.OK {
				continue
			}
			e := q.estimate(c)
			n = max(n, e.N)
			s.Points = append(s.Points, point(number(c.Point, g.main), e))
		}
		f.Series = append(f.Series, s)
	}
	f.Foot = foot(q, n, g.heldAt(minors[0]))
	f.Empty = emptiness(cells)
	return f
}

// heldAt says what a figure holds constant.
func (g grid) heldAt(minor []string) string {
	parts := slices.Clone(g.fixed)
	for i, name := range g.minor {
		parts = append(parts, name+"="+minor[i])
	}
	return strings.Join(parts, ", ")
}

func point(x float64, e stat.Estimate) chart.Point {
	return chart.Point{X: x, Y: e.Value, Lo: e.Lo, Hi: e.Hi}
}

func foot(q *Quantity, n int, held string) string {
	var s string
	switch {
	case q.Exact:
		s = "no noise: counted or computed"
	case n >= stat.MinSamples:
		s = "median of " + describe(n, "block") + "; bars: 95 % interval"
	default:
		s = "median of " + describe(n, "block") + ": too few for an interval"
	}
	if held != "" {
		s += " · " + held
	}
	return s
}

func axisLabel(name string) string {
	switch name {
	case "len":
		return "length, tokens"
	case "depth":
		return "context before the new token, tokens"
	}
	return name
}

func yLabel(q *Quantity) string {
	if q.Unit == unit.Second || q.Unit == unit.Byte || q.Unit == unit.One {
		return q.Title
	}
	return q.Title + ", " + q.Unit
}

// emptiness is what a figure of these cells says when none of them has a value.
func emptiness(cells []*record.Cell) string {
	for _, c := range cells {
		if reason := why(c); reason != "" {
			return reason
		}
	}
	return ""
}
