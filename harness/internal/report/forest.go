package report

import (
	"strconv"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/unit"
)

// forest shows how many times as good as the first model the others are, in the questions that the matrix shows. The first is that
// with a value to compare.
func (ix *index) forest(questions []result.Question) chart.Figure {
	f := chart.Figure{Name: "forest", Title: "Times as good as the first model", Empty: "no question has a value of two models"}
	for _, base := range ix.Families {
		if f.Rows = ix.factors(base, result.Decisive(questions)); f.Rows == nil {
			continue
		}
		f.Title, f.Rules = "How many times as good as "+base.Name, []chart.Rule{{Vertical: true, At: 1}}
		f.X = chart.Axis{Label: "times as good as " + base.Name + " (right of 1 is better)", Unit: unit.One, Log: chart.Log10}
		f.Caption = "Ratio to " + base.Name + " with its 95 % interval: speeds as they are; times, bytes, FLOPs and losses inverted, so that right is always better. " +
			"Hollow: not decided. Without a bar: exact. An arrow: beyond the axis."
		f.Foot = "by block or document, paired; bars: 95 % interval of the single comparison"
		if ix.Run.Imported() {
			f.Foot = "imported, not interleaved; bars: 95 % interval of the single comparison"
		}
		break
	}
	return f
}

// factors are the rows of the models that are compared with a base.
func (ix *index) factors(base result.Family, questions []result.Question) (rows []chart.Row) {
	for _, q := range questions {
		for _, x := range q.Against(base) {
			rows = append(rows, chart.Row{Group: titleOf(q), Label: ix.Families[ix.Style[x.Model]].Name, Text: factorText(x.Comparison), Style: ix.Style[x.Model],
				Value: x.Value, Lo: x.Lo, Hi: x.Hi, Hollow: x.Verdict() == stat.Undecided})
		}
	}
	return rows
}

// factorText is "1.16x [1.07, 1.27]".
func factorText(c stat.Comparison) string {
	if c.Exact || !c.Bounded() {
		return factor(c.Value) + "x"
	}
	return factor(c.Value) + "x [" + factor(c.Lo) + ", " + factor(c.Hi) + "]"
}

// factor has two decimals near 1, else two digits or more.
func factor(v float64) string {
	switch {
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 0.1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}
