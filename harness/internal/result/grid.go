package result

import (
	"cmp"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Grid arranges the cells of one probe: one row per model and point of the minor axes, one column per value of the
// main axis.
type Grid struct {
	cells []*record.Cell
	main  string
	minor []string // axes with more than one value, or that only some cells have
	fixed []string // "batch=1": axes with one value
}

// NewGrid arranges cells along an axis, or in a single column if none of them has it, as the commands of hyperfine.
func NewGrid(cells []*record.Cell, main string) Grid {
	g := Grid{cells: cells, main: main}
	if len(Axis(cells, main)) == 0 {
		g.main = ""
	}
	for _, name := range Axes(cells) {
		values := Distinct(cells, func(c *record.Cell) string { return c.Point.Get(name) })
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

// Axes returns the names of all axes of cells, in order.
func Axes(cells []*record.Cell) []string {
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

// Mains returns the values of the main axis, numbers in ascending order; without a main axis a single blank one.
func (g Grid) Mains() []string {
	if g.main == "" {
		return []string{""}
	}
	return Axis(g.cells, g.main)
}

// Minors returns the distinct points of the minor axes, numbers in ascending order.
func (g Grid) Minors() [][]string {
	var out [][]string
	for _, c := range g.cells {
		if m := g.minorOf(c); !slices.ContainsFunc(out, func(o []string) bool { return slices.Equal(o, m) }) {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b []string) int { return slices.CompareFunc(a, b, compareNumbers) })
	return out
}

func (g Grid) minorOf(c *record.Cell) []string {
	values := make([]string, len(g.minor))
	for i, name := range g.minor {
		values[i] = c.Point.Get(name)
	}
	return values
}

// At returns the cell of a model at a point, or nil.
func (g Grid) At(model string, minor []string, main string) *record.Cell {
	for _, c := range g.cells {
		if c.Model == model && c.Point.Get(g.main) == main && slices.Equal(g.minorOf(c), minor) {
			return c
		}
	}
	return nil
}

// Pivot returns a table of one quantity with a column for each value of the main axis.
func (ix *Index) Pivot(q *Quantity, cells []*record.Cell) table.Table {
	g := NewGrid(cells, q.Main)
	t := table.Table{ID: q.Name, Title: q.Title, Caption: g.caption(q), Columns: append(table.Keys(g.minor...), table.Keys("model")...)}
	mains := g.Mains()
	for _, m := range mains {
		t.Columns = append(t.Columns, table.Column{Name: columnName(g.main, m), ID: q.Name, Unit: q.Unit, Better: q.Better})
	}
	models := ix.ModelsOf(cells)
	for _, minor := range g.Minors() {
		first := len(t.Rows)
		for _, m := range models {
			t.Rows = append(t.Rows, ix.gridRow(g, q, m.Name, minor, mains))
		}
		onAllCores(len(mains), func(i int) {
			column := g.column(models, minor, mains[i])
			if leader := ix.rank(q, column).leader(); leader != nil {
				t.Rows[first+slices.Index(column, leader)][len(minor)+1+i].Best = true
			}
		})
	}
	return t
}

// Caption describes a table of several quantities over the grid.
func (g Grid) Caption() string {
	parts := append(g.along(), "bold is ahead of all others, by the ratios within blocks or without noise")
	return strings.Join(append(parts, g.fixed...), ", ")
}

// along says which axis the columns follow, if any.
func (g Grid) along() []string {
	if g.main == "" {
		return nil
	}
	return []string{"by " + g.main}
}

func (g Grid) caption(q *Quantity) string {
	parts := g.along()
	if q.Unit != unit.One && q.Unit != "" {
		parts = append(parts, "in "+q.Unit)
	}
	switch q.Better {
	case -1:
		parts = append(parts, "lower is better")
	case +1:
		parts = append(parts, "higher is better")
	}
	switch {
	case q.PerToken:
		parts = append(parts, "intervals over documents")
	case q.Better != 0 && !q.Exact:
		parts = append(parts, "bold is ahead of all others by the ratios within blocks")
	}
	return strings.Join(append(parts, g.fixed...), ", ")
}

func (ix *Index) gridRow(g Grid, q *Quantity, model string, minor, mains []string) []table.Value {
	var row []table.Value
	for _, v := range minor {
		row = append(row, table.Text(cmp.Or(v, table.None.Text)))
	}
	row = append(row, table.Text(model))
	for _, main := range mains {
		c := g.At(model, minor, main)
		if c == nil {
			row = append(row, NotPlanned)
			continue
		}
		row = append(row, ix.Value(q, c))
	}
	return row
}

// column returns the cells of all models at one point, nil for models without one.
func (g Grid) column(models []*record.Model, minor []string, main string) []*record.Cell {
	out := make([]*record.Cell, len(models))
	for i, m := range models {
		out[i] = g.At(m.Name, minor, main)
	}
	return out
}

// columnName is the heading of a column, such as "len 2K".
func columnName(axis, value string) string {
	switch axis {
	case "len", "depth", "context":
		return axis + " " + unit.Length(Number(record.Point{{Name: axis, Value: value}}, axis))
	case "":
		return "value"
	}
	return axis + " " + value
}

// place describes a point of the grid: "depth 2K, batch 1", or "" if nothing varies.
func (g Grid) place(minor []string, main string) string {
	var parts []string
	if g.main != "" {
		parts = append(parts, columnName(g.main, main))
	}
	for i, name := range g.minor {
		if minor[i] != "" {
			parts = append(parts, columnName(name, minor[i]))
		}
	}
	return strings.Join(parts, ", ")
}

// HeldAt describes what a figure holds constant: "batch=1, depth=128".
func (g Grid) HeldAt(minor []string) string {
	parts := slices.Clone(g.fixed)
	for i, name := range g.minor {
		if minor[i] != "" {
			parts = append(parts, name+"="+minor[i])
		}
	}
	return strings.Join(parts, ", ")
}
