package report

import (
	"cmp"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/unit"
)

// scales are the logarithmic scales by base.
var scales = map[int]chart.Scale{2: chart.Log2, 10: chart.Log10}

// figureOf draws a quantity as its probe specifies.
func (ix *index) figureOf(q *result.Quantity, cells []*record.Cell) chart.Figure {
	return ix.figure(q, cells, chart.Figure{Name: q.Name, Title: cmp.Or(q.Figure.Title, q.Title), Caption: q.Figure.Caption,
		Y: chart.Axis{Log: scales[q.Figure.Log], Label: q.Figure.Label}})
}

// figure draws a quantity over its main axis, one line per model. Minor axes are fixed at their first value.
func (ix *index) figure(q *result.Quantity, cells []*record.Cell, f chart.Figure) chart.Figure {
	g := result.NewGrid(cells, q.Main)
	f.X = chart.Axis{Label: axisLabel(q.Main), Unit: unit.Token, Log: chart.Log2}
	if f.Y.Label == "" {
		f.Y.Label = yLabel(q)
	}
	f.Y.Unit = q.Unit
	minors := g.Minors()
	if len(minors) == 0 {
		return f
	}
	n, laws := 0, ix.laws(q, cells)
	for _, m := range ix.ModelsOf(cells) {
		s := chart.Series{Name: m.Name + laws[m.Name], Style: ix.Style[m.Name], Joined: true}
		for _, main := range result.Axis(cells, q.Main) {
			c := g.At(m.Name, minors[0], main)
			if c == nil || !ix.Usable(c) {
				continue
			}
			e := q.Estimate(c)
			n = max(n, e.N)
			s.Points = append(s.Points, point(result.Number(c.Point, q.Main), e))
		}
		f.Series = append(f.Series, s)
	}
	f.Foot = foot(q, n, g.HeldAt(minors[0]))
	f.Empty = emptiness(cells)
	return f
}

// laws are the fitted exponents of a quantity by model, as the ends of legend entries.
func (ix *index) laws(q *result.Quantity, cells []*record.Cell) map[string]string {
	laws := map[string]string{}
	if q.Growth == "" {
		return laws
	}
	of := ": N^"
	if q.Unit == unit.TokensPerSec {
		of = ": time N^" // the exponent is that of the metric
	}
	for _, row := range ix.Growth(q, cells).Rows {
		if exponent := row[1]; exponent.Number != nil {
			laws[row[0].Text] = of + exponent.Text
		}
	}
	return laws
}

func point(x float64, e stat.Estimate) chart.Point {
	return chart.Point{X: x, Y: e.Value, Lo: e.Lo, Hi: e.Hi}
}

func foot(q *result.Quantity, n int, held string) string {
	var s string
	switch {
	case q.Exact:
		s = "no noise: counted or computed"
	case n >= stat.MinSamples:
		s = "median of " + result.Describe(n, "block") + "; bars: 95 % interval"
	default:
		s = "median of " + result.Describe(n, "block") + ": too few for an interval"
	}
	if held != "" {
		s += " · " + held
	}
	return s
}

func axisLabel(name string) string {
	switch name {
	case "len":
		return "length, tokens"
	case "depth":
		return "context before the new token, tokens"
	}
	return name
}

func yLabel(q *result.Quantity) string {
	if q.Unit == unit.Second || q.Unit == unit.Byte || q.Unit == unit.One {
		return q.Title
	}
	return q.Title + ", " + q.Unit
}

// emptiness is why a figure of these cells has no data: the first reason that one gives.
func emptiness(cells []*record.Cell) string {
	for _, c := range cells {
		if reason := result.Why(c); reason != "" {
			return reason
		}
	}
	return ""
}
