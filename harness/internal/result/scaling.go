package result

import (
	"maps"
	"slices"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Curves turns the cells of one model into one scaling curve per block.
type Curves func(cells []*record.Cell) [][]stat.Point

// Scaling is the table of exponents: how a quantity grows with the length.
func (ix *Index) Scaling(of, title string, cells []*record.Cell, curve Curves) table.Table {
	t := table.Table{
		ID: of + "-scaling", Title: title, Caption: "fitted y ∝ N^e: 0 is constant, 1 linear, 2 quadratic",
		Columns: append(table.Keys("model"), table.Column{Name: "exponent e", ID: of + "-exponent", Unit: unit.One}, table.Column{Name: "fitted over", ID: of + "-exponent-range"},
			table.Column{Name: "remarks", ID: of + "-exponent-verdict"}),
	}
	for _, m := range ix.ModelsOf(cells) {
		own := measuredCells(OfModel(cells, m.Name))
		fit := stat.FitPowerLaws(curve(own))
		t.Rows = append(t.Rows, []table.Value{table.Text(m.Name), exponent(fit, IDs(own)), fittedOver(fit, IDs(own)), lawVerdict(fit, IDs(own))})
	}
	return t
}

func exponent(fit stat.PowerLaw, cells []string) table.Value {
	return table.Ranged(fit.Exponent, fixed2, cells...)
}

// ExponentAlone is an exponent in a table that has no column for the verdict on it.
func ExponentAlone(fit stat.PowerLaw, cells []string) table.Value {
	v := exponent(fit, cells)
	if said := fit.Verdict(); fit.Exponent.Valid() && said != stat.PowerLawHolds {
		v.Notes = append(v.Notes, said)
	}
	return v
}

func fittedOver(fit stat.PowerLaw, cells []string) table.Value {
	if !fit.Exponent.Valid() {
		return table.None
	}
	return table.Value{Text: unit.Length(fit.From) + " to " + unit.Length(fit.To) + " tokens", Cells: cells}
}

func lawVerdict(fit stat.PowerLaw, cells []string) table.Value {
	if !fit.Exponent.Valid() {
		return table.None
	}
	return table.Value{Text: fit.Verdict(), Cells: cells}
}

// Law is the end of a legend entry: ": N^1.02 [1.00, 1.04]".
func Law(fit stat.PowerLaw) string {
	if !fit.Exponent.Valid() {
		return ""
	}
	return ": N^" + table.Ranged(fit.Exponent, fixed2).Text
}

func measuredCells(cells []*record.Cell) []*record.Cell {
	return slices.DeleteFunc(slices.Clone(cells), func(c *record.Cell) bool { return c.Status != record.OK })
}

// IDs lists the IDs of cells.
func IDs(cells []*record.Cell) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = c.ID
	}
	return out
}

// Growth is the table of exponents of a quantity's metric along its main axis; other axes are held at their first value.
func (ix *Index) Growth(q *Quantity, cells []*record.Cell) table.Table {
	return ix.Scaling(q.Name, q.Growth, cells, q.curves)
}

// curves are the values of the metric along the main axis, one curve per block.
func (q *Quantity) curves(cells []*record.Cell) [][]stat.Point {
	for _, name := range Axes(cells) {
		if name != q.Main {
			cells = With(cells, name, Axis(cells, name)[0])
		}
	}
	blocks := map[int][]stat.Point{}
	for _, c := range cells {
		for block, v := range q.raw(c) {
			blocks[block] = append(blocks[block], stat.Point{X: Number(c.Point, q.Main), Y: v})
		}
	}
	out := make([][]stat.Point, 0, len(blocks))
	for _, block := range slices.Sorted(maps.Keys(blocks)) {
		out = append(out, blocks[block])
	}
	return out
}

// Along returns a curve of a stream's metric.
func Along(metric string) Curves {
	return func(cells []*record.Cell) [][]stat.Point {
		c := Longest(cells)
		if c == nil {
			return nil
		}
		var points []stat.Point
		for _, r := range Readings(c, metric) {
			points = append(points, stat.Point{X: r.Position, Y: r.Value})
		}
		return [][]stat.Point{points}
	}
}
