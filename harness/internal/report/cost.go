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

// addCost shows the FLOPs and bytes of each phase by formula; a note says whether the counted ones agree.
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
				s.Data = append(s.Data, t)
			}
		}
		s.Figures = append(s.Figures, ix.figure(result.FLOPsPerToken, own, chart.Figure{
			Name: "flops-" + phase, Title: "FLOPs per token against length, " + phase, Y: chart.Axis{Log: chart.Log10, Label: "FLOP per token"},
			Caption: flopsCaption(phase),
		}))
	}
	s.Tables = append(s.Tables, ix.digest("cost", []*result.Quantity{result.AnalyticFLOPs, result.Named("traffic")}, cells))
	s.Data = append(s.Data, ix.components(cells))
	s.Figures = append(s.Figures, ix.componentsFigure(cells))
	s.Notes = append(s.Notes, agreement("Counted FLOPs", cells, result.AnalyticFLOPs, result.CountedFLOPs))
	s.Notes = append(s.Notes, ix.publishedCounts(cells)...)
}

// publishedCounts compares the longest prefill by the published project's own counter with the formula, for models that have one.
func (ix *index) publishedCounts(cells []*record.Cell) (notes []string) {
	published := result.Named("flops-reference")
	for _, m := range ix.ModelsOf(cells) {
		c := result.Longest(result.With(result.OfModel(cells, m.Name), "phase", "prefill"))
		if c == nil {
			continue
		}
		if v := published.Value(c); v.Number != nil {
			notes = append(notes, fmt.Sprintf("%s by the published project's own counter: %s at %s, %s by formula.", m.Name, v.Text, c.Point, result.AnalyticFLOPs.Value(c).Text))
		}
	}
	return notes
}

func flopsCaption(phase string) string {
	const rule = " By formula: a multiply-add is 2 FLOPs, everything else 1."
	if phase == "decode" {
		return "Work of one new token after a context of the given length." + rule
	}
	return "Work of one document of the given length, over its tokens: a flat line is work linear in the length." + rule
}

// compareFormula returns the cells that have both a value by formula and one found in an execution, and those where they differ.
func compareFormula(cells []*record.Cell, formula, found *result.Quantity) (both, differ []*record.Cell) {
	for _, c := range cells {
		a, b := formula.Estimate(c), found.Estimate(c)
		if !a.Valid() || !b.Valid() {
			continue
		}
		both = append(both, c)
		if a.Value != b.Value {
			differ = append(differ, c)
		}
	}
	return both, differ
}

// agreement describes whether counted or measured values equal the formula, over the cells that have both.
func agreement(what string, cells []*record.Cell, formula, found *result.Quantity) string {
	both, differ := compareFormula(cells, formula, found)
	switch {
	case both == nil:
		return what + " against the formula: n/a (no cell has both)."
	case differ == nil:
		return fmt.Sprintf("%s: equal to the formula exactly, in all %s that have both.", what, result.Describe(len(both), "cell"))
	}
	var words []string
	for _, c := range differ {
		words = append(words, fmt.Sprintf("%s %s (cell %s): formula %.0f, found %.0f %s", c.Model, c.Point, table.Short(c.ID),
			formula.Estimate(c).Value, found.Estimate(c).Value, found.Unit))
	}
	return fmt.Sprintf("%s: different from the formula in %d of %d cells: %s.", what, len(differ), len(both), strings.Join(words, "; "))
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

// small is the share of a model's FLOPs below which a component is drawn as one of the others.
const small = 0.05

// componentsFigure shows where the FLOPs of a token go, at the longest prefill and decoding that each model has.
func (ix *index) componentsFigure(cells []*record.Cell) chart.Figure {
	f := chart.Figure{Name: "components", Title: "Where the FLOPs of a token go", Empty: emptiness(cells),
		X:       chart.Axis{Label: "FLOP per token", Unit: unit.FLOP},
		Caption: "FLOPs per token by component, by formula, at the longest context that each model has."}
	styles := map[string]int{}
	for _, phase := range []string{"prefill", "decode"} {
		for _, m := range ix.ModelsOf(cells) {
			c := result.Longest(result.With(result.OfModel(cells, m.Name), "phase", phase))
			if c == nil || len(c.Of(result.AnalyticFLOPs.Metric)) == 0 {
				continue
			}
			e := result.FLOPsPerToken.Estimate(c)
			f.Rows = append(f.Rows, chart.Row{Group: phase, Label: m.Name + " at " + unit.Length(result.Number(c.Point, "len")), Parts: partsOf(c, styles),
				Text: unit.Format(e.Value, unit.FLOP), Value: e.Value})
		}
	}
	return f
}

// partsOf returns the components of a cell in the order in which its plugin lists them. styles has one for each name.
func partsOf(c *record.Cell, styles map[string]int) (parts []chart.Part) {
	_, total := componentsOf(c)
	others := 0.0
	for _, s := range c.Of(result.AnalyticFLOPs.Metric) {
		if s.Value < small*total {
			others += s.Value
			continue
		}
		if _, ok := styles[s.Label]; !ok {
			styles[s.Label] = freeStyle(len(styles))
		}
		parts = append(parts, chart.Part{Name: s.Label, Value: result.FLOPsPerToken.Of(c.Point, s.Value), Style: styles[s.Label]})
	}
	slices.SortStableFunc(parts, func(a, b chart.Part) int { return a.Style - b.Style })
	if others > 0 {
		parts = append(parts, chart.Part{Name: "others", Value: result.FLOPsPerToken.Of(c.Point, others), Style: chart.Grey})
	}
	return parts
}

// freeStyle is the n-th style, without that of the others.
func freeStyle(n int) int {
	if n >= chart.Grey {
		return n + 1
	}
	return n
}
