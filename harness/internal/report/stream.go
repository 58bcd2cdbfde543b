package report

import (
	"fmt"
	"slices"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// addStream shows what happens along a very long document: one row and one line per model, from its longest stream.
func addStream(ix *index, s *Section, cells []*record.Cell) {
	t := table.Table{ID: "stream", Title: "One long document", Caption: "read once, in chunks with carried state; the longest stream of each model",
		Columns: append(table.Keys("model"), table.Column{Name: "tokens", ID: "stream-tokens", Unit: unit.Token},
			table.Column{Name: "speed", ID: "stream-speed", Unit: unit.TokensPerSec, Better: +1}, table.Column{Name: "time ∝ N^e", ID: "stream-time-exponent", Unit: unit.One},
			table.Column{Name: "state at the end", ID: "stream-state", Unit: unit.Byte, Better: -1}, table.Column{Name: "state ∝ N^e", ID: "stream-state-exponent", Unit: unit.One},
			table.Column{Name: "process peak", ID: "stream-process-peak", Unit: unit.Byte, Better: -1}, table.Column{Name: "all outputs finite", ID: "stream-finite"},
			table.Column{Name: "chunks against one shot, max |Δ nat|", ID: "stream-chunk-difference", Unit: unit.Nat}),
	}
	for _, m := range ix.ModelsOf(cells) {
		t.Rows = append(t.Rows, streamRow(m, result.OfModel(cells, m.Name)))
	}
	s.add(t)
	s.Data = append(s.Data, ix.losses(cells))
	s.Figures = append(s.Figures,
		ix.alongStream(cells, probe.StreamSeconds, chart.Figure{
			Name: "stream-time", Title: "Time along one long document", Y: chart.Axis{Label: "time so far", Unit: unit.Second, Log: chart.Log10},
			Caption: "Cumulative time of the plugin against tokens read, with the fitted exponent: 1 is linear, 2 quadratic.",
			Foot:    "one pass; the exponent's interval is that of the fit along it",
		}),
		ix.alongStream(cells, probe.StreamStateBytes, chart.Figure{
			Name: "stream-state", Title: "State along one long document", Y: chart.Axis{Label: "bytes of state", Unit: unit.Byte, Log: chart.Log2},
			Caption: "Memory held for the document against tokens read, with the fitted exponent: 0 is constant, 1 linear.",
		}),
		ix.alongStream(cells, probe.StreamNLL, chart.Figure{
			Name: "stream-loss", Title: "Loss along one long document", Y: chart.Axis{Label: "loss, nats per token", Unit: unit.Nat},
			Caption: "Mean loss of the tokens up to each position since the one before. Hollow points lie beyond the trained context. " +
				"Nats per token compare positions of one model, and models of one tokenizer only.",
			Foot: "one pass; hollow: beyond the trained context",
		}))
}

func streamRow(m *record.Model, cells []*record.Cell) []table.Value {
	row := []table.Value{table.Text(m.Name)}
	c := result.Longest(cells)
	if c == nil {
		return append(row, slices.Repeat([]table.Value{result.Missing(cells[0])}, 8)...)
	}
	last, seconds := 0.0, 0.0
	for _, r := range result.Readings(c, probe.StreamSeconds) {
		last, seconds = r.Position, r.Value
	}
	time, state := result.Along(c, probe.StreamSeconds), result.Along(c, probe.StreamStateBytes)
	speed := table.Unavailable("no time was reported")
	if seconds > 0 {
		speed = table.Number(last/seconds, unit.TokensPerSec, c.ID)
	}
	return append(row,
		table.Figure(unit.Length(last), last, c.ID), speed,
		result.ExponentAlone(time, []string{c.ID}), lastReading(c, probe.StreamStateBytes, unit.Byte), result.ExponentAlone(state, []string{c.ID}),
		single(c, probe.StreamPeakBytes, unit.Byte), finiteness(c), single(c, probe.StreamChunkDiff, unit.Nat))
}

func lastReading(c *record.Cell, metric, name string) table.Value {
	all := result.Readings(c, metric)
	if len(all) == 0 {
		return table.Unavailable(result.NotReported)
	}
	return table.Number(all[len(all)-1].Value, name, c.ID)
}

// single shows a metric of which a cell has one value.
func single(c *record.Cell, metric, name string) table.Value {
	v, ok := result.Only(c, metric)
	if !ok {
		return table.Unavailable("not measured here")
	}
	return table.Number(v, name, c.ID)
}

func finiteness(c *record.Cell) table.Value {
	v, ok := result.Only(c, probe.StreamFinite)
	if !ok {
		return table.Unavailable("not measured here")
	}
	if v == 1 {
		return table.Figure("yes", v, c.ID)
	}
	return table.Figure("NO", v, c.ID)
}

// losses is the table of loss by position, with a note on positions beyond the trained context.
func (ix *index) losses(cells []*record.Cell) table.Table {
	t := table.Table{
		ID: "stream-loss", Title: "Loss by position", Caption: "mean nats per token between the position before and this one",
		Columns: table.Keys("model"), Notes: []string{"Nats per token compare models of one tokenizer only."},
	}
	var positions []float64
	for _, c := range cells {
		for _, r := range result.Readings(c, probe.StreamNLL) {
			positions = append(positions, r.Position)
		}
	}
	slices.Sort(positions)
	positions = slices.Compact(positions)
	for _, p := range positions {
		t.Columns = append(t.Columns, table.Column{Name: "to " + unit.Length(p), ID: "stream-loss", At: int(p), Unit: unit.Nat, Better: -1})
	}
	if len(positions) == 0 {
		t.Columns = append(t.Columns, table.Column{Name: "loss", ID: "stream-loss", Unit: unit.Nat})
	}
	for _, m := range ix.ModelsOf(cells) {
		t.Rows = append(t.Rows, lossRow(m, result.OfModel(cells, m.Name), positions))
	}
	return t
}

func lossRow(m *record.Model, cells []*record.Cell, positions []float64) []table.Value {
	row := []table.Value{table.Text(m.Name)}
	c := result.Longest(cells)
	reason := ""
	switch {
	case result.SeesFuture(m):
		reason = "sees the future"
	case c == nil:
		reason = result.Why(cells[0])
	}
	if reason != "" {
		return append(row, slices.Repeat([]table.Value{table.Unavailable(reason)}, max(len(positions), 1))...)
	}
	byPosition := map[float64]float64{}
	for _, r := range result.Readings(c, probe.StreamNLL) {
		byPosition[r.Position] = r.Value
	}
	for _, p := range positions {
		v, ok := byPosition[p]
		if !ok {
			row = append(row, table.Unavailable("stream ends before"))
			continue
		}
		value := table.Value{Text: unit.Number(v), Number: &v, N: 1, Cells: []string{c.ID}}
		if m.TrainedTo > 0 && p > float64(m.TrainedTo) {
			value.Notes = []string{fmt.Sprintf("beyond the trained context of %d", m.TrainedTo)}
		}
		row = append(row, value)
	}
	return row
}

// alongStream draws a metric of streams against position.
func (ix *index) alongStream(cells []*record.Cell, metric string, f chart.Figure) chart.Figure {
	f.X = chart.Axis{Label: "tokens read", Unit: unit.Token, Log: chart.Log2}
	f.Empty = emptiness(cells)
	for _, m := range ix.ModelsOf(cells) {
		c := result.Longest(result.OfModel(cells, m.Name))
		if c == nil || metric == probe.StreamNLL && result.SeesFuture(m) {
			continue
		}
		s := chart.Series{Name: m.Name, Style: ix.Style[m.Name], Joined: true}
		if metric != probe.StreamNLL {
			s.Name += result.Law(result.Along(c, metric))
		}
		for _, r := range result.Readings(c, metric) {
			beyond := metric == probe.StreamNLL && m.TrainedTo > 0 && r.Position > float64(m.TrainedTo)
			s.Points = append(s.Points, chart.Point{X: r.Position, Y: r.Value, Hollow: beyond})
		}
		f.Series = append(f.Series, s)
	}
	return f
}
