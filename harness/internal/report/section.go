package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Section is what a report says about one suite.
type Section struct {
	ID      string
	Title   string
	Notes   []string
	Tables  []table.Table
	Figures []chart.Figure
}

// view adds what one probe measured to a section. There is one per probe; a new probe adds a line here.
type view struct {
	probe string
	add   func(ix *index, s *Section, cells []*record.Cell)
}

var views = []view{
	{"causality", addCausality},
	{"cost", addCost},
	{"memory", addMemory},
	{"ttft", addFirstToken},
	{"prefill", addPrefill},
	{"decode", addDecode},
	{"stream", addStream},
	{"quality", addQuality},
}

// section collects the views of one suite's cells. Cells that hold several precisions of a model become one table of
// what each precision costs, instead of one wide table per probe.
func (ix *index) section(suite string) Section {
	cells := ix.relevant(suite)
	s := Section{ID: table.Slug(suite), Title: suite}
	precisions := ix.ManyPrecisions(result.OfProbe(cells, "quality"))
	if precisions {
		addPrecisions(ix, &s, cells)
	}
	for _, v := range views {
		own := result.OfProbe(cells, v.probe)
		if len(own) == 0 || precisions && slices.Contains([]string{"quality", "decode", "prefill", "memory"}, v.probe) {
			continue
		}
		v.add(ix, &s, own)
	}
	for i := range s.Tables {
		s.Tables[i].ID = s.ID + "-" + s.Tables[i].ID
	}
	for i := range s.Figures {
		s.Figures[i].Name = s.ID + "-" + s.Figures[i].Name
	}
	return s
}

// relevant returns the cells of a suite, and those that it shares: a cell belongs to the first suite that asked for
// it, so the models of this suite may have points of its probes elsewhere.
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

func addFirstToken(ix *index, s *Section, cells []*record.Cell) {
	s.Tables = append(s.Tables, ix.Pivot(result.Ttft, cells))
	s.Tables = append(s.Tables, ix.TailTables("ttft", cells)...)
}

func addPrefill(ix *index, s *Section, cells []*record.Cell) {
	s.Tables = append(s.Tables, ix.Pivot(result.PrefillSpeed, cells))
	s.Tables = append(s.Tables, ix.measuredOnly(result.PrefillShare, cells)...)
	s.Tables = append(s.Tables, ix.Scaling("prefill", "Growth of prefill time with length", cells, result.PrefillTimes))
	s.Figures = append(s.Figures, ix.figure(result.PrefillSpeed, cells, chart.Figure{
		Name: "prefill", Title: "Prefill speed", Y: chart.Axis{Log: chart.Log10},
		Caption: "Tokens read per second from an empty state. A flat line is work linear in the length; a falling one grows faster.",
	}))
}

func addDecode(ix *index, s *Section, cells []*record.Cell) {
	s.Tables = append(s.Tables, ix.Pivot(result.DecodeLatency, cells), ix.Pivot(result.DecodeSpeed, cells))
	s.Tables = append(s.Tables, ix.TailTables("decode", cells)...)
	s.Tables = append(s.Tables, ix.measuredOnly(result.DecodeShare, cells)...)
	s.Figures = append(s.Figures, ix.figure(result.DecodeLatency, cells, chart.Figure{
		Name: "decode", Title: "Decode time per step", Y: chart.Axis{Log: chart.Log10, Label: "time per step"},
		Caption: "Time to make one more token after a context. A flat line is a state of constant size.",
	}))
}

// measuredOnly is the table of a quantity if any cell has it, else nothing.
func (ix *index) measuredOnly(q *result.Quantity, cells []*record.Cell) []table.Table {
	for _, c := range cells {
		if len(q.Blocks(c)) > 0 {
			return []table.Table{ix.Pivot(q, cells)}
		}
	}
	return nil
}

func addCost(ix *index, s *Section, cells []*record.Cell) {
	for _, phase := range result.Axis(cells, "phase") {
		own := result.With(cells, "phase", phase)
		for _, q := range []*result.Quantity{result.AnalyticFLOPs, result.CountedFLOPs, result.ReferenceFLOPs, result.AnalyticBytes, result.CountedBytes} {
			for _, t := range ix.measuredOnly(q, own) {
				t.ID += "-" + phase
				t.Title += ", " + phase
				s.Tables = append(s.Tables, t)
			}
		}
		s.Figures = append(s.Figures, ix.figure(result.FlopsPerToken, own, chart.Figure{
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

// agreement says whether what was counted or measured equals the formula wherever both exist.
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

// components is where the FLOPs go, at the longest prefill of each model.
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
			share := p.value / total
			t.Rows = append(t.Rows, []table.Value{
				table.Text(m.Name), table.Text(p.name),
				{Text: unit.Percent(share), Number: &share, Cells: []string{c.ID}},
				table.Exact(stat.Exact([]float64{p.value}), unit.FLOP, c.ID),
			})
		}
	}
	return t
}

type part struct {
	name  string
	value float64
}

// componentsOf returns the parts of a cost cell by formula, the largest first.
func componentsOf(c *record.Cell) (parts []part, total float64) {
	for _, s := range c.Samples {
		if s.Metric == result.AnalyticFLOPs.Metric && s.Value > 0 {
			parts = append(parts, part{s.Label, s.Value})
			total += s.Value
		}
	}
	slices.SortStableFunc(parts, func(a, b part) int {
		switch {
		case a.value > b.value:
			return -1
		case a.value < b.value:
			return 1
		}
		return 0
	})
	return parts, total
}

func addMemory(ix *index, s *Section, cells []*record.Cell) {
	s.Tables = append(s.Tables, ix.weights(cells))
	s.Tables = append(s.Tables, ix.Pivot(result.StateBytes, cells))
	s.Tables = append(s.Tables, ix.measuredOnly(result.StateFormula, cells)...)
	s.Tables = append(s.Tables, ix.Pivot(result.ActivationBytes, cells), ix.Pivot(result.ProcessPeak, cells))
	s.Notes = append(s.Notes, agreement("State in memory", cells, result.StateFormula, result.StateBytes))
	s.Tables = append(s.Tables, ix.Scaling("state", "Growth of state with context", cells, result.StateSizes))
	s.Figures = append(s.Figures,
		ix.figure(result.StateBytes, cells, chart.Figure{
			Name: "state", Title: "State against context", Y: chart.Axis{Log: chart.Log2, Label: "bytes of state"},
			Caption: "What a model carries for one document after reading a context: keys and values, or a state of constant size.",
		}),
		ix.figure(result.ProcessPeak, cells, chart.Figure{
			Name: "process-peak", Title: "Peak of the process against context", Y: chart.Axis{Log: chart.Log2, Label: "peak resident bytes"},
			Caption: "Highest resident memory of the plugin process: weights, state, activations and the program itself.",
		}))
}

// weights is the table of weight bytes by class.
func (ix *index) weights(cells []*record.Cell) table.Table {
	t := table.Table{ID: "weights", Title: "Weights", Caption: "bytes in memory by class", Columns: table.Keys("model")}
	var classes []string
	for _, c := range cells {
		for _, s := range c.Samples {
			if s.Metric == result.WeightBytes.Metric && !slices.Contains(classes, s.Label) {
				classes = append(classes, s.Label)
			}
		}
	}
	for _, class := range append(classes, "total") {
		t.Columns = append(t.Columns, table.Column{Name: class, ID: result.WeightBytes.Name, Part: strings.TrimSuffix(class, "total"), Unit: unit.Byte})
	}
	for _, m := range ix.ModelsOf(cells) {
		t.Rows = append(t.Rows, weightsRow(m, classes, result.OfModel(cells, m.Name)))
	}
	return t
}

func weightsRow(m *record.Model, classes []string, cells []*record.Cell) []table.Value {
	row := []table.Value{table.Text(m.Name)}
	for _, c := range cells {
		if c.Status != record.OK {
			continue
		}
		for _, class := range classes {
			row = append(row, classBytes(c, class))
		}
		return append(row, result.WeightBytes.Value(c))
	}
	for range len(classes) + 1 {
		row = append(row, result.Missing(cells[0]))
	}
	return row
}

func classBytes(c *record.Cell, class string) table.Value {
	for _, s := range c.Samples {
		if s.Metric == result.WeightBytes.Metric && s.Label == class {
			return table.Exact(stat.Exact([]float64{s.Value}), unit.Byte, c.ID)
		}
	}
	return table.Unavailable("no such class")
}
