package result

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Tail is a time whose percentiles are reported.
type Tail struct {
	probe.Tail
	probe string
}

// TailsOf returns the tails of a probe.
func TailsOf(name string) (all []Tail) {
	if p := probe.Find(name); p != nil {
		for _, t := range p.Tails {
			all = append(all, Tail{t, name})
		}
	}
	return all
}

// Percentiles are the reported ones.
var Percentiles = []float64{0.5, 0.9, 0.99}

// PercentileName is "p90".
func PercentileName(q float64) string { return fmt.Sprintf("p%g", 100*q) }

// samples returns all values of a cell, over all blocks, the smallest first.
func (t Tail) samples(c *record.Cell) (values []float64) {
	for s := range c.Each(t.Metric) {
		values = append(values, s.Values()...)
	}
	slices.Sort(values)
	return values
}

// values returns the percentiles of a cell.
func (t Tail) values(c *record.Cell) (row []table.Value) {
	values := t.samples(c)
	for _, q := range Percentiles {
		switch {
		case c.Status != record.OK:
			row = append(row, Missing(c))
		case len(values) == 0:
			row = append(row, table.Unavailable(cmp.Or(probe.Lacking(c, t.Metric), NotReported)))
		default:
			row = append(row, table.Pointwise(stat.Percentile(values, q), unit.Second, c.ID))
		}
	}
	return row
}

// TailTables returns tables of the percentiles of one probe's cells, if any has enough samples for one.
func (ix *Index) TailTables(cells []*record.Cell) (tables []table.Table) {
	for _, t := range TailsOf(cells[0].Probe) {
		names := Axes(cells)
		percents := table.Table{ID: t.probe + "-percentiles", Title: t.Title, Columns: append(table.Keys(names...), table.Keys("model")...),
			Caption: t.Caption + "; a percentile needs ten samples beyond it"}
		for _, q := range Percentiles {
			percents.Columns = append(percents.Columns, table.Column{Name: PercentileName(q), ID: t.Quantity(q), Unit: unit.Second, Better: -1})
		}
		enough := false
		for _, c := range InOrder(cells) {
			var row []table.Value
			for _, axis := range names {
				row = append(row, table.Text(c.Point.Get(axis)))
			}
			row = append(row, table.Text(c.Model))
			for _, v := range t.values(c) {
				row = append(row, ix.Judged(c, v))
				enough = enough || v.Number != nil
			}
			percents.Rows = append(percents.Rows, row)
		}
		if enough {
			tables = append(tables, percents)
		}
	}
	return tables
}

// Quantity is the name of a percentile for programs: "decode-p90".
func (t Tail) Quantity(q float64) string { return t.probe + "-" + PercentileName(q) }

// Derived returns the percentiles of a cell, nil if it has too few samples for any.
func (t Tail) Derived(c *record.Cell) []table.Value {
	if values := t.values(c); slices.ContainsFunc(values, func(v table.Value) bool { return v.Number != nil }) {
		return values
	}
	return nil
}
