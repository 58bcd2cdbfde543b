package result

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/table"
)

// factorial returns a run of models that differ in known factors. Each decodes at two depths, and each factor changes the time
// by a known ratio.
func factorial(id string, models ...record.Model) *record.Run {
	run := &record.Run{ID: id}
	for _, m := range models {
		m.Causal, m.Parameters = true, 1
		run.Models = append(run.Models, m)
		for depth, slower := range map[string]float64{"128": 1, "512": 3} {
			c := record.Cell{ID: m.Name + " at " + depth, Suite: "speed", Probe: "decode", Model: m.Name, Status: record.OK,
				Point: record.Point{{Name: "depth", Value: depth}, {Name: "batch", Value: "1"}}}
			for block := range 8 {
				time := (1 + 0.01*float64(block)) * slower / map[string]float64{"f32": 1, "int8": 2}[m.Precision] / float64(m.Threads)
				c.Samples = append(c.Samples, record.Sample{Metric: probe.DecodeSeconds, Value: time, Block: block})
			}
			run.Cells = append(run.Cells, c)
		}
		scored(run, "divergence", m.Name, probe.DocumentKL)
	}
	return run
}

func model(name, family, architecture, precision string, threads int) record.Model {
	return record.Model{Name: name, Family: family, Architecture: architecture, Checkpoint: "dir/" + family, Precision: precision, Threads: threads,
		Options: map[string]string{"window": family}}
}

func fourModels(id string, threads int) *record.Run {
	return factorial(id, model("a", "a", "gpt2", "f32", threads), model("a@int8", "a", "gpt2", "int8", threads),
		model("b", "b", "mamba", "f32", threads), model("b@int8", "b", "mamba", "int8", threads))
}

// TestFactors checks that cells with equal row factors are paired, whichever factor makes the columns.
func TestFactors(t *testing.T) {
	one := []*record.Run{fourModels("r1", 1)}
	two := []*record.Run{one[0], fourModels("r2", 2)}
	for _, tc := range []struct {
		name   string
		runs   []*record.Run
		o      CompareOptions
		tables []string // titles
		header []string
		rows   [][]string // without the quantity
		ratio  float64    // of every comparison
		notes  string
	}{
		{"models", one, CompareOptions{}, []string{"Comparison"}, []string{"quantity", "at", "a", "b"},
			[][]string{{"depth=128"}, {"depth=512"}}, 1, ""},
		{"precisions", one, CompareOptions{Columns: []string{"precision"}}, []string{"Comparison"}, []string{"quantity", "family", "at", "f32", "int8"},
			[][]string{{"a", "depth=128"}, {"b", "depth=128"}, {"a", "depth=512"}, {"b", "depth=512"}}, 0.5, ""},
		{"the other way", one, CompareOptions{Columns: []string{"precision"}, Base: "int8"}, []string{"Comparison"}, []string{"quantity", "family", "at", "int8", "f32"},
			[][]string{{"a", "depth=128"}, {"b", "depth=128"}, {"a", "depth=512"}, {"b", "depth=512"}}, 2, ""},
		{"depths", one, CompareOptions{Columns: []string{"depth"}}, []string{"Comparison"}, []string{"quantity", "model", "at", "128", "512"},
			[][]string{{"a", "batch=1"}, {"b", "batch=1"}}, 3, ""},
		{"architectures", one, CompareOptions{Columns: []string{"architecture"}, Table: []string{"precision"}}, []string{"Comparison: precision f32", "Comparison: precision int8"},
			[]string{"quantity", "at", "gpt2", "mamba"}, [][]string{{"depth=128"}, {"depth=512"}}, 1, ""},
		{"an option", one, CompareOptions{Columns: []string{"window"}, Filter: map[string][]string{"depth": {"512"}}}, []string{"Comparison"},
			[]string{"quantity", "at", "a", "b"}, [][]string{{"depth=512"}}, 1, "architecture (gpt2, mamba)"},
		{"runs", two, CompareOptions{Models: []string{"a"}}, []string{"Comparison"}, []string{"quantity", "model", "at", "r1", "r2"},
			[][]string{{"a", "depth=128"}, {"a", "depth=512"}}, 0.5, "r1 and r2 also differ in threads (1, 2)."},
		{"threads", two, CompareOptions{Columns: []string{"threads"}, Filter: map[string][]string{"precision": {"f32"}, "family": {"b"}}}, []string{"Comparison"},
			[]string{"quantity", "model", "at", "1", "2"}, [][]string{{"b", "depth=128"}, {"b", "depth=512"}}, 0.5, "also differ in run (r1, r2)."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.o.Quantities = []string{"decode"}
			tables, err := Compare(tc.runs, tc.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := Distinct(tables, func(t table.Table) string { return t.Title }); !slices.Equal(got, tc.tables) {
				t.Errorf("tables %q", got)
			}
			checkLayout(t, tables[0], tc.header, tc.rows)
			frame := tables[0].Frame
			for _, row := range frame.Rows {
				if ratio := row[slices.Index(frame.Keys, "ratio")].(float64); ratio < tc.ratio*0.999 || ratio > tc.ratio*1.001 {
					t.Errorf("ratio %v, want %v", ratio, tc.ratio)
				}
			}
			if want := len(tc.rows) * len(tables); len(frame.Rows) != want {
				t.Errorf("%d comparisons for programs, want %d", len(frame.Rows), want)
			}
			notes := strings.Join(tables[len(tables)-1].Notes, "\n")
			if !strings.Contains(notes, tc.notes) || tc.notes == "" && strings.Contains(notes, "also differ") {
				t.Errorf("notes %q, want %q", notes, tc.notes)
			}
		})
	}
}

// checkLayout checks a table's header without n and the columns of differences, and its row keys without the quantity.
func checkLayout(t *testing.T, tab table.Table, header []string, rows [][]string) {
	t.Helper()
	var names []string
	keys := 0
	for _, c := range tab.Columns {
		if !c.Beside && c.Name != "n" {
			names = append(names, c.Name)
		}
		if c.Key {
			keys++
		}
	}
	if diff := cmp.Diff(header, names); diff != "" {
		t.Error(diff)
	}
	var got [][]string
	for _, row := range tab.Rows {
		got = append(got, Distinct(row[1:keys], func(v table.Value) string { return v.Text }))
	}
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Error(diff)
	}
}

// TestPlacesAreSingle checks that several cells in one place of a table and unknown factors are errors that say what to do.
func TestPlacesAreSingle(t *testing.T) {
	run := fourModels("r1", 1)
	for want, o := range map[string]CompareOptions{
		"gpt2 has several cells of decode at depth=128 batch=1, which differ in precision": {Columns: []string{"architecture"}, Models: []string{"a", "a@int8", "b"}},
		"f32 has several cells of decode":                                                  {Columns: []string{"precision"}, Rows: []string{"point"}},
		`unknown factor "color"; there are quantity, run`:                                  {Columns: []string{"color"}},
		`unknown factor "colour"`:                                                          {Table: []string{"colour"}},
		`unknown factor "flavour"`:                                                         {Filter: map[string][]string{"flavour": {"x"}}},
		`no precision "int4" to compare with; there are f32,`:                              {Columns: []string{"precision"}, Base: "int4"},
		"nothing to compare: no cell of decode with an axis len":                           {Columns: []string{"len"}},
		`no cell has depth=7; there are 128, 512`:                                          {Filter: map[string][]string{"depth": {"7"}}},
	} {
		o.Quantities = []string{"decode"}
		if _, err := Compare([]*record.Run{run}, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Compare(%+v): %v, want %q", o, err, want)
		}
	}
	if _, err := Compare([]*record.Run{{ID: "r"}}, CompareOptions{}); err == nil {
		t.Error("a run without cells is compared")
	}
	if _, err := Compare([]*record.Run{run, run}, CompareOptions{Quantities: []string{"decode"}}); err == nil {
		t.Error("a run is compared with itself")
	}
}
