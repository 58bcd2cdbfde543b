// Package report turns a run into what people read: one self-contained page, its figures, and the same tables as
// Markdown, CSV and JSON. A [Report] depends only on its [record.Run], so the same run always gives the same bytes.
//
// Three rules hold everywhere. Each number names its cells, so that `archbench show CELL` leads from any figure back to
// the raw samples. A missing measurement is "n/a (reason)". A difference that the samples cannot decide is called
// undecided, never small.
package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/claim"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/internal/printable"
)

// Report is the report of one run.
type Report struct {
	Run         RunInfo
	Answer      []string        // sentences
	Settle      result.Settling // what more blocks could tell
	Strip       []Check
	Matrix      Matrix
	Forest      chart.Figure
	Verdicts    table.Table
	Overview    []chart.Figure
	Notes       []string
	Models      table.Table
	Sections    []Section
	Claims      table.Table
	Failures    table.Table
	Unavailable table.Table
	Warnings    table.Table
	Host        table.Table
	Facts       table.Table
	Cells       table.Table
	Reproduce   []string
	values      table.Table // all sections, for programs
	runs        table.Table // the run as a table of one row
	index       *index      // the samples
}

// index is a run with its results. Its methods make the parts of a report.
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

// Build makes the report of a run, with the claims that ship with archbench.
func Build(run *record.Run) *Report { return BuildWith(run, claim.Builtin()) }

// BuildWith makes the report of a run with a ledger of claims.
func BuildWith(run *record.Run, claims []claim.Claim) *Report {
	ix := newIndex(run)
	questions := ix.Questions()
	digests := record.DigestsOf(run.All()...)
	r := &Report{
		Answer: ix.answer(questions), Settle: ix.Settling(questions), Strip: ix.strip(), Matrix: ix.matrix(questions), Forest: ix.forest(questions),
		Run: info(run), Models: ix.byFamily(ix.models()), Verdicts: ix.Verdicts(questions),
		Claims: claim.Table(run, claims), Failures: ix.failures(), Unavailable: ix.unavailable(), Warnings: ix.warnings(),
		Host:  facts("host", "Host", run.Host.Facts),
		Facts: facts("facts", "Text, settings and environment", append(slices.Concat(run.Facts, disturbances(run)), samplesFact(digests))),
		Cells: ix.cellList(digests),
		index: ix,
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
	printable.All(r) // plugins, files and users may supply any text
	return r
}

// samplesFact ties a report to the samples it was made from, also where they do not change any of its numbers.
func samplesFact(d record.Digests) record.Fact {
	if d.All != "" {
		return record.Fact{Name: "samples sha256", Value: d.All}
	}
	return record.Fact{Name: "samples sha256", Reason: "a sample is not finite"}
}

// In appends a flag that names the database to the commands of Reproduce; "" is the default database.
func (r *Report) In(flag string) *Report {
	for i := 1; i < len(r.Reproduce); i++ {
		r.Reproduce[i] += flag
	}
	return r
}

func info(run *record.Run) RunInfo {
	i := RunInfo{
		ID: run.ID, Status: run.Status, Version: run.Version, Command: run.Command, Seed: run.Seed, Suites: run.Suites,
		Started: run.Started.UTC().Format("2006-01-02 15:04 MST"), Duration: "not finished", Counts: Counts(run),
	}
	switch {
	case run.Ended.IsZero() && run.Imported():
		i.Duration = record.NA("not in the imported file")
	case !run.Ended.IsZero():
		i.Duration = run.Ended.Sub(run.Started).Round(time.Second).String()
	}
	return i
}

// Counts describes how many cells of a run were measured and how many were not.
func Counts(run *record.Run) string {
	s := fmt.Sprintf("%s: %d measured", result.Describe(len(run.Cells), "cell"), run.Count(record.OK))
	for _, status := range []record.Status{record.Unavailable, record.Failed, record.Pending} {
		if n := run.Count(status); n > 0 {
			s += fmt.Sprintf(", %d %s", n, status)
		}
	}
	return s
}

// notes are the caveats about the whole report.
func (ix *index) notes() []string {
	notes := append(ix.Absentees(), ix.qualityNotes(ix.Cells("", "quality"))...)
	switch ix.Run.Status {
	case record.Running:
		notes = append(notes, "This run is still in progress: cells that it has not measured yet are missing.")
	case record.Interrupted:
		notes = append(notes, "This run was interrupted: archbench resume "+ix.Run.ID+" continues it.")
	case record.RunFailed:
		notes = append(notes, "This run failed: nothing could be measured.")
	}
	return notes
}

// overview is the figure that summarises the run, quality against speed, if it has data.
func (ix *index) overview() []chart.Figure {
	f := ix.qualityFigure(ix.Cells("", ""))
	f.Name = "overview-" + f.Name
	f.Caption = strings.Join(append([]string{f.Caption}, result.NotAlike(ix.Bases()...)...), " ")
	if f.HasData() {
		return []chart.Figure{f}
	}
	return nil
}

// models lists the models and where their weights come from.
func (ix *index) models() table.Table {
	t := table.Table{ID: "models", Title: "Models", Columns: append(table.Keys("model"), []table.Column{
		{Name: "architecture"}, {Name: "precision"}, {Name: "parameters", Unit: unit.One}, {Name: "weights", Unit: unit.Byte},
		{Name: "weights from"}, {Name: "tokenizer"}, {Name: "context limit"}, {Name: "trained to"}, {Name: "state"}, {Name: "threads"}, {Name: "device"}, {Name: "kernels"}, {Name: "plugin sha256"},
	}...)}
	t.Frame = &table.Frame{Keys: []string{"run", "model", "family", "architecture", "mode", "precision", "parameters", "weight_bytes", "checkpoint",
		"weights_sha256", "initialised", "variant", "seed", "tokenizer", "tokenizer_sha256", "context_limit", "trained_to", "state", "causal",
		"leaks_future", "threads", "device", "kernels", "plugin", "plugin_sha256", "warnings"}}
	for i := range ix.Run.Models {
		m := &ix.Run.Models[i]
		t.Rows = append(t.Rows, modelRow(m))
		t.Frame.Rows = append(t.Frame.Rows, []any{ix.Run.ID, m.Name, table.Word(m.Family), table.Word(m.Architecture), table.Word(m.Mode), table.Word(result.PrecisionOf(m)),
			table.Known(m.Parameters), table.Known(m.WeightBytes), table.Word(m.Checkpoint), table.Word(m.WeightsSHA), m.Initialised, table.Word(m.Variant), m.Seed,
			table.Word(m.Tokenizer.Name), table.Word(m.Tokenizer.SHA256), table.Known(m.ContextLimit), table.Known(m.TrainedTo), table.Word(m.StateKind), m.Causal,
			m.LeaksFuture, table.Known(m.Threads), table.Word(m.Device), table.Word(m.Kernels), table.Word(m.PluginPath), table.Word(m.PluginSHA), m.Warnings})
	}
	return t
}

// byFamily puts a model and its precisions into one row, with what differs in a list.
func (ix *index) byFamily(models table.Table) table.Table {
	rows := map[string][]table.Value{}
	for i, row := range models.Rows {
		rows[ix.Run.Models[i].Name] = row
	}
	models.Rows = nil
	for _, f := range ix.Families {
		joined := slices.Clone(rows[f.Base.Name])
		for i := range joined {
			texts := result.Distinct(f.Models, func(m *record.Model) string { return rows[m.Name][i].Text })
			notes := result.Distinct(f.Models, func(m *record.Model) string { return strings.Join(rows[m.Name][i].Notes, "; ") })
			if len(texts) > 1 {
				joined[i] = table.Text(strings.Join(texts, ", "))
			}
			joined[i].Notes = slices.DeleteFunc(notes, func(n string) bool { return n == "" })
		}
		joined[0].Text = f.Name
		models.Rows = append(models.Rows, joined)
	}
	return models
}

func modelRow(m *record.Model) []table.Value {
	parameters := table.Unavailable("not reported")
	if n := float64(m.Parameters); n > 0 {
		parameters = table.Figure(strings.TrimSuffix(unit.Format(n, " "), " "), n)
	}
	name := table.Text(m.Name)
	name.Notes = m.Warnings
	return []table.Value{
		name, orNA(strings.TrimSpace(m.Architecture + " " + m.Mode)), orNA(result.PrecisionOf(m)), parameters, modelBytes(m), orNA(origin(m)), tokenizerOf(m),
		limit(m.ContextLimit, table.Text("none")), limit(m.TrainedTo, table.Unavailable("not known")), orNA(m.StateKind),
		orNA(strings.TrimPrefix(strconv.Itoa(m.Threads), "0")), orNA(m.Device), orNA(m.Kernels), orNA(table.Short(m.PluginSHA)),
	}
}

// origin describes where the weights come from, "" if that is not known.
func origin(m *record.Model) string {
	if !m.Initialised && m.Checkpoint == "" && m.PluginSHA == "" {
		return ""
	}
	if m.Initialised || m.Checkpoint == "" {
		return strings.TrimSpace(fmt.Sprintf("seed %d, untrained %s", m.Seed, m.Variant))
	}
	s := m.Checkpoint
	if m.WeightsSHA != "" {
		s += " (sha256 " + table.Short(m.WeightsSHA) + ")"
	}
	return s
}

// tokenizerOf names the tokenizer of a model.
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
	return count(tokens)
}

// count is a whole number that comes from some cells.
func count(n int, cells ...string) table.Value {
	return table.Figure(strconv.Itoa(n), float64(n), cells...)
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
		t.Add(f.Name, factValue(f))
	}
	return t
}

// quantityForm matches a fact that is a number with a unit and perhaps more text: "1.757e+11 FLOP/s (avx2)".
var quantityForm = regexp.MustCompile(`^(-?[0-9.]+e[+-][0-9]+) ([A-Za-z]+/s)( .*)?$`)

// factValue shows people a number with the prefix of its unit, and gives programs the fact as it was stored.
func factValue(f record.Fact) table.Value {
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

// failures lists the cells that failed and the commands that reproduce each failure.
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
		t.Add(cellRef(c), c.Model, c.Probe, c.Point.String(), f.Class, f.Message, cmp.Or(lastLines(f.Stderr, 5), "none"), orNA(f.Reproduce))
	}
	return t
}

func cellRef(c *record.Cell) table.Value {
	return table.Value{Text: table.Short(c.ID), Data: c.ID, Cells: []string{c.ID}}
}

// lastLines returns the last n lines of a text.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// grouped groups cells by their keys, of which a cell may have any number. The keys are in order of first appearance.
func grouped[K comparable](cells []*record.Cell, keys func(*record.Cell) []K) (order []K, groups map[K][]*record.Cell) {
	groups = map[K][]*record.Cell{}
	for _, c := range cells {
		for _, k := range keys(c) {
			if groups[k] == nil {
				order = append(order, k)
			}
			groups[k] = append(groups[k], c)
		}
	}
	return order, groups
}

// unavailable lists what was not measured, by reason.
func (ix *index) unavailable() table.Table {
	t := table.Table{ID: "unavailable", Title: "Not measured", Columns: append(table.Keys("model", "suite", "probe"),
		table.Column{Name: "points"}, table.Column{Name: "reason"})}
	type group struct{ model, suite, probe, reason string }
	order, points := grouped(ix.Cells("", ""), func(c *record.Cell) []group {
		if c.Status == record.OK || c.Status == record.Failed {
			return nil
		}
		return []group{{c.Model, c.Suite, c.Probe, result.Why(c)}}
	})
	for _, g := range order {
		var names []string
		for _, c := range points[g] {
			names = append(names, c.Point.String())
		}
		t.Add(g.model, g.suite, g.probe, table.Value{Text: strings.Join(names, "; "), Cells: result.IDs(points[g])}, g.reason)
	}
	return t
}

// warnings lists the caveats with the models and cells that they apply to.
func (ix *index) warnings() table.Table {
	t := table.Table{ID: "warnings", Title: "Caveats", Columns: append(table.Keys("caveat"), table.Column{Name: "models"}, table.Column{Name: "cells", Unit: unit.One})}
	order, cells := grouped(ix.Cells("", ""), probe.Caveats)
	for _, w := range order {
		t.Add(w, strings.Join(result.NamesOf(ix.ModelsOf(cells[w])), ", "), count(len(cells[w]), result.IDs(cells[w])...))
	}
	return t
}

// cellList lists all cells, with the digests of their samples.
func (ix *index) cellList(d record.Digests) table.Table {
	t := table.Table{ID: "cells", Title: "All cells", Caption: "archbench show CELL prints its samples, host, plugin and seed", Main: true,
		Columns: append(table.Keys("cell", "suite", "probe", "model", "point"), table.Column{Name: "status"}, table.Column{Name: "validity"}, table.Column{Name: "samples", Unit: unit.One}, table.Column{Name: "blocks", Unit: unit.One}),
		Frame: &table.Frame{Keys: slices.Concat([]string{"run", "cell", "suite", "probe", "model", "precision"}, result.AxisKeys(),
			[]string{"status", "reason", "validity", "validity_reasons", "samples", "blocks", "repeats", "warnings", "samples_sha256"})}}
	for i, c := range ix.Cells("", "") {
		status := table.Text(string(c.Status))
		switch c.Status {
		case record.Unavailable:
			status = table.Unavailable(c.Reason)
		case record.Failed:
			status = table.Text(result.Why(c))
		}
		judgement, validity := ix.Judge(c), table.None
		if judgement.Validity != result.NotJudged {
			validity = table.Text(judgement.Mark())
		}
		t.Add(cellRef(c), c.Suite, c.Probe, c.Model, c.Point.String(), status, validity, count(len(c.Samples)), count(blockCount(c)))
		t.Frame.Rows = append(t.Frame.Rows, slices.Concat(ix.about(c), []any{string(c.Status), table.Word(result.Why(c)), table.Word(judgement.Validity.String()), judgement.Reasons, len(c.Samples), blockCount(c), c.Repeats, probe.Caveats(c), table.Word(d.Each[i])}))
	}
	return t
}

// about are the leading values of a cell's row: run, cell, suite, probe, model, precision and the axes.
func (ix *index) about(c *record.Cell) []any {
	var precision any
	if m := ix.ByName[c.Model]; m != nil {
		precision = table.Word(result.PrecisionOf(m))
	}
	return slices.Concat([]any{ix.Run.ID, c.ID, c.Suite, c.Probe, c.Model, precision}, result.AxisValues(c.Point))
}

func blockCount(c *record.Cell) int {
	seen := map[int]bool{}
	for i := range c.Samples {
		seen[c.Samples[i].Block] = true
	}
	return len(seen)
}
