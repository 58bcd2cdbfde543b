package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// addCost shows the FLOPs and bytes of each phase.
func addCost(ix *index, s *Section, cells []*record.Cell) {
	for _, phase := range result.Axis(cells, "phase") {
		own := result.With(cells, "phase", phase)
		for _, q := range result.QuantitiesOf("cost") {
			if q.Name == result.FLOPsPerToken.Name {
				continue // the figure shows it better
			}
			for _, t := range ix.measuredOnly(q, own) {
				t.ID += "-" + phase
				t.Title += ", " + phase
				s.Tables = append(s.Tables, t)
			}
		}
		s.Figures = append(s.Figures, ix.figure(result.FLOPsPerToken, own, chart.Figure{
			Name: "flops-" + phase, Title: "FLOPs per token against length, " + phase, Y: chart.Axis{Log: chart.Log10, Label: "FLOP per token"},
			Caption: flopsCaption(phase),
		}))
	}
	s.Tables = append(s.Tables, ix.components(cells))
	s.Notes = append(s.Notes, agreement("Counted FLOPs", cells, result.AnalyticFLOPs, result.CountedFLOPs))
}

func flopsCaption(phase string) string {
	const rule = " By formula: a multiply-add is 2 FLOPs, everything else 1."
	if phase == "decode" {
		return "Work of one new token after a context of the given length." + rule
	}
	return "Work of one document of the given length, over its tokens: a flat line is work linear in the length." + rule
}

// agreement describes whether counted or measured values equal the formula, over the cells that have both.
func agreement(what string, cells []*record.Cell, formula, found *result.Quantity) string {
	both, differ := 0, []string{}
	for _, c := range cells {
		a, b := formula.Estimate(c), found.Estimate(c)
		if !a.Valid() || !b.Valid() {
			continue
		}
		both++
		if a.Value != b.Value {
			differ = append(differ, fmt.Sprintf("%s %s (cell %s): formula %.0f, found %.0f %s", c.Model, c.Point, table.Short(c.ID), a.Value, b.Value, found.Unit))
		}
	}
	switch {
	case both == 0:
		return what + " against the formula: n/a (no cell has both)."
	case len(differ) == 0:
		return fmt.Sprintf("%s: equal to the formula exactly, in all %s that have both.", what, result.Describe(both, "cell"))
	}
	return fmt.Sprintf("%s: different from the formula in %d of %d cells: %s.", what, len(differ), both, strings.Join(differ, "; "))
}

// components breaks the FLOPs of each model's longest prefill down by component.
func (ix *index) components(cells []*record.Cell) table.Table {
	t := table.Table{
		ID: "components", Title: "Where the FLOPs go", Columns: append(table.Keys("model", "component"), table.Column{Name: "share", ID: "flops-share", Unit: unit.One}, table.Column{Name: "FLOPs", Unit: unit.FLOP}),
		Caption: "at the longest prefill that each model has; by formula",
	}
	for _, m := range ix.ModelsOf(cells) {
		c := result.Longest(result.With(result.OfModel(cells, m.Name), "phase", "prefill"))
		if c == nil {
			continue
		}
		parts, total := componentsOf(c)
		for _, p := range parts {
			share := p.Value / total
			t.Add(m.Name, p.Label, table.Figure(unit.Percent(share), share, c.ID), table.Number(p.Value, unit.FLOP, c.ID))
		}
	}
	return t
}

// componentsOf returns the FLOPs of a cost cell by component, by formula, largest first.
func componentsOf(c *record.Cell) (parts []record.Sample, total float64) {
	for _, s := range c.Of(result.AnalyticFLOPs.Metric) {
		if s.Value > 0 {
			parts, total = append(parts, s), total+s.Value
		}
	}
	slices.SortStableFunc(parts, func(a, b record.Sample) int { return cmp.Compare(b.Value, a.Value) })
	return parts, total
}
