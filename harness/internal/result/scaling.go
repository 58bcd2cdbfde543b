package result

import (
	"maps"
	"slices"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Growth returns a table of exponents: how a quantity's metric grows along its main axis.
func (ix *Index) Growth(q *Quantity, cells []*record.Cell) table.Table {
	t := table.Table{
		ID: q.Name + "-scaling", Title: q.Growth, Caption: "fitted y ∝ N^e: 0 is constant, 1 linear, 2 quadratic",
		Columns: append(table.Keys("model"), table.Column{Name: "exponent e", ID: q.Name + "-exponent", Unit: unit.One},
			table.Column{Name: "fitted over", ID: q.Name + "-exponent-range"}, table.Column{Name: "remarks", ID: q.Name + "-exponent-verdict"}),
	}
	for _, m := range ix.ModelsOf(cells) {
		own := keep(OfModel(cells, m.Name), ix.Usable)
		fit := stat.FitPowerLaws(q.curves(own))
		over, remarks := table.None, table.None
		if fit.Exponent.Valid() {
			over = table.Value{Text: unit.Length(fit.From) + " to " + unit.Length(fit.To) + " tokens", Cells: IDs(own)}
			remarks = table.Value{Text: fit.Verdict(), Cells: IDs(own)}
		}
		t.Rows = append(t.Rows, []table.Value{table.Text(m.Name), exponent(fit, IDs(own)), over, remarks})
	}
	return t
}

func exponent(fit stat.PowerLaw, cells []string) table.Value {
	return table.Ranged(fit.Exponent, fixed2, cells...)
}

// ExponentAlone is an exponent with its verdict as a note, for tables without a column for it.
func ExponentAlone(fit stat.PowerLaw, cells []string) table.Value {
	v := exponent(fit, cells)
	if said := fit.Verdict(); fit.Exponent.Valid() && said != stat.PowerLawHolds {
		v.Notes = append(v.Notes, said)
	}
	return v
}

// Law formats a power law as the end of a legend entry: ": N^1.02 [1.00, 1.04]".
func Law(fit stat.PowerLaw) string {
	if !fit.Exponent.Valid() {
		return ""
	}
	return ": N^" + table.Ranged(fit.Exponent, fixed2).Text
}

// IDs returns the IDs of cells.
func IDs(cells []*record.Cell) []string {
	return Distinct(cells, func(c *record.Cell) string { return c.ID })
}

// curves returns the metric along the main axis, one curve per block, with the other axes at their first value.
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

// Along fits the growth of a stream's metric with the position.
func Along(c *record.Cell, metric string) stat.PowerLaw {
	var points []stat.Point
	for _, r := range Readings(c, metric) {
		points = append(points, stat.Point{X: r.Position, Y: r.Value})
	}
	return stat.FitPowerLaws([][]stat.Point{points})
}
