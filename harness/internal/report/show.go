package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// ShowCell says everything about one cell: what it is, on what it was measured, and its raw samples.
func ShowCell(run *record.Run, c *record.Cell) []table.Table {
	var f record.Failure
	if c.Failure != nil {
		f = *c.Failure
	}
	ix := newIndex(run)
	about := about{table: table.Table{ID: "cell", Title: "Cell " + table.Short(c.ID), Columns: append(table.Keys("what"), table.Column{Name: "value"}),
		Frame: &table.Frame{Keys: slices.Concat([]string{"run", "cell", "suite", "probe", "model", "precision"}, result.AxisKeys()), Rows: [][]any{ix.about(c)}}}}
	about.say("id", "", c.ID)
	about.say("run", "", run.ID+", "+run.Status+", archbench "+run.Version)
	about.put("seed", run.Seed)
	about.say("suite", "", c.Suite)
	about.say("probe", "", c.Probe+" "+c.Point.String())
	about.put("settings", c.Params.String())
	about.say("status", "", strings.TrimSpace(string(c.Status)+" "+c.Reason))
	about.hold("status", string(c.Status))
	about.hold("reason", table.Word(result.Why(c)))
	about.put("warnings", probe.Caveats(c))
	about.say("failure", "", strings.TrimSuffix(f.Class+": "+f.Message, ": "))
	about.hold("failure_class", table.Word(f.Class))
	about.hold("failure_message", table.Word(f.Message))
	about.put("stderr", f.Stderr)
	about.put("reproduce", f.Reproduce)
	about.model(ix.ByName[c.Model])
	for _, f := range run.Host.Facts {
		about.say(f.Name, "", f.Words())
	}
	host := facts("host", "Host", run.Host.Facts)
	host.Frame, host.Columns = new(host.Program()), nil
	return slices.Concat([]table.Table{about.table, summary(run, c), samples(run, c)}, steps(c), []table.Table{host})
}

// about is a table of facts for people and, for programs, one row with a key for each.
type about struct{ table table.Table }

// say shows a fact to people, unless it is empty; programs get it under the key, if there is one.
func (a *about) say(name, key, value string) {
	if value != "" {
		a.tell(name, table.Text(value))
	}
	if key != "" {
		a.hold(key, table.Word(value))
	}
}

// tell shows a fact to people only.
func (a *about) tell(name string, value table.Value) {
	a.table.Rows = append(a.table.Rows, []table.Value{table.Text(name), value})
}

// hold gives a fact to programs only.
func (a *about) hold(key string, value any) {
	a.table.Frame.Keys = append(a.table.Frame.Keys, key)
	a.table.Frame.Rows[0] = append(a.table.Frame.Rows[0], value)
}

// put gives a fact to both.
func (a *about) put(name string, value any) {
	words := fmt.Sprint(value)
	if list, ok := value.([]string); ok {
		words = strings.Join(list, "\n")
	}
	a.say(name, "", words)
	if words == "" {
		value = nil
	}
	a.hold(strings.ReplaceAll(name, " ", "_"), value)
}

// model tells what was measured.
func (a *about) model(m *record.Model) {
	if m == nil {
		m = &record.Model{}
	}
	a.say("model", "", strings.TrimSpace(m.Name+": "+m.Architecture+" "+m.Mode))
	a.hold("architecture", table.Word(m.Architecture))
	a.hold("mode", table.Word(m.Mode))
	a.say("precision", "", result.PrecisionOf(m))
	a.say("weights", "weights", origin(m))
	a.tell("weights sha256", orNA(m.WeightsSHA))
	a.hold("weights_sha256", table.Word(m.WeightsSHA))
	a.tell("tokenizer", tokenizerOf(m))
	a.hold("tokenizer", table.Word(m.Tokenizer.Name))
	a.say("tokenizer sha256", "tokenizer_sha256", m.Tokenizer.SHA256)
	a.put("plugin", m.PluginPath)
	a.tell("plugin sha256", orNA(m.PluginSHA))
	a.hold("plugin_sha256", table.Word(m.PluginSHA))
	a.tell("kernels", orNA(m.Kernels))
	a.hold("kernels", table.Word(m.Kernels))
	a.put("threads", m.Threads)
	a.put("model warnings", m.Warnings)
}

// summary is what a report derives from the cell.
func summary(run *record.Run, c *record.Cell) table.Table {
	ix := newIndex(run)
	t := table.Table{ID: "derived", Title: "Derived", Columns: append(table.Keys("quantity"), table.Column{Name: "value"}),
		Frame: &table.Frame{Keys: []string{"quantity", "unit", "direction", "value", "lo", "hi", "n", "notes"}}}
	for _, q := range result.QuantitiesOf(c.Probe) {
		if v := ix.Value(q, c); v.Number != nil {
			t.Rows = append(t.Rows, []table.Value{table.Text(q.Title), v})
			t.Frame.Rows = append(t.Frame.Rows, []any{q.Name, q.Unit, table.Direction(q.Better), v.Number, v.Lo, v.Hi, table.Known(v.N), v.Notes})
		}
	}
	for _, tail := range result.TailsOf(c.Probe) {
		for i, v := range tail.Derived(c) {
			t.Rows = append(t.Rows, []table.Value{table.Text(tail.Title + " " + result.PercentileName(result.Percentiles[i])), v})
			t.Frame.Rows = append(t.Frame.Rows, []any{tail.Quantity(result.Percentiles[i]), unit.Second, table.Direction(-1), v.Number, nil, nil, table.Known(v.N), v.Notes})
		}
	}
	return t
}

// samples lists the raw values in the order of measurement.
func samples(run *record.Run, c *record.Cell) table.Table {
	t := table.Table{ID: "samples", Title: "Samples", Main: true, Columns: append(table.Keys("block", "position", "metric", "label"),
		table.Column{Name: "value"}, table.Column{Name: "host time"}, table.Column{Name: "plugin time"}),
		Frame: &table.Frame{Keys: slices.Concat([]string{"run", "cell", "suite", "probe", "model", "precision"}, result.AxisKeys(),
			[]string{"block", "position", "metric", "label", "value", "unit", "host_seconds", "plugin_seconds"})}}
	about := newIndex(run).about(c)
	for _, s := range c.Samples {
		host, hostSeconds := took(s.Host)
		plugin, pluginSeconds := took(s.Plugin)
		t.Frame.Rows = append(t.Frame.Rows, slices.Concat(about, []any{s.Block, s.Position, s.Metric, table.Word(s.Label), s.Value, s.Unit, hostSeconds, pluginSeconds}))
		if s.Metric == probe.StepSeconds {
			continue // people get them in a table of their own
		}
		t.Rows = append(t.Rows, []table.Value{table.Text(fmt.Sprint(s.Block)), table.Text(fmt.Sprint(s.Position)), table.Text(s.Metric), table.Text(s.Label),
			table.Text(unit.Format(s.Value, s.Unit)), table.Text(host), table.Text(plugin)})
	}
	return t
}

// steps lists the times of single steps for people, a block in a row, if there are any; programs find them among the samples.
func steps(c *record.Cell) []table.Table {
	t := table.Table{ID: "steps", Title: "Single steps", Columns: append(table.Keys("block"), table.Column{Name: "steps"}, table.Column{Name: "longest"}, table.Column{Name: "seconds"}), Frame: &table.Frame{}}
	blocks, longest := map[int][]string{}, map[int]float64{}
	for _, s := range c.Samples {
		if s.Metric == probe.StepSeconds {
			blocks[s.Block] = append(blocks[s.Block], table.Plain(s.Value))
			longest[s.Block] = max(longest[s.Block], s.Value)
		}
	}
	for _, block := range slices.Sorted(maps.Keys(blocks)) {
		t.Rows = append(t.Rows, []table.Value{table.Text(fmt.Sprint(block)), table.Text(fmt.Sprint(len(blocks[block]))),
			table.Text(unit.Format(longest[block], unit.Second)), table.Text(strings.Join(blocks[block], " "))})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []table.Table{t}
}

// took is a time for people and for programs; what is no timing has none.
func took(d time.Duration) (words string, seconds any) {
	if d <= 0 {
		return "none", nil
	}
	return unit.Format(d.Seconds(), unit.Second), d.Seconds()
}

// ShowRun is what a run is and has, in short.
func ShowRun(run *record.Run) []table.Table {
	ix := newIndex(run)
	i := info(run)
	about := facts("run", "Run "+run.ID, []record.Fact{
		{Name: "started", Value: i.Started}, {Name: "took", Value: i.Duration}, {Name: "status", Value: i.Status},
		{Name: "cells", Value: i.Counts}, {Name: "suites", Value: strings.Join(i.Suites, ", ")},
		{Name: "seed", Value: fmt.Sprint(i.Seed)}, {Name: "archbench", Value: i.Version}, {Name: "command", Value: i.Command},
	})
	about.Frame = Runs([]record.Run{*run}).Frame
	return []table.Table{about, ix.models(), ix.failures(), ix.unavailable(), ix.cellList(), facts("host", "Host", run.Host.Facts), facts("facts", "Text, settings and environment", run.Facts)}
}

// Summary is what a run prints at its end: who is ahead where, or the tables of its suites where that is not their
// question, and what failed.
func Summary(run *record.Run) []table.Table {
	ix := newIndex(run)
	tables := []table.Table{ix.Verdicts()}
	if len(tables[0].Rows) == 0 {
		tables = nil
		for _, suite := range ix.Suites() {
			tables = append(tables, ix.section(suite).Tables...)
		}
	}
	if len(tables) > 0 && len(tables[0].Notes) == 0 {
		tables[0].Notes = ix.Absentees()
	}
	if t := ix.failures(); len(t.Rows) > 0 {
		tables = append(tables, t)
	}
	return tables
}

// Counts says how many cells of a run were measured, and how many were not.
func Counts(run *record.Run) string { return counts(run.Cells) }

// Runs lists runs.
func Runs(runs []record.Run) table.Table {
	t := table.Table{ID: "runs", Title: "Runs",
		Columns: append(table.Keys("run"), table.Column{Name: "started"}, table.Column{Name: "took"}, table.Column{Name: "status"}, table.Column{Name: "measured"}, table.Column{Name: "suites"}, table.Column{Name: "command"}),
		Frame: &table.Frame{Keys: []string{"run", "started", "ended", "seconds", "status", "cells", "measured", "unavailable", "failed", "pending",
			"suites", "seed", "version", "corpus", "host", "command"}}}
	for i := range runs {
		r, n := info(&runs[i]), runs[i].Tally
		if n == nil {
			n = tally(runs[i].Cells)
		}
		all := n[record.OK] + n[record.Unavailable] + n[record.Failed] + n[record.Pending]
		var seconds any
		if !runs[i].Ended.IsZero() {
			seconds = runs[i].Ended.Sub(runs[i].Started).Seconds()
		}
		t.Rows = append(t.Rows, []table.Value{table.Text(r.ID), table.Text(r.Started), table.Text(r.Duration), table.Text(r.Status),
			table.Text(fmt.Sprintf("%d of %d", n[record.OK], all)), table.Text(strings.Join(r.Suites, ", ")), table.Text(r.Command)})
		t.Frame.Rows = append(t.Frame.Rows, []any{r.ID, runs[i].Started.UTC(), runs[i].Ended.UTC(), seconds, r.Status,
			all, n[record.OK], n[record.Unavailable], n[record.Failed], n[record.Pending],
			r.Suites, r.Seed, r.Version, table.Word(runs[i].Corpus), table.Word(runs[i].Host.Fingerprint), r.Command})
	}
	return t
}
