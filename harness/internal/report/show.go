package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/unit"
)

// ShowCell says everything about one cell: what it is, on what it was measured, and its raw samples.
func ShowCell(run *store.Run, c *store.Cell) []Table {
	about := Table{ID: "cell", Title: "Cell " + Short(c.ID), Columns: append(keys("what"), Column{Name: "value"})}
	put := func(name, value string) {
		if value != "" {
			about.Rows = append(about.Rows, []Value{text(name), text(value)})
		}
	}
	put("id", c.ID)
	put("run", run.ID+", "+run.Status+", archbench "+run.Version)
	put("seed", fmt.Sprint(run.Seed))
	put("suite", c.Suite)
	put("probe", c.Probe+" "+c.Point.String())
	put("settings", c.Params.String())
	put("status", strings.TrimSpace(string(c.Status)+" "+c.Reason))
	put("warnings", strings.Join(c.Warnings, "\n"))
	if f := c.Failure; f != nil {
		put("failure", f.Class+": "+f.Message)
		put("stderr", f.Stderr)
		put("reproduce", f.Reproduce)
	}
	about.Rows = append(about.Rows, modelFacts(run, c.Model)...)
	for _, f := range run.Host.Facts {
		put(f.Name, f.Value)
	}
	return append([]Table{about, summary(c), samples(c)}, steps(c)...)
}

func modelFacts(run *store.Run, name string) [][]Value {
	m := newIndex(run).byName[name]
	if m == nil {
		return nil
	}
	var rows [][]Value
	for _, f := range [][2]string{
		{"model", m.Name + ": " + m.Architecture + " " + m.Mode}, {"precision", precisionOf(m)}, {"weights", origin(m)},
		{"weights sha256", orNA(m.WeightsSHA)}, {"tokenizer", tokenizerOf(m)}, {"tokenizer sha256", m.Tokenizer.SHA256}, {"plugin", m.PluginPath}, {"plugin sha256", orNA(m.PluginSHA)},
		{"kernels", orNA(m.Kernels)}, {"threads", fmt.Sprint(m.Threads)}, {"model warnings", strings.Join(m.Warnings, "\n")},
	} {
		if f[1] != "" {
			rows = append(rows, []Value{text(f[0]), text(f[1])})
		}
	}
	return rows
}

// summary is what a report derives from the cell.
func summary(c *store.Cell) Table {
	t := Table{ID: "derived", Title: "Derived", Columns: append(keys("quantity"), Column{Name: "value"})}
	for _, q := range Quantities {
		if q.Probe == c.Probe && len(q.blocks(c)) > 0 {
			t.Rows = append(t.Rows, []Value{text(q.Title), q.value(c)})
		}
	}
	t.Rows = append(t.Rows, tailRows(c)...)
	return t
}

// samples lists the raw values in the order of measurement.
func samples(c *store.Cell) Table {
	t := Table{ID: "samples", Title: "Samples", Columns: append(keys("block", "position", "metric", "label"),
		Column{Name: "value"}, Column{Name: "host time"}, Column{Name: "plugin time"})}
	for _, s := range c.Samples {
		if s.Metric == probe.StepSeconds {
			continue // they have a table of their own
		}
		v := s.Value
		host, plugin := "none", "none"
		if s.Host > 0 {
			host = unit.Format(s.Host.Seconds(), unit.Second)
		}
		if s.Plugin > 0 {
			plugin = unit.Format(s.Plugin.Seconds(), unit.Second)
		}
		t.Rows = append(t.Rows, []Value{text(fmt.Sprint(s.Block)), text(fmt.Sprint(s.Position)), text(s.Metric), text(s.Label),
			{Text: unit.Format(v, s.Unit), Number: &v}, text(host), text(plugin)})
	}
	return t
}

// steps lists the times of single steps, a block in a row, if there are any.
func steps(c *store.Cell) []Table {
	t := Table{ID: "steps", Title: "Single steps", Columns: append(keys("block"), Column{Name: "steps"}, Column{Name: "longest"}, Column{Name: "seconds"})}
	blocks, longest := map[int][]string{}, map[int]float64{}
	for _, s := range c.Samples {
		if s.Metric == probe.StepSeconds {
			blocks[s.Block] = append(blocks[s.Block], digits(&s.Value))
			longest[s.Block] = max(longest[s.Block], s.Value)
		}
	}
	for _, block := range slices.Sorted(maps.Keys(blocks)) {
		t.Rows = append(t.Rows, []Value{text(fmt.Sprint(block)), text(fmt.Sprint(len(blocks[block]))),
			text(unit.Format(longest[block], unit.Second)), text(strings.Join(blocks[block], " "))})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []Table{t}
}

// ShowRun is what a run is and has, in short.
func ShowRun(run *store.Run) []Table {
	ix := newIndex(run)
	i := info(run)
	about := facts("run", "Run "+run.ID, []store.Fact{
		{Name: "started", Value: i.Started}, {Name: "took", Value: i.Duration}, {Name: "status", Value: i.Status},
		{Name: "cells", Value: i.Counts}, {Name: "suites", Value: strings.Join(i.Suites, ", ")},
		{Name: "seed", Value: fmt.Sprint(i.Seed)}, {Name: "archbench", Value: i.Version}, {Name: "command", Value: i.Command},
	})
	return []Table{about, ix.models(), ix.failures(), ix.unavailable(), ix.cellList(), facts("host", "Host", run.Host.Facts), facts("facts", "Text, settings and environment", run.Facts)}
}

// Summary is what a run prints at its end: who is ahead where, or the tables of its suites where that is not their
// question, and what failed.
func Summary(run *store.Run) []Table {
	ix := newIndex(run)
	tables := []Table{ix.verdicts()}
	if len(tables[0].Rows) == 0 {
		tables = nil
		for _, suite := range ix.suites() {
			tables = append(tables, ix.section(suite).Tables...)
		}
	}
	if len(tables) > 0 && len(tables[0].Notes) == 0 {
		tables[0].Notes = ix.futureNotes()
	}
	if t := ix.failures(); len(t.Rows) > 0 {
		tables = append(tables, t)
	}
	return tables
}

// Counts says how many cells of a run were measured, and how many were not.
func Counts(run *store.Run) string { return counts(run.Cells) }

// Runs lists runs.
func Runs(runs []store.Run) Table {
	t := Table{ID: "runs", Title: "Runs", Columns: append(keys("run"), Column{Name: "started"}, Column{Name: "took"}, Column{Name: "status"}, Column{Name: "suites"}, Column{Name: "command"})}
	for i := range runs {
		r := info(&runs[i])
		t.Rows = append(t.Rows, []Value{text(r.ID), text(r.Started), text(r.Duration), text(r.Status), text(strings.Join(r.Suites, ", ")), text(r.Command)})
	}
	return t
}
