package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
)

// Section is what a report says about one suite.
type Section struct {
	ID      string
	Title   string
	Notes   []string
	Tables  []table.Table // that people see
	Data    []table.Table // all, for programs: they also hold what others or a figure show
	Figures []chart.Figure
}

// add adds tables for people and programs.
func (s *Section) add(tables ...table.Table) {
	s.Tables, s.Data = append(s.Tables, tables...), append(s.Data, tables...)
}

// views add what a probe measured to a section.
var views = map[probe.View]func(ix *index, s *Section, cells []*record.Cell){
	probe.QuantityView: addQuantities, probe.CausalityView: addCausality, probe.CostView: addCost,
	probe.MemoryView: addMemory, probe.StreamView: addStream, probe.QualityView: addQuality,
}

// byPlace lists all probes in the order in which a section shows them.
func byPlace() []*probe.Probe {
	place := func(p *probe.Probe) int { return cmp.Or(p.Report.Place, math.MaxInt) }
	return slices.SortedStableFunc(slices.Values(probe.All()), func(a, b *probe.Probe) int { return cmp.Compare(place(a), place(b)) })
}

// addQuantities shows the quantities of the cells' probe in one table, percentiles if there are enough samples, and the figures.
func addQuantities(ix *index, s *Section, cells []*record.Cell) {
	quantities := result.QuantitiesOf(cells[0].Probe)
	pivots := ix.pivots(quantities, cells)
	s.Data = append(s.Data, pivots...)
	s.Tables = append(s.Tables, ix.digest(cells[0].Probe, ofDistinctMetrics(quantities), cells))
	for _, t := range ix.TailTables(cells) {
		s.Data = append(s.Data, t)
		if reaches90(t) {
			s.Tables = append(s.Tables, withValues(t))
		}
	}
	ix.addGrowth(s, quantities, cells)
}

// pivots are the tables of quantities; optional ones only if a cell has them.
func (ix *index) pivots(quantities []*result.Quantity, cells []*record.Cell) (tables []table.Table) {
	for _, q := range quantities {
		if q.Optional {
			tables = append(tables, ix.measuredOnly(q, cells)...)
		} else {
			tables = append(tables, ix.Pivot(q, cells))
		}
	}
	return tables
}

// ofDistinctMetrics keeps the first quantity of each metric: a time or a speed, not both.
func ofDistinctMetrics(quantities []*result.Quantity) (kept []*result.Quantity) {
	for _, q := range quantities {
		if !slices.ContainsFunc(kept, func(k *result.Quantity) bool { return k.Metric == q.Metric }) {
			kept = append(kept, q)
		}
	}
	return kept
}

// reaches90 reports whether a table of percentiles has more than medians.
func reaches90(t table.Table) bool {
	return slices.ContainsFunc(t.Rows, func(row []table.Value) bool { return row[len(row)-2].Number != nil })
}

// withValues leaves out the columns without any value.
func withValues(t table.Table) table.Table {
	shown := t
	shown.Columns, shown.Rows = nil, make([][]table.Value, len(t.Rows))
	for i, c := range t.Columns {
		if !c.Key && !slices.ContainsFunc(t.Rows, func(row []table.Value) bool { return row[i].Number != nil }) {
			continue
		}
		shown.Columns = append(shown.Columns, c)
		for j, row := range t.Rows {
			shown.Rows[j] = append(shown.Rows[j], row[i])
		}
	}
	return shown
}

// addGrowth adds growth exponents for programs, where models meet, and the figures that quantities ask for.
func (ix *index) addGrowth(s *Section, quantities []*result.Quantity, cells []*record.Cell) {
	for _, q := range quantities {
		if q.Growth != "" {
			s.Data = append(s.Data, ix.Growth(q, cells))
			if t, ok := ix.Crossovers(q, cells); ok {
				s.Data = append(s.Data, t)
				if meets(t) {
					s.Tables = append(s.Tables, t)
				}
			}
		}
		if q.Figure != nil {
			s.Figures = append(s.Figures, ix.figureOf(q, cells))
			s.Figures = append(s.Figures, ix.spread(q, cells)...)
		}
	}
}

// meets reports whether a table of crossovers has any.
func meets(t table.Table) bool {
	return slices.ContainsFunc(t.Rows, func(row []table.Value) bool {
		return slices.ContainsFunc(row, func(v table.Value) bool { return v.Number != nil })
	})
}

// measuredOnly is the table of a quantity, or nil if no cell has it.
func (ix *index) measuredOnly(q *result.Quantity, cells []*record.Cell) []table.Table {
	if slices.ContainsFunc(cells, func(c *record.Cell) bool { return len(q.Blocks(c)) > 0 }) {
		return []table.Table{ix.Pivot(q, cells)}
	}
	return nil
}

// section collects the views of one suite's cells. If they compare precisions of a model, one table of what each
// precision costs replaces one wide table per probe.
func (ix *index) section(suite string) Section {
	cells := ix.relevant(suite)
	s := Section{ID: table.Slug(suite), Title: suite}
	precisions := ix.ManyPrecisions(result.OfProbe(cells, "quality"))
	if precisions {
		addPrecisions(ix, &s, cells)
	}
	for _, p := range byPlace() {
		own := result.OfProbe(cells, p.Name)
		if len(own) > 0 && !(precisions && p.Report.WithPrecision) {
			views[p.Report.View](ix, &s, own)
		}
	}
	for _, list := range [][]table.Table{s.Tables, s.Data} {
		for i := range list {
			list[i].ID = s.ID + "-" + list[i].ID
		}
	}
	for i := range s.Figures {
		s.Figures[i].Name = s.ID + "-" + s.Figures[i].Name
	}
	return s
}

// relevant returns the cells of a suite and those it shares with others. A cell belongs to the first suite that asked
// for it, so other suites may hold points of this suite's probes and models.
func (ix *index) relevant(suite string) []*record.Cell {
	own := ix.Cells(suite, "")
	out := slices.Clone(own)
	for _, c := range ix.Cells("", "") {
		if c.Suite != suite && slices.ContainsFunc(own, func(o *record.Cell) bool { return o.Probe == c.Probe && o.Model == c.Model }) {
			out = append(out, c)
		}
	}
	return out
}
