package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/table"
)

// words are the texts of a table's rows, joined with bars.
func words(t table.Table) (rows []string) {
	for _, row := range t.Rows {
		var texts []string
		for _, v := range row {
			texts = append(texts, v.Text)
		}
		rows = append(rows, strings.Join(texts, "|"))
	}
	return rows
}

func headings(t table.Table) (names []string) {
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	return names
}

// TestStack puts tables with different columns below each other.
func TestStack(t *testing.T) {
	speed := table.Table{Title: "Speed", Notes: []string{"n"}, Columns: append(table.Keys("model"), table.Column{Name: "len 8", Better: +1}, table.Column{Name: "∝ N^e"})}
	speed.Add("a", "1", "2")
	size := table.Table{Title: "Size", Columns: append(table.Keys("batch", "model"), table.Column{Name: "len 8", Better: -1}, table.Column{Name: "len 64", Better: -1})}
	size.Add("4", "a", "3", "4")
	got := stack([]table.Table{speed, size})
	if diff := cmp.Diff([]string{"quantity", "model", "batch", "len 8", "len 64", "∝ N^e"}, headings(got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Speed ↑|a|–|1|–|2", "Size ↓|a|4|3|4|–"}, words(got)); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(got.Notes, speed.Notes) || !slices.Equal(headings(stack([]table.Table{size})), headings(size)) {
		t.Errorf("notes %q, alone %q", got.Notes, headings(stack([]table.Table{size})))
	}
}

// TestOneRowWithoutLeaks checks that models without a leak share a row with their largest changes, below those with one.
func TestOneRowWithoutLeaks(t *testing.T) {
	run := keepProbes(syntheticRun(), "causality")
	largest := 0.0
	for _, c := range run.Cells {
		for _, s := range c.Samples {
			if s.Metric == probe.SuffixDiff && c.Model != "bk-original" {
				largest = max(largest, s.Value)
			}
		}
	}
	shown := Build(run).Sections[0].Tables[0]
	if len(shown.Rows) != 2 || shown.Rows[0][1].Text != "SEES THE FUTURE" || shown.Rows[1][0].Text != "bk, gpt2, mamba, mistral" ||
		shown.Rows[1][1].Text != "no leak found in any of 4" || *shown.Rows[1][3].Number != largest || len(shown.Rows[1][3].Cells) != 4 {
		t.Errorf("%q", words(shown))
	}
	if data := Build(run).Sections[0].Data[0]; len(data.Rows) != 5 {
		t.Errorf("programs get %q", words(data))
	}
	for i := range run.Models {
		run.Models[i].Causal = false // each has something to say
	}
	if shown := Build(run).Sections[0].Tables[0]; len(shown.Rows) != 5 {
		t.Errorf("declared bidirectional: %q", words(shown))
	}
}

// TestFamiliesStandForTheirModels checks that lists and the table of models name a model and its precisions once.
func TestFamiliesStandForTheirModels(t *testing.T) {
	ix := newIndex(keepModels(syntheticRun(), "bk", "gpt2"))
	for want, names := range map[string][]string{
		"bk":                {"bk@int4", "bk", "bk@int8", "bk@bf16"},
		"bk, gpt2@int8":     {"bk", "bk@bf16", "bk@int8", "bk@int4", "gpt2@int8"},
		"bk, bk@int4, gpt2": {"bk", "bk@int4", "gpt2"},
	} {
		if got := strings.Join(ix.families(names), ", "); got != want {
			t.Errorf("%q are %q, want %q", names, got, want)
		}
	}
	models := ix.byFamily(ix.models())
	if len(models.Rows) != 2 || models.Rows[0][0].Text != "bk" || models.Rows[0][2].Text != "f32, bf16, int8, int4" || models.Rows[0][5].Text != ix.models().Rows[0][5].Text {
		t.Errorf("%q", words(models))
	}
	if len(models.Frame.Rows) != 8 {
		t.Errorf("programs get %d models", len(models.Frame.Rows))
	}
}

func TestColumnsWithoutValuesAreLeftOut(t *testing.T) {
	one := 1.0
	tab := table.Table{Columns: append(table.Keys("model"), table.Column{Name: "p50"}, table.Column{Name: "p99"})}
	tab.Add("a", table.Value{Text: "1", Number: &one}, table.Unavailable("few"))
	tab.Add("b", table.Unavailable("few"), table.Unavailable("few"))
	if diff := cmp.Diff([]string{"a|1", "b|n/a (few)"}, words(withValues(tab))); diff != "" {
		t.Error(diff)
	}
	if len(tab.Columns) != 3 || len(tab.Rows[0]) != 3 {
		t.Error("the table itself was changed")
	}
}

// TestSmallComponentsAreOthers checks that a bar's parts add up, have the same style in each bar, and that small ones are one.
func TestSmallComponentsAreOthers(t *testing.T) {
	ix := newIndex(syntheticRun())
	f := ix.componentsFigure(ix.Cells("flops", "cost"))
	if len(f.Rows) != 8 {
		t.Fatalf("%d rows", len(f.Rows))
	}
	styles := map[string]int{}
	for _, r := range f.Rows {
		sum := 0.0
		for _, p := range r.Parts {
			sum += p.Value
			if style, known := styles[p.Name]; known && style != p.Style {
				t.Errorf("%s has the styles %d and %d", p.Name, style, p.Style)
			}
			styles[p.Name] = p.Style
		}
		if diff := sum/r.Value - 1; diff > 1e-9 || diff < -1e-9 {
			t.Errorf("the parts of %s add up to %g, not %g", r.Label, sum, r.Value)
		}
	}
	c := record.Cell{Point: record.Point{{Name: "phase", Value: "decode"}}}
	for name, v := range map[string]float64{"a": 97, "b": 2, "c": 1} {
		c.Samples = append(c.Samples, record.Sample{Metric: probe.AnalyticFLOPs, Label: name, Value: v})
	}
	if parts := partsOf(&c, map[string]int{}); len(parts) != 2 || parts[1].Name != "others" || parts[1].Value != 3 {
		t.Errorf("%+v", parts)
	}
}
