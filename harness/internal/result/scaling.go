package result

import (
	"slices"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// growth is how a quantity's metric grows along its main axis for one model.
type growth struct {
	model  *record.Model
	cells  []*record.Cell
	curves map[int][]stat.Point // by block
	fit    stat.PowerLaw
}

// grown identifies the growth of a quantity over cells: those of a run are in the same order wherever they are asked for.
type grown struct {
	probe, quantity string
	first, last     *record.Cell
	n               int
}

// growths fits the growth of each model, once for the table, the figure and the crossovers.
func (ix *Index) growths(q *Quantity, cells []*record.Cell) (all []growth) {
	if len(cells) == 0 {
		return nil
	}
	key := grown{q.Probe, q.Name, cells[0], cells[len(cells)-1], len(cells)}
	if known, ok := ix.grown[key]; ok {
		return slices.Clone(known)
	}
	defer func() { ix.grown[key] = slices.Clone(all) }()
	for _, m := range ix.ModelsOf(cells) {
		own := keep(OfModel(cells, m.Name), ix.Usable)
		curves := q.curves(own)
		all = append(all, growth{m, own, curves, stat.FitPowerLaws(curves)})
	}
	return all
}

// Growth returns a table of exponents: how a quantity's metric grows along its main axis.
func (ix *Index) Growth(q *Quantity, cells []*record.Cell) table.Table {
	t := table.Table{
		ID: q.Name + "-scaling", Title: q.Growth, Caption: "fitted y ∝ N^e: 0 is constant, 1 linear, 2 quadratic",
		Columns: append(table.Keys("model"), table.Column{Name: "exponent e", ID: q.Name + "-exponent", Unit: unit.One},
			table.Column{Name: "fitted over", ID: q.Name + "-exponent-range"}, table.Column{Name: "remarks", ID: q.Name + "-exponent-verdict"}),
	}
	for _, g := range ix.growths(q, cells) {
		over, remarks := table.None, table.None
		if g.fit.Exponent.Valid() {
			over = table.Value{Text: span(g.fit.From, g.fit.To), Cells: IDs(g.cells)}
			remarks = table.Value{Text: g.fit.Verdict(), Cells: IDs(g.cells)}
		}
		t.Rows = append(t.Rows, []table.Value{table.Text(g.model.Name), exponent(g.fit, IDs(g.cells)), over, remarks})
	}
	return t
}

func span(from, to float64) string { return unit.Length(from) + " to " + unit.Length(to) + " tokens" }

// Crossovers returns a table of the lengths at which the fitted curves of two models meet, and whether any two models have
// curves. Each pair of models has one entry, in the row of the first.
func (ix *Index) Crossovers(q *Quantity, cells []*record.Cell) (t table.Table, ok bool) {
	fitted := slices.DeleteFunc(ix.growths(q, cells), func(g growth) bool {
		return !g.fit.Exponent.Valid() || !slices.Contains(ix.Bases(), g.model)
	})
	if len(fitted) < 2 {
		return t, false
	}
	t = table.Table{
		ID: q.Name + "-crossovers", Title: q.Growth + ": where two models meet", Columns: table.Keys("model"),
		Caption: "length at which the fitted curves meet, with a 95 % interval over the blocks; beyond it the model with the smaller exponent is ahead",
	}
	for _, g := range fitted[1:] {
		t.Columns = append(t.Columns, table.Column{Name: "with " + g.model.Name, ID: q.Name + "-crossover", Unit: unit.Token, Part: g.model.Name})
	}
	for i, g := range fitted[:len(fitted)-1] {
		row := append([]table.Value{table.Text(g.model.Name)}, slices.Repeat([]table.Value{table.None}, i)...)
		for _, other := range fitted[i+1:] {
			row = append(row, crossover(g, other))
		}
		t.Rows = append(t.Rows, row)
	}
	return t, true
}

// crossover is where two curves meet, if that is within the lengths that both were measured at. Notes say which curve is no
// power law.
func crossover(a, b growth) table.Value {
	from, to := max(a.fit.From, b.fit.From), min(a.fit.To, b.fit.To)
	cells := slices.Concat(IDs(a.cells), IDs(b.cells))
	v := table.Ranged(stat.Crossover(a.curves, b.curves), unit.Length, cells...)
	switch {
	case v.Number != nil && (*v.Number < from || *v.Number > to):
		v = table.Unavailable("not from " + span(from, to))
	case v.Lo != nil && (*v.Lo < from || *v.Hi > to):
		v.Notes = append(v.Notes, "the interval goes beyond the lengths that were measured, "+span(from, to))
	}
	v.Cells = cells
	for _, g := range []growth{a, b} {
		if said := g.fit.Verdict(); said != stat.PowerLawHolds {
			v.Notes = append(v.Notes, g.model.Name+": "+said)
		}
	}
	return v
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
func (q *Quantity) curves(cells []*record.Cell) map[int][]stat.Point {
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
	return blocks
}

// Along fits the growth of a stream's metric with the position.
func Along(c *record.Cell, metric string) stat.PowerLaw {
	var points []stat.Point
	for _, r := range Readings(c, metric) {
		points = append(points, stat.Point{X: r.Position, Y: r.Value})
	}
	return stat.FitPowerLaw(points)
}
