// Package report turns a run into what people read: one self-contained page, its figures, and the same tables as
// Markdown, CSV and JSON. A [Report] is made of a [record.Run] alone and has the same bytes whenever it is made.
//
// Three rules hold everywhere. A number names the cells that it comes from, so that `archbench show CELL` leads from
// any figure back to raw samples. What was not measured is "n/a (reason)". What the samples cannot decide is called
// undecided, never a small difference.
package report

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/internal/printable"
)

// Report is everything that is said about one run.
type Report struct {
	Run         RunInfo
	Verdicts    table.Table
	Overview    []chart.Figure
	Notes       []string
	Models      table.Table
	Sections    []Section
	Failures    table.Table
	Unavailable table.Table
	Warnings    table.Table
	Host        table.Table
	Facts       table.Table
	Cells       table.Table
	Reproduce   []string
	values      table.Table // of all sections, for programs
	runs        table.Table // the one run
}

// index is a run with its results, and what this package says about them.
type index struct{ *result.Index }

func newIndex(run *record.Run) *index { return &index{result.New(run)} }

// RunInfo identifies the run.
type RunInfo struct {
	ID, Status, Version, Command string
	Started                      string
	Duration                     string
	Seed                         uint64
	Suites                       []string
	Counts                       string // "84 cells: 78 measured, 5 n/a, 1 failed"
}

// Build makes the report of a run.
func Build(run *record.Run) *Report {
	ix := newIndex(run)
	r := &Report{
		Run: info(run), Models: ix.models(), Verdicts: ix.Verdicts(),
		Failures: ix.failures(), Unavailable: ix.unavailable(), Warnings: ix.warnings(),
		Host:  facts("host", "Host", run.Host.Facts),
		Facts: facts("facts", "Text, settings and environment", run.Facts),
		Cells: ix.cellList(),
	}
	for _, suite := range ix.Suites() {
		r.Sections = append(r.Sections, ix.section(suite))
	}
	r.values, r.runs = ix.values(r.Sections), Runs([]record.Run{*run})
	r.Overview = ix.overview()
	r.Notes = ix.notes()
	r.Reproduce = []string{
		printable.Line(run.Command), "archbench report " + run.ID, "archbench compare " + run.ID, "archbench show CELL",
	}
	printable.All(r) // text of plugins, files and users, in whatever form it is written
	return r
}

// In makes the commands of Reproduce name the database by a flag, "" for the default.
func (r *Report) In(flag string) *Report {
	for i := 1; i < len(r.Reproduce); i++ {
		r.Reproduce[i] += flag
	}
	return r
}

func info(run *record.Run) RunInfo {
	i := RunInfo{
		ID: run.ID, Status: run.Status, Version: run.Version, Command: run.Command, Seed: run.Seed, Suites: run.Suites,
		Started: run.Started.UTC().Format("2006-01-02 15:04 MST"), Duration: "not finished", Counts: counts(run.Cells),
	}
	if !run.Ended.IsZero() {
		i.Duration = run.Ended.Sub(run.Started).Round(time.Second).String()
	}
	return i
}

// counts says how many cells there are of each status.
func counts(cells []record.Cell) string {
	n := tally(cells)
	s := fmt.Sprintf("%s: %d measured", result.Describe(len(cells), "cell"), n[record.OK])
	for _, status := range []record.Status{record.Unavailable, record.Failed, record.Pending} {
		if n[status] > 0 {
			s += fmt.Sprintf(", %d %s", n[status], status)
		}
	}
	return s
}

// tally counts cells by status.
func tally(cells []record.Cell) map[record.Status]int {
	n := map[record.Status]int{}
	for _, c := range cells {
		n[c.Status]++
	}
	return n
}

// notes are what a reader of the whole report must know first.
func (ix *index) notes() []string {
	notes := append(ix.Absentees(), ix.qualityNotes(ix.Cells("", "quality"))...)
	switch ix.Run.Status {
	case record.Running:
		notes = append(notes, "This run goes on: what it has not measured yet is missing.")
	case record.Interrupted:
		notes = append(notes, "This run was interrupted: archbench resume "+ix.Run.ID+" goes on with it.")
	case record.RunFailed:
		notes = append(notes, "This run has failed: nothing could be measured.")
	}
	return notes
}

// overview is the figure that a reader looks for first: quality against speed over everything that was run.
func (ix *index) overview() []chart.Figure {
	f := ix.qualityFigure(ix.Cells("", ""))
	f.Name = "overview-" + f.Name
	if f.HasData() {
		return []chart.Figure{f}
	}
	return nil
}

// models says what was run and where its weights come from.
func (ix *index) models() table.Table {
	t := table.Table{ID: "models", Title: "Models", Columns: append(table.Keys("model"), []table.Column{
		{Name: "architecture"}, {Name: "precision"}, {Name: "parameters", Unit: unit.One}, {Name: "weights", Unit: unit.Byte},
		{Name: "weights from"}, {Name: "tokenizer"}, {Name: "context limit"}, {Name: "trained to"}, {Name: "state"}, {Name: "threads"}, {Name: "kernels"}, {Name: "plugin sha256"},
	}...)}
	t.Frame = &table.Frame{Keys: []string{"run", "model", "family", "architecture", "mode", "precision", "parameters", "weight_bytes", "checkpoint",
		"weights_sha256", "initialised", "variant", "seed", "tokenizer", "tokenizer_sha256", "context_limit", "trained_to", "state", "causal",
		"leaks_future", "threads", "kernels", "plugin", "plugin_sha256", "warnings"}}
	for i := range ix.Run.Models {
		m := &ix.Run.Models[i]
		t.Rows = append(t.Rows, modelRow(m))
		t.Frame.Rows = append(t.Frame.Rows, []any{ix.Run.ID, m.Name, table.Word(m.Family), m.Architecture, table.Word(m.Mode), result.PrecisionOf(m),
			table.Known(m.Parameters), table.Known(m.WeightBytes), table.Word(m.Checkpoint), table.Word(m.WeightsSHA), m.Initialised, table.Word(m.Variant), m.Seed,
			table.Word(m.Tokenizer.Name), table.Word(m.Tokenizer.SHA256), table.Known(m.ContextLimit), table.Known(m.TrainedTo), table.Word(m.StateKind), m.Causal,
			m.LeaksFuture, m.Threads, table.Word(m.Kernels), table.Word(m.PluginPath), table.Word(m.PluginSHA), m.Warnings})
	}
	return t
}

func modelRow(m *record.Model) []table.Value {
	parameters := table.Unavailable("not reported")
	if n := float64(m.Parameters); n > 0 {
		parameters = table.Value{Text: strings.TrimSuffix(unit.Format(n, " "), " "), Number: &n}
	}
	name := table.Text(m.Name)
	name.Notes = m.Warnings
	return []table.Value{
		name, table.Text(strings.TrimSuffix(m.Architecture+" "+m.Mode, " ")), table.Text(result.PrecisionOf(m)), parameters, modelBytes(m), table.Text(origin(m)), tokenizerOf(m),
		limit(m.ContextLimit, table.Text("none")), limit(m.TrainedTo, table.Unavailable("not known")), orNA(m.StateKind),
		table.Text(strconv.Itoa(m.Threads)), orNA(m.Kernels), orNA(table.Short(m.PluginSHA)),
	}
}

// origin says where the weights come from.
func origin(m *record.Model) string {
	if m.Initialised || m.Checkpoint == "" {
		return strings.TrimSpace(fmt.Sprintf("seed %d, untrained %s", m.Seed, m.Variant))
	}
	s := m.Checkpoint
	if m.WeightsSHA != "" {
		s += " (sha256 " + table.Short(m.WeightsSHA) + ")"
	}
	return s
}

// tokenizerOf says what made tokens of the texts that a model read.
func tokenizerOf(m *record.Model) table.Value {
	if m.Tokenizer.Name == "" {
		return table.Unavailable("none was stored")
	}
	return table.Text(m.Tokenizer.Name + " (sha256 " + table.Short(m.Tokenizer.SHA256) + ")")
}

func limit(tokens int, none table.Value) table.Value {
	if tokens == 0 {
		return none
	}
	n := float64(tokens)
	return table.Value{Text: strconv.Itoa(tokens), Number: &n}
}

func orNA(s string) table.Value {
	if s == "" {
		return table.Unavailable("not reported")
	}
	return table.Text(s)
}

func facts(id, title string, list []record.Fact) table.Table {
	t := table.Table{ID: id, Title: title, Columns: append(table.Keys("fact"), table.Column{Name: "value"})}
	for _, f := range list {
		t.Rows = append(t.Rows, []table.Value{table.Text(f.Name), said(f)})
	}
	return t
}

// quantityForm is a fact that is a number in a unit, with more words behind it: "1.757e+11 FLOP/s (avx2)".
var quantityForm = regexp.MustCompile(`^(-?[0-9.]+e[+-][0-9]+) ([A-Za-z]+/s)( .*)?$`)

// said is a fact in words: people read a large number with the prefix of its unit, programs read it as it was stored.
func said(f record.Fact) table.Value {
	if f.Reason != "" {
		return table.Unavailable(f.Reason)
	}
	words := quantityForm.FindStringSubmatch(f.Value)
	if words == nil {
		return table.Text(f.Value)
	}
	number, err := strconv.ParseFloat(words[1], 64)
	if err != nil {
		return table.Text(f.Value)
	}
	return table.Value{Text: unit.Format(number, words[2]) + words[3], Data: f.Value}
}

// failures lists what broke, and how to make it break again.
func (ix *index) failures() table.Table {
	t := table.Table{ID: "failures", Title: "Failures", Columns: append(table.Keys("cell", "model", "probe", "point"),
		table.Column{Name: "class"}, table.Column{Name: "message"}, table.Column{Name: "last words on stderr"}, table.Column{Name: "reproduce"})}
	for _, c := range ix.Cells("", "") {
		if c.Status != record.Failed {
			continue
		}
		f := c.Failure
		if f == nil {
			f = &record.Failure{Class: "unknown", Message: "no details were stored"}
		}
		t.Rows = append(t.Rows, []table.Value{cellRef(c), table.Text(c.Model), table.Text(c.Probe), table.Text(c.Point.String()),
			table.Text(f.Class), table.Text(f.Message), table.Text(orNone(lastLines(f.Stderr, 5))), orNA(f.Reproduce)})
	}
	return t
}

func cellRef(c *record.Cell) table.Value {
	return table.Value{Text: table.Short(c.ID), Data: c.ID, Cells: []string{c.ID}}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// lastLines keeps the end of a text.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// unavailable lists what was not measured, by reason.
func (ix *index) unavailable() table.Table {
	t := table.Table{ID: "unavailable", Title: "Not measured", Columns: append(table.Keys("model", "suite", "probe"),
		table.Column{Name: "points"}, table.Column{Name: "reason"})}
	type group struct{ model, suite, probe, reason string }
	var order []group
	points := map[group][]*record.Cell{}
	for _, c := range ix.Cells("", "") {
		if c.Status == record.OK || c.Status == record.Failed {
			continue
		}
		g := group{c.Model, c.Suite, c.Probe, result.Why(c)}
		if points[g] == nil {
			order = append(order, g)
		}
		points[g] = append(points[g], c)
	}
	for _, g := range order {
		var names []string
		for _, c := range points[g] {
			names = append(names, c.Point.String())
		}
		t.Rows = append(t.Rows, []table.Value{table.Text(g.model), table.Text(g.suite), table.Text(g.probe), {Text: strings.Join(names, "; "), Cells: result.IDs(points[g])}, table.Text(g.reason)})
	}
	return t
}

// warnings lists what was measured with a caveat.
func (ix *index) warnings() table.Table {
	t := table.Table{ID: "warnings", Title: "Caveats", Columns: append(table.Keys("caveat"), table.Column{Name: "models"}, table.Column{Name: "cells", Unit: unit.One})}
	var order []string
	cells := map[string][]*record.Cell{}
	for _, c := range ix.Cells("", "") {
		for _, w := range probe.Caveats(c) {
			if cells[w] == nil {
				order = append(order, w)
			}
			cells[w] = append(cells[w], c)
		}
	}
	for _, w := range order {
		n := float64(len(cells[w]))
		t.Rows = append(t.Rows, []table.Value{table.Text(w), table.Text(strings.Join(result.NamesOf(ix.ModelsOf(cells[w])), ", ")), {Text: unit.Number(n), Number: &n, Cells: result.IDs(cells[w])}})
	}
	return t
}

// cellList is the index of all cells.
func (ix *index) cellList() table.Table {
	t := table.Table{ID: "cells", Title: "All cells", Caption: "archbench show CELL prints its samples, host, plugin and seed", Main: true,
		Columns: append(table.Keys("cell", "suite", "probe", "model", "point"), table.Column{Name: "status"}, table.Column{Name: "samples", Unit: unit.One}, table.Column{Name: "blocks", Unit: unit.One}),
		Frame: &table.Frame{Keys: slices.Concat([]string{"run", "cell", "suite", "probe", "model", "precision"}, result.AxisKeys(),
			[]string{"status", "reason", "samples", "blocks", "repeats", "warnings"})}}
	for _, c := range ix.Cells("", "") {
		status := table.Text(string(c.Status))
		switch c.Status {
		case record.Unavailable:
			status = table.Unavailable(c.Reason)
		case record.Failed:
			status = table.Text(result.Why(c))
		}
		n, blocks := float64(len(c.Samples)), float64(blockCount(c))
		t.Rows = append(t.Rows, []table.Value{cellRef(c), table.Text(c.Suite), table.Text(c.Probe), table.Text(c.Model), table.Text(c.Point.String()),
			status, {Text: unit.Number(n), Number: &n}, {Text: unit.Number(blocks), Number: &blocks}})
		t.Frame.Rows = append(t.Frame.Rows, slices.Concat(ix.about(c), []any{string(c.Status), table.Word(result.Why(c)), len(c.Samples), blockCount(c), c.Repeats, probe.Caveats(c)}))
	}
	return t
}

// about are the leading values of a row about a cell: run, cell, suite, probe, model, precision and the axes.
func (ix *index) about(c *record.Cell) []any {
	var precision any
	if m := ix.ByName[c.Model]; m != nil {
		precision = result.PrecisionOf(m)
	}
	return slices.Concat([]any{ix.Run.ID, c.ID, c.Suite, c.Probe, c.Model, precision}, result.AxisValues(c.Point))
}

func blockCount(c *record.Cell) int {
	return len(result.Distinct(c.Samples, func(s record.Sample) int { return s.Block }))
}
