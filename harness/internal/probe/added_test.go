//go:build cgo

package probe_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/exchange"
	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/report"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/suite"
	"github.com/archbench/archbench/harness/internal/table"
)

// fakes starts plugins that serve a fake architecture.
type fakes struct{}

func (fakes) Find(name string) (path, sha string, err error) { return "/plugins/" + name, name, nil }

func (fakes) Start(context.Context, string, session.Limits) (session.Process, error) {
	return process{&lmfake.Architecture{PerToken: time.Millisecond}}, nil
}

type process struct{ *lmfake.Architecture }

func (process) PID() int       { return 0 }
func (process) Env() []string  { return nil }
func (process) Stderr() string { return "" }
func (process) Kill()          {}
func (process) Close() error   { return nil }

// TestAddAProbe adds a probe (one file and one line) and a suite, and checks that they are planned, measured, stored,
// compared and reported.
func TestAddAProbe(t *testing.T) {
	defer func(all []*probe.Probe) { probe.Table = all }(probe.Table)
	probe.Table = append(probe.Table, probe.Toy)
	ctx, dir := context.Background(), t.TempDir()
	for name, text := range map[string]string{
		"text.txt":  strings.Repeat("some words of text, ", 2000),
		"toys.yaml": "name: toys\nrepeats: 6\nprobes:\n  - {probe: toy, grid: {len: [16, 32, 64, 128]}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := suite.Load(filepath.Join(dir, "toys.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := run.Prepare(ctx, run.Options{Suites: []*suite.Suite{s}, Plugins: fakes{}, Seed: 1, Threads: 1, Corpus: filepath.Join(dir, "text.txt"),
		Models: []run.ModelSpec{{Name: "a", Architecture: "a"}, {Name: "b", Architecture: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(ctx, filepath.Join(dir, "results.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := run.Execute(ctx, db, plan); err != nil {
		t.Fatal(err)
	}
	measured, err := db.LoadRun(ctx, plan.Run.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range measured.Cells {
		if c.Probe == "toy" && (c.Status != record.OK || len(slices.Collect(c.Counting())) != 6 || c.Samples[0].Unit != "s" || c.Samples[0].Value <= 0) {
			t.Errorf("cell %s %s is %s %s %+v: %v", c.Model, c.Point, c.Status, c.Reason, c.Failure, c.Samples)
		}
	}
	compared, err := result.Compare([]*record.Run{measured}, result.CompareOptions{Quantities: []string{"toy", "toy-speed"}})
	if err != nil || len(compared[0].Frame.Rows) != 8 {
		t.Errorf("%v compared, %v", compared, err)
	}
	r := report.Build(measured)
	section := r.Sections[slices.IndexFunc(r.Sections, func(s report.Section) bool { return s.ID == "toys" })]
	var tables []string
	for _, tab := range section.Data {
		if slices.IndexFunc(tab.Rows, func(row []table.Value) bool { return row[0].Text == "a" }) >= 0 {
			tables = append(tables, tab.ID)
		}
	}
	if want := []string{"toys-toy", "toys-toy-speed", "toys-toy-scaling", "toys-toy-crossovers"}; !slices.Equal(tables, want) {
		t.Errorf("tables %q, want %q", tables, want)
	}
	if !slices.ContainsFunc(section.Figures, func(f chart.Figure) bool { return f.Name == "toys-toy" && f.Title == "Toy time" && f.HasData() }) {
		t.Errorf("figures %+v", section.Figures)
	}
	var bench bytes.Buffer
	if err := exchange.WriteBench(&bench, measured); err != nil || !strings.Contains(bench.String(), "BenchmarkToy/model=a/len=16") {
		t.Errorf("%v, %s", err, bench.String())
	}
	if derived := fmt.Sprint(report.ShowCell(measured, &measured.Cells[len(measured.Cells)-1])[1].Rows); !strings.Contains(derived, "Toy speed") {
		t.Errorf("derived: %s", derived)
	}
}
