package report

import (
	"maps"
	"slices"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/unit"
)

// curves turns the cells of one model into one scaling curve per block.
type curves func(cells []*store.Cell) [][]stat.Point

// scaling is the table of exponents: how a quantity grows with the length.
func (ix *index) scaling(id, title string, cells []*store.Cell, of curves) Table {
	t := Table{
		ID: id, Title: title, Caption: "fitted y ∝ N^e: 0 is constant, 1 linear, 2 quadratic",
		Columns: append(keys("model"), Column{Name: "exponent e", Unit: unit.One}, Column{Name: "fitted over"}, Column{Name: "remarks"}),
	}
	for _, m := range ix.modelsOf(cells) {
		own := measuredCells(ofModel(cells, m.Name))
		fit := stat.FitPowerLaws(of(own))
		t.Rows = append(t.Rows, []Value{text(m.Name), exponent(fit, ids(own)), text(fittedOver(fit)), text(remarks(fit))})
	}
	return t
}

func exponent(fit stat.PowerLaw, cells []string) Value {
	if !fit.Exponent.Valid() {
		return unavailable("fewer than two lengths")
	}
	return ranged(fit.Exponent, fixed2, cells...)
}

func fittedOver(fit stat.PowerLaw) string {
	if !fit.Exponent.Valid() {
		return "n/a (fewer than two lengths)"
	}
	return unit.Length(fit.From) + " to " + unit.Length(fit.To) + " tokens"
}

// loosest is how far the interval of an exponent may reach for a remark on the curve: a wider one does not even tell
// constant from linear.
const loosest = 1

const unsettled = "the points do not settle an exponent"

func remarks(fit stat.PowerLaw) string {
	if e := fit.Exponent; e.Valid() && e.Bounded() && e.Hi-e.Lo > loosest {
		return unsettled
	}
	if len(fit.Exponent.Warnings) == 0 {
		return "a power law"
	}
	return fit.Exponent.Warnings[0]
}

// law is the end of a legend entry: ": N^1.02 [1.00, 1.04]".
func law(fit stat.PowerLaw) string {
	if !fit.Exponent.Valid() {
		return ""
	}
	return ": N^" + ranged(fit.Exponent, fixed2).Text
}

func measuredCells(cells []*store.Cell) []*store.Cell {
	return slices.DeleteFunc(slices.Clone(cells), func(c *store.Cell) bool { return c.Status != store.OK })
}

func ids(cells []*store.Cell) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = c.ID
	}
	return out
}

// prefillTimes are the seconds of a prefill of one document by length, one curve per block.
func prefillTimes(cells []*store.Cell) [][]stat.Point {
	seconds := &Quantity{Metric: probe.PrefillSeconds}
	if batches := axis(cells, "batch"); len(batches) > 0 {
		cells = with(cells, "batch", batches[0])
	}
	return byBlock(cells, seconds)
}

// stateSizes are the bytes of state by length.
func stateSizes(cells []*store.Cell) [][]stat.Point { return byBlock(cells, stateBytes) }

func byBlock(cells []*store.Cell, q *Quantity) [][]stat.Point {
	blocks := map[int][]stat.Point{}
	for _, c := range cells {
		for block, v := range q.blocks(c) {
			blocks[block] = append(blocks[block], stat.Point{X: number(c.Point, "len"), Y: v})
		}
	}
	out := make([][]stat.Point, 0, len(blocks))
	for _, block := range slices.Sorted(maps.Keys(blocks)) {
		out = append(out, blocks[block])
	}
	return out
}

// along returns a curve of a stream's metric.
func along(metric string) curves {
	return func(cells []*store.Cell) [][]stat.Point {
		c := longest(cells)
		if c == nil {
			return nil
		}
		var points []stat.Point
		for _, r := range readings(c, metric) {
			points = append(points, stat.Point{X: r.Position, Y: r.Value})
		}
		return [][]stat.Point{points}
	}
}
