package report

import (
	"cmp"
	"math"

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
	n, laws, curves := 0, ix.laws(q, cells), map[string][]chart.Point{}
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
		curves[m.Name] = s.Points
		f.Series = append(f.Series, s)
	}
	if s := ix.crossovers(q, cells, curves); s.Points != nil {
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

// crossovers marks where the fitted curves of two models meet, between their lines.
func (ix *index) crossovers(q *result.Quantity, cells []*record.Cell, curves map[string][]chart.Point) chart.Series {
	s := chart.Series{Name: "crossover", Style: chart.Grey, Light: true}
	if q.Growth == "" {
		return s
	}
	meetings, _ := ix.Crossovers(q, cells)
	for _, row := range meetings.Rows {
		for i, v := range row {
			a, b := row[0].Text, meetings.Columns[i].Part
			if v.Number == nil || len(curves[a]) == 0 || len(curves[b]) == 0 {
				continue
			}
			x := *v.Number
			p := chart.Point{X: x, Y: math.Sqrt(between(curves[a], x) * between(curves[b], x)), Label: a + " × " + b, Hollow: true}
			if v.Lo != nil && v.Hi != nil { // as far as there are lines
				p.XLo, p.XHi = max(*v.Lo, curves[a][0].X, curves[b][0].X), min(*v.Hi, curves[a][len(curves[a])-1].X, curves[b][len(curves[b])-1].X)
			}
			s.Points = append(s.Points, p)
		}
	}
	return s
}

// between is the height of a line at x, which both axes show on logarithmic scales; NaN beside it.
func between(line []chart.Point, x float64) float64 {
	for i := 1; i < len(line); i++ {
		if a, b := line[i-1], line[i]; a.X <= x && x <= b.X {
			share := math.Log(x/a.X) / math.Log(b.X/a.X)
			return a.Y * math.Pow(b.Y/a.Y, share)
		}
	}
	return math.NaN()
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
