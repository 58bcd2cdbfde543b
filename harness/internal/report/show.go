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

// ShowCell lists everything about one cell: what it is, where it was measured, and its raw samples.
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
	about.add("seed", run.Seed)
	about.say("suite", "", c.Suite)
	about.say("probe", "", c.Probe+" "+c.Point.String())
	about.add("settings", c.Params.String())
	about.say("status", "", strings.TrimSpace(string(c.Status)+" "+c.Reason))
	about.record("status", string(c.Status))
	about.record("reason", table.Word(result.Why(c)))
	judgement := ix.Judge(c)
	about.say("validity", "", judgement.String())
	about.record("validity", table.Word(judgement.Validity.String()))
	about.record("validity_reasons", judgement.Reasons)
	about.add("warnings", probe.Caveats(c))
	about.say("failure", "", strings.TrimSuffix(f.Class+": "+f.Message, ": "))
	about.record("failure_class", table.Word(f.Class))
	about.record("failure_message", table.Word(f.Message))
	about.add("stderr", f.Stderr)
	about.add("reproduce", f.Reproduce)
	about.model(ix.ByName[c.Model])
	for _, f := range run.Host.Facts {
		about.say(f.Name, "", f.Words())
	}
	host := facts("host", "Host", run.Host.Facts)
	host.Frame, host.Columns = new(host.Program()), nil
	return slices.Concat([]table.Table{about.table, ix.summary(c), ix.samples(c)}, steps(c), conditions(c), []table.Table{host})
}

// about is a table of facts for people, and one row with a key per fact for programs.
type about struct{ table table.Table }

// say shows people a fact unless it is empty, and gives it to programs if it has a key.
func (a *about) say(name, key, value string) {
	if value != "" {
		a.show(name, table.Text(value))
	}
	if key != "" {
		a.record(key, table.Word(value))
	}
}

// show gives a fact to people only.
func (a *about) show(name string, value table.Value) {
	a.table.Add(name, value)
}

// record gives a fact to programs only.
func (a *about) record(key string, value any) {
	a.table.Frame.Keys = append(a.table.Frame.Keys, key)
	a.table.Frame.Rows[0] = append(a.table.Frame.Rows[0], value)
}

// add gives a fact to both, with a key made from its name.
func (a *about) add(name string, value any) {
	words := fmt.Sprint(value)
	if list, ok := value.([]string); ok {
		words = strings.Join(list, "\n")
	}
	a.say(name, "", words)
	if words == "" {
		value = nil
	}
	a.record(strings.ReplaceAll(name, " ", "_"), value)
}

// model describes the model that was measured.
func (a *about) model(m *record.Model) {
	if m == nil {
		m = &record.Model{}
	}
	a.say("model", "", strings.TrimSpace(m.Name+": "+m.Architecture+" "+m.Mode))
	a.record("architecture", table.Word(m.Architecture))
	a.record("mode", table.Word(m.Mode))
	a.say("precision", "", result.PrecisionOf(m))
	a.say("weights", "weights", origin(m))
	a.show("weights sha256", orNA(m.WeightsSHA))
	a.record("weights_sha256", table.Word(m.WeightsSHA))
	a.show("tokenizer", tokenizerOf(m))
	a.record("tokenizer", table.Word(m.Tokenizer.Name))
	a.say("tokenizer sha256", "tokenizer_sha256", m.Tokenizer.SHA256)
	a.add("plugin", m.PluginPath)
	a.show("plugin sha256", orNA(m.PluginSHA))
	a.record("plugin_sha256", table.Word(m.PluginSHA))
	a.show("kernels", orNA(m.Kernels))
	a.record("kernels", table.Word(m.Kernels))
	a.add("threads", m.Threads)
	a.say("device", "device", m.Device)
	a.add("model warnings", m.Warnings)
}

// summary lists what reports derive from the cell.
func (ix *index) summary(c *record.Cell) table.Table {
	t := table.Table{ID: "derived", Title: "Derived", Columns: append(table.Keys("quantity"), table.Column{Name: "value"}),
		Frame: &table.Frame{Keys: []string{"quantity", "unit", "direction", "value", "lo", "hi", "n", "notes"}}}
	for _, q := range result.QuantitiesOf(c.Probe) {
		if v := ix.Value(q, c); v.Number != nil {
			t.Add(q.Title, v)
			t.Frame.Rows = append(t.Frame.Rows, []any{q.Name, q.Unit, table.Direction(q.Better), v.Number, v.Lo, v.Hi, table.Known(v.N), v.Notes})
		}
	}
	for _, tail := range result.TailsOf(c.Probe) {
		for i, v := range tail.Derived(c) {
			t.Add(tail.Title+" "+result.PercentileName(result.Percentiles[i]), v)
			t.Frame.Rows = append(t.Frame.Rows, []any{tail.Quantity(result.Percentiles[i]), unit.Second, table.Direction(-1), v.Number, nil, nil, table.Known(v.N), v.Notes})
		}
	}
	return t
}

// samples lists the raw values in the order of measurement.
func (ix *index) samples(c *record.Cell) table.Table {
	t := table.Table{ID: "samples", Title: "Samples", Main: true, Columns: append(table.Keys("block", "attempt", "position", "metric", "label"),
		table.Column{Name: "value"}, table.Column{Name: "of calls"}, table.Column{Name: "host time"}, table.Column{Name: "plugin time"}),
		Frame: &table.Frame{Keys: slices.Concat([]string{"run", "cell", "suite", "probe", "model", "precision"}, result.AxisKeys(),
			[]string{"block", "position", "metric", "label", "value", "unit", "host_seconds", "plugin_seconds", "calls", "dropped", "attempt", "disturbed"})}}
	about := ix.about(c)
	for _, s := range c.Samples {
		host, hostSeconds := took(s.Host)
		plugin, pluginSeconds := took(s.Plugin)
		t.Frame.Rows = append(t.Frame.Rows, slices.Concat(about, []any{s.Block, s.Position, s.Metric, table.Word(s.Label), s.Value, s.Unit, hostSeconds, pluginSeconds, s.Calls, s.Dropped, s.Attempt, s.Disturbed}))
		if s.Metric == probe.StepSeconds {
			continue // people see these in the table of steps
		}
		t.Add(s.Block, s.Attempt, s.Position, s.Metric, s.Label, unit.Format(s.Value, s.Unit), len(s.Values()), host, plugin)
	}
	return t
}

// steps shows people the times of single steps, one row per block, if there are any. Programs get them as samples.
func steps(c *record.Cell) []table.Table {
	t := table.Table{ID: "steps", Title: "Single steps", Columns: append(table.Keys("block"), table.Column{Name: "steps"}, table.Column{Name: "longest"}, table.Column{Name: "seconds"}), Frame: &table.Frame{}}
	blocks, longest := map[int][]string{}, map[int]float64{}
	for s := range c.Counting() {
		if s.Metric == probe.StepSeconds {
			blocks[s.Block] = append(blocks[s.Block], table.Plain(s.Value))
			longest[s.Block] = max(longest[s.Block], s.Value)
		}
	}
	for _, block := range slices.Sorted(maps.Keys(blocks)) {
		t.Add(block, len(blocks[block]), unit.Format(longest[block], unit.Second), blocks[block])
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []table.Table{t}
}

// took is a time for people and for programs; samples that are not timings have none.
func took(d time.Duration) (words string, seconds any) {
	if d <= 0 {
		return "none", nil
	}
	return unit.Format(d.Seconds(), unit.Second), d.Seconds()
}

// ShowRun summarises a run and lists its cells.
func ShowRun(run *record.Run) []table.Table {
	ix := newIndex(run)
	i := info(run)
	about := facts("run", "Run "+run.ID, []record.Fact{
		{Name: "started", Value: i.Started}, {Name: "took", Value: i.Duration}, {Name: "status", Value: i.Status},
		{Name: "cells", Value: i.Counts}, {Name: "suites", Value: strings.Join(i.Suites, ", ")},
		{Name: "seed", Value: fmt.Sprint(i.Seed)}, {Name: "archbench", Value: i.Version}, {Name: "command", Value: i.Command},
	})
	about.Frame = Runs([]record.Run{*run}).Frame
	return []table.Table{about, ix.models(), ix.failures(), ix.unavailable(), ix.cellList(record.DigestsOf(run.All()...)), facts("host", "Host", run.Host.Facts), facts("facts", "Text, settings and environment", slices.Concat(run.Facts, disturbances(run)))}
}

// Summary is what archbench run prints at the end: the verdicts, or the suites' tables if there are none to give, and the
// failures.
func Summary(run *record.Run) []table.Table {
	ix := newIndex(run)
	tables := []table.Table{ix.Verdicts(ix.Questions())}
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

// Runs lists runs.
func Runs(runs []record.Run) table.Table {
	t := table.Table{ID: "runs", Title: "Runs",
		Columns: append(table.Keys("run"), table.Column{Name: "started"}, table.Column{Name: "took"}, table.Column{Name: "status"}, table.Column{Name: "measured"}, table.Column{Name: "suites"}, table.Column{Name: "command"}),
		Frame: &table.Frame{Keys: []string{"run", "started", "ended", "seconds", "status", "cells", "measured", "unavailable", "failed", "pending",
			"suites", "seed", "version", "corpus", "host", "command"}}}
	for i := range runs {
		run := &runs[i]
		about := info(run)
		ok, na, failed, pending := run.Count(record.OK), run.Count(record.Unavailable), run.Count(record.Failed), run.Count(record.Pending)
		all := ok + na + failed + pending
		var seconds any
		if !run.Ended.IsZero() {
			seconds = run.Ended.Sub(run.Started).Seconds()
		}
		t.Add(run.ID, about.Started, about.Duration, run.Status, fmt.Sprintf("%d of %d", ok, all), strings.Join(run.Suites, ", "), run.Command)
		t.Frame.Rows = append(t.Frame.Rows, []any{run.ID, run.Started.UTC(), run.Ended.UTC(), seconds, run.Status, all, ok, na, failed, pending,
			run.Suites, run.Seed, run.Version, table.Word(run.Corpus), table.Word(run.Host.Fingerprint), run.Command})
	}
	return t
}
