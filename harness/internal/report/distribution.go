package report

import (
	"cmp"
	"encoding/json"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/internal/printable"
)

// pageData is what the page's scripts know of the run: every sample, column by column, and how quantities follow from them.
// distribution.js reads it.
type pageData struct {
	Models     []pageModel             `json:"models"`
	Quantities map[string]pageQuantity `json:"quantities"` // by name
	Titles     map[string]string       `json:"titles"`     // of metrics
	Labels     []string                `json:"labels"`     // that samples refer to
	Cells      map[string]pageCell     `json:"cells"`      // by short ID
}

type pageModel struct {
	Name      string `json:"name"`
	Family    string `json:"family"`
	Precision string `json:"precision"`
	Style     int    `json:"style"` // of its colour in figures
}

type pageQuantity struct {
	Title  string `json:"title"`
	Unit   string `json:"unit"`
	Metric string `json:"metric"`
}

type pageCell struct {
	Model   string                 `json:"model"`
	Probe   string                 `json:"probe"`
	Point   string                 `json:"point"`
	Derived []pageDerived          `json:"derived,omitempty"`
	Metrics map[string]pageSamples `json:"metrics,omitempty"`
}

// pageDerived says how a quantity follows from a value v of its metric at the cell's point: Factor·v, or Factor/v if Inverse.
type pageDerived struct {
	Quantity string  `json:"quantity"`
	Factor   float64 `json:"factor"`
	Inverse  bool    `json:"inverse,omitempty"`
}

// pageSamples are the samples of a metric in columns; nil columns are all zero.
type pageSamples struct {
	Unit      string         `json:"unit,omitempty"`
	Value     numbers        `json:"value"` // times in nanoseconds, which takes less room
	Block     []int          `json:"block,omitempty"`
	Next      bool           `json:"next,omitempty"`  // each sample is of the next block, and Block is nil
	Label     []int          `json:"label,omitempty"` // index in pageData.Labels
	Calls     []numbers      `json:"calls,omitempty"`
	Dropped   []int          `json:"dropped,omitempty"` // calls at the start that do not count
	Attempt   []int          `json:"attempt,omitempty"`
	Aside     []int          `json:"aside,omitempty"` // indices of the samples that do not count
	Disturbed map[int]string `json:"disturbed,omitempty"`
}

// perSecond converts times to those of pageSamples.
const perSecond = 1e9

// numbers have as many digits in JSON as a plot can show; the database and a bundle have all.
type numbers []float64

// MarshalJSON implements json.Marshaler.
func (all numbers) MarshalJSON() ([]byte, error) {
	text := []byte{'['}
	for i, v := range all {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendRounded(text, v)
	}
	return append(text, ']'), nil
}

// appendRounded writes six digits, without an exponent where that takes less room.
func appendRounded(text []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(text, "null"...)
	}
	start := len(text)
	text = strconv.AppendFloat(text, v, 'g', 6, 64)
	if size := math.Abs(v); size < 1e6 || size >= 1e10 {
		return text
	}
	six, _ := strconv.ParseFloat(string(text[start:]), 64) // what was just written
	return strconv.AppendFloat(text[:start], six, 'f', -1, 64)
}

// samplesJSON is the page's data as JSON in which no character can end the element that holds it.
func samplesJSON(r *Report) (template.JS, error) {
	data, err := json.Marshal(r.index.pageData())
	return template.JS(data), err
}

func (ix *index) pageData() pageData {
	d := pageData{Models: []pageModel{}, Quantities: map[string]pageQuantity{}, Titles: map[string]string{}, Labels: []string{""}, Cells: map[string]pageCell{}}
	for i := range ix.Run.Models {
		m := &ix.Run.Models[i]
		style := ix.Style[m.Name]
		d.Models = append(d.Models, pageModel{printable.Text(m.Name), printable.Text(ix.Families[style].Name), printable.Text(result.PrecisionOf(m)), style})
	}
	labels := map[string]int{"": 0}
	label := func(s string) int {
		at, known := labels[s]
		if !known {
			at = len(d.Labels)
			labels[s] = at
			d.Labels = append(d.Labels, printable.Text(s))
		}
		return at
	}
	for _, c := range ix.Cells("", "") {
		d.Cells[table.Short(c.ID)] = d.cell(c, label)
	}
	return d
}

// cell returns the samples of a cell, and adds the quantities that they lead to.
func (d *pageData) cell(c *record.Cell, label func(string) int) pageCell {
	p := pageCell{Model: printable.Text(c.Model), Probe: c.Probe, Point: printable.Text(c.Point.String()), Metrics: map[string]pageSamples{}}
	counts := c.Counts()
	for i := range c.Samples {
		s := &c.Samples[i]
		m := p.Metrics[s.Metric]
		m.add(s, label(s.Label), counts(s))
		p.Metrics[s.Metric] = m
	}
	for name, m := range p.Metrics {
		m.trim()
		p.Metrics[name] = m
		if title := probe.Lookup(name).Title; title != "" {
			d.Titles[name] = strings.ToUpper(title[:1]) + title[1:]
		}
	}
	for _, q := range result.QuantitiesOf(c.Probe) {
		metric := q.Metric
		if q.Documents {
			metric = q.Name
			p.documents(metric, c, label)
		}
		if _, measured := p.Metrics[metric]; measured {
			d.Quantities[q.Name] = pageQuantity{q.Title, q.Unit, metric}
			p.Derived = append(p.Derived, derivation(q, c.Point))
		}
	}
	return p
}

// derivation finds the form of a quantity, which is proportional to its metric or to its inverse. A test checks that all are.
func derivation(q *result.Quantity, p record.Point) pageDerived {
	factor := q.Of(p, 1)
	return pageDerived{q.Name, factor, q.Of(p, 2) < factor}
}

// documents adds the bits per byte of each document.
func (p *pageCell) documents(metric string, c *record.Cell, label func(string) int) {
	m := pageSamples{Unit: unit.BitsPerByte}
	for _, doc := range result.Documents(c) {
		m.Value = append(m.Value, doc.Nats/math.Ln2/doc.Bytes)
		m.Label = append(m.Label, label(doc.Name))
	}
	if len(m.Value) > 0 {
		p.Metrics[metric] = m
	}
}

func (m *pageSamples) add(s *record.Sample, label int, counts bool) {
	at, scale := len(m.Value), 1.0
	if s.Unit == unit.Second {
		scale = perSecond
	}
	m.Unit = s.Unit
	m.Value = append(m.Value, scale*s.Value)
	m.Block, m.Label = append(m.Block, s.Block), append(m.Label, label)
	m.Dropped, m.Attempt = append(m.Dropped, s.Dropped), append(m.Attempt, s.Attempt)
	calls := make(numbers, len(s.Calls))
	for i, v := range s.Calls {
		calls[i] = scale * v
	}
	m.Calls = append(m.Calls, calls)
	if !counts {
		m.Aside = append(m.Aside, at)
	}
	if len(s.Disturbed) > 0 {
		if m.Disturbed == nil {
			m.Disturbed = map[int]string{}
		}
		m.Disturbed[at] = printable.Line(strings.Join(s.Disturbed, ", "))
	}
}

// trim drops the columns that say nothing.
func (m *pageSamples) trim() {
	m.Next = len(m.Block) > 1
	for i, block := range m.Block {
		m.Next = m.Next && block == i
	}
	if m.Next {
		m.Block = nil
	}
	for _, column := range []*[]int{&m.Block, &m.Label, &m.Dropped, &m.Attempt} {
		if !slices.ContainsFunc(*column, func(n int) bool { return n != 0 }) {
			*column = nil
		}
	}
	if !slices.ContainsFunc(m.Calls, func(calls numbers) bool { return len(calls) > 0 }) {
		m.Calls = nil
	}
}

// figureData is the table behind a figure.
func figureData(f chart.Figure) table.Table {
	t := table.Table{ID: f.Name, Title: f.Title, Columns: append(table.Keys("series", "label"),
		table.Column{Name: axisName(f.X), Unit: f.X.Unit}, table.Column{Name: axisName(f.Y), Unit: f.Y.Unit}),
		Frame: &table.Frame{Keys: []string{"group", "series", "label", "x", "x_lo", "x_hi", "y", "y_lo", "y_hi"}}}
	add := func(group, series, label string, x, y table.Value) {
		t.Add(series, orNone(strings.TrimPrefix(group+", "+label, ", ")), x, y)
		t.Frame.Rows = append(t.Frame.Rows, []any{table.Word(group), series, table.Word(label), x.Number, x.Lo, x.Hi, y.Number, y.Lo, y.Hi})
	}
	for _, s := range f.Series {
		for _, p := range s.Points {
			add("", s.Name, p.Label, plotted(p.X, p.XLo, p.XHi, f.X.Unit), plotted(p.Y, p.Lo, p.Hi, f.Y.Unit))
		}
	}
	for _, r := range f.Rows {
		for _, p := range pointsOf(r) {
			add(r.Group, r.Label, p.Label, plotted(p.X, p.XLo, p.XHi, f.X.Unit), table.None)
		}
	}
	if len(f.Rows) > 0 {
		t = withoutColumn(t, 3)
	}
	return t
}

// pointsOf lists what a row of a figure shows: its parts, its samples, or an estimate.
func pointsOf(r chart.Row) (points []chart.Point) {
	for _, p := range r.Parts {
		points = append(points, chart.Point{X: p.Value, Label: p.Name})
	}
	for _, v := range r.Samples {
		points = append(points, chart.Point{X: v})
	}
	for _, v := range r.Apart {
		points = append(points, chart.Point{X: v, Label: "disturbed"})
	}
	if points == nil {
		points = []chart.Point{{X: r.Value, XLo: r.Lo, XHi: r.Hi}}
	}
	return points
}

// withoutColumn drops a column for people.
func withoutColumn(t table.Table, i int) table.Table {
	t.Columns = slices.Delete(slices.Clone(t.Columns), i, i+1)
	for j, row := range t.Rows {
		t.Rows[j] = slices.Delete(row, i, i+1)
	}
	return t
}

func axisName(a chart.Axis) string { return cmp.Or(a.Label, "value") }

func orNone(s string) table.Value {
	if s == "" {
		return table.None
	}
	return table.Text(s)
}

// plotted is a coordinate of a point, with its interval if it has one.
func plotted(v, lo, hi float64, name string) table.Value {
	format := func(v float64) string { return unit.Format(v, name) }
	if name == unit.Token {
		format = unit.Length
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return table.None
	}
	shown := table.Figure(format(v), v)
	if lo < hi && lo <= v && v <= hi && !math.IsInf(lo, 0) && !math.IsInf(hi, 0) {
		shown.Text += " [" + format(lo) + ", " + format(hi) + "]"
		shown.Lo, shown.Hi = &lo, &hi
	}
	return shown
}
