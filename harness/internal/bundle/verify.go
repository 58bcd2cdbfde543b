package bundle

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/report"
	"github.com/archbench/archbench/harness/internal/table"
)

// The states of a check.
const (
	good   = "ok"
	failed = "FAIL"
	none   = "n/a"
)

// Check is one thing that was verified.
type Check struct {
	What  string
	State string
	Found string      // in words
	First *Difference // the first of the differences, if they are in a file
}

// Difference is a place where a bundle is not what follows from its samples.
type Difference struct {
	File, Table         string
	Row                 int // in Table, or line of the file, from 1; 0: none
	Key                 string
	Bundled, Recomputed string
	what                string // the row in words
}

// Good reports whether no check failed.
func Good(checks []Check) bool {
	return !slices.ContainsFunc(checks, func(c Check) bool { return c.State == failed })
}

// Verify rebuilds the run from plan, environment and samples, recomputes every number and renders the report again. If the
// bundle's maker is by, all must be the same to the byte; else numbers must agree to 1e-9.
func (b *Bundle) Verify(by Maker) []Check {
	checks := []Check{b.hashes()}
	run, err := b.run()
	if err != nil {
		return append(checks, Check{What: "run", State: failed, Found: err.Error()})
	}
	checks = append(checks, Check{What: "run", State: good, Found: fmt.Sprintf("%s: %s", run.ID, report.Counts(run))})
	rebuilt := report.Build(run)
	files, err := render(rebuilt)
	if err != nil {
		return append(checks, Check{What: "report", State: failed, Found: "it cannot be rendered: " + err.Error()})
	}
	bundled, err := readData(b.files[reportData])
	if err != nil {
		return append(checks, Check{What: "statistics", State: failed, Found: reportData + ": " + err.Error(), First: &Difference{File: reportData}})
	}
	recomputed, err := readData(files[reportData])
	if err != nil {
		return append(checks, Check{What: "statistics", State: failed, Found: "recomputed " + reportData + ": " + err.Error()})
	}
	c := comparison{exact: by == b.Maker, bundled: bundled, recomputed: recomputed}
	return append(checks, samples(run, bundled), c.statistics(rebuilt.Data()), b.report(files, by))
}

// hashes compares the files with the manifest.
func (b *Bundle) hashes() Check {
	c := Check{What: "hashes", State: good, Found: fmt.Sprintf("%d files are as the manifest says", len(b.Files))}
	for _, e := range b.Files {
		if sum := sha(b.files[e.Name]); sum != e.SHA256 {
			c.State, c.First = failed, &Difference{File: e.Name, Key: "sha256", Bundled: e.SHA256, Recomputed: sum}
			c.Found = fmt.Sprintf("%s: the manifest has the sha256 %.10q, the file %.10q", e.Name, e.SHA256, sum)
			break
		}
	}
	return c
}

// samples checks that the values of samples follow from their calls, and that the report was made from these samples.
func samples(run *record.Run, bundled data) Check {
	c := Check{What: "samples", State: good}
	hashes := map[string]string{}
	for _, row := range bundled["cells"] {
		hashes[words(row["cell"])] = words(row["samples_sha256"])
	}
	value := probe.EstimatorOf(run.Facts)
	digests := record.DigestsOf(run.All()...)
	n, line := 0, 0
	for i, cell := range run.All() {
		name := fmt.Sprintf("cell %s (%s %s %s)", table.Short(cell.ID), cell.Probe, cell.Model, cell.Point)
		for j, s := range cell.Samples {
			line++
			value := value(s.Metric, s.Values())
			if s.Calls == nil || value == s.Value {
				continue
			}
			c.State, c.First = failed, &Difference{File: samplesName, Row: line, Key: "value",
				Bundled: fmt.Sprint(s.Value), Recomputed: fmt.Sprint(value)}
			c.Found = fmt.Sprintf("%s: sample %d of %s, block %d of %s: its value %v does not follow from its calls that count, which give %v",
				samplesName, j+1, s.Metric, s.Block, name, s.Value, value)
			return c
		}
		n += len(cell.Samples)
		if sum := digests.Each[i]; c.First == nil && sum != hashes[cell.ID] {
			c.State, c.First = failed, &Difference{reportData, "cells", i + 1, "samples_sha256", hashes[cell.ID], sum, ""}
			c.Found = fmt.Sprintf("%s: the report was made from other samples of %s", samplesName, name)
		}
	}
	if c.State == good {
		c.Found = fmt.Sprintf("%d samples of %d cells are those of the report", n, len(run.Cells))
	}
	return c
}

// report compares the files of the report.
func (b *Bundle) report(files map[string][]byte, by Maker) Check {
	c := Check{What: "report", State: good, Found: fmt.Sprintf("its %d files are the same to the byte", len(files))}
	if by != b.Maker {
		c.State = none
		c.Found = fmt.Sprintf("page, figures and tables are not compared: they were rendered by %s, this is %s", b.Maker, by)
		return c
	}
	differ := 0
	names := maps.Clone(files)
	maps.Copy(names, b.files)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if name == planName || name == environmentName || name == samplesName {
			continue
		}
		bundled, has := b.files[name]
		recomputed, made := files[name]
		if has && made && bytes.Equal(bundled, recomputed) {
			continue
		}
		if differ++; c.First == nil {
			c.First = &Difference{File: name, Row: differingLine(bundled, recomputed)}
		}
	}
	if c.First != nil {
		c.State = failed
		c.Found = fmt.Sprintf("%d of %d files differ, first %s, line %d", differ, len(names)-3, c.First.File, c.First.Row)
	}
	return c
}

// differingLine is the first line in which two texts differ.
func differingLine(a, b []byte) int {
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	return 1 + bytes.Count(a[:same], []byte("\n"))
}

// Table lists checks.
func Table(checks []Check) table.Table {
	t := table.Table{ID: "verify", Title: "Verified", Columns: append(table.Keys("what"), table.Column{Name: "state"}, table.Column{Name: "found"}),
		Frame: &table.Frame{Keys: []string{"what", "state", "found", "file", "table", "row", "key", "bundled", "recomputed"}}}
	for _, c := range checks {
		d := c.First
		if d == nil {
			d = &Difference{}
		}
		t.Add(c.What, c.State, c.Found)
		t.Frame.Rows = append(t.Frame.Rows, []any{c.What, c.State, c.Found, table.Word(d.File), table.Word(d.Table), table.Known(d.Row),
			table.Word(d.Key), table.Word(d.Bundled), table.Word(d.Recomputed)})
	}
	return t
}
