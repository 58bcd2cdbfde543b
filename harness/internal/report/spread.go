package report

import (
	"maps"
	"slices"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/unit"
)

// mostRows is how many rows a figure of samples has at most; it then leaves out the shortest lengths.
const mostRows = 40

// spread draws the samples of a timed quantity, one row per cell, with the minor axes at their first value.
func (ix *index) spread(q *result.Quantity, cells []*record.Cell) []chart.Figure {
	if p := probe.Find(q.Probe); p == nil || !p.Timing {
		return nil
	}
	g := result.NewGrid(cells, q.Main)
	minors := g.Minors()
	if len(minors) == 0 {
		return nil
	}
	f := chart.Figure{Name: q.Name + "-samples", Title: "Samples: " + inSentence(q.Title), Empty: emptiness(cells),
		X:       chart.Axis{Label: yLabel(q), Unit: q.Unit, Log: chart.Log10},
		Caption: "One dot per block, over a box of the quartiles; hollow dots were disturbed. Blocks are paired, so models are compared within blocks, not by their boxes.",
		Foot:    g.HeldAt(minors[0])}
	for _, main := range result.Axis(cells, q.Main) {
		for _, m := range ix.ModelsOf(cells) {
			c := g.At(m.Name, minors[0], main)
			if c == nil || c.Status != record.OK {
				continue
			}
			f.Rows = append(f.Rows, ix.samplesRow(q, c, q.Main+" "+unit.Length(result.Number(c.Point, q.Main))))
		}
	}
	f.Rows = f.Rows[max(0, len(f.Rows)-mostRows):]
	return []chart.Figure{f}
}

// samplesRow is the row of a cell, with its values by block.
func (ix *index) samplesRow(q *result.Quantity, c *record.Cell, group string) chart.Row {
	r := chart.Row{Group: group, Label: c.Model, Style: ix.Style[c.Model], Text: unit.Format(q.Estimate(c).Value, q.Unit)}
	disturbed := map[int]bool{}
	for _, s := range c.Of(q.Metric) {
		disturbed[s.Block] = disturbed[s.Block] || len(s.Disturbed) > 0
	}
	values := q.Blocks(c)
	for _, block := range slices.Sorted(maps.Keys(values)) {
		if disturbed[block] {
			r.Apart = append(r.Apart, values[block])
		} else {
			r.Samples = append(r.Samples, values[block])
		}
	}
	return r
}
