package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/perf/benchfmt"
	"pgregory.net/rapid"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
)

func TestNothingIsBlank(t *testing.T) {
	r := Build(syntheticRun())
	for _, tab := range append(r.Tables(), ShowRun(syntheticRun())...) {
		for i, row := range tab.Rows {
			if len(row) != len(tab.Columns) {
				t.Errorf("table %s row %d has %d values for %d columns", tab.ID, i, len(row), len(tab.Columns))
			}
			for j, v := range row {
				if strings.TrimSpace(v.Text) == "" {
					t.Errorf("table %s row %d: %s is blank", tab.ID, i, tab.Columns[j].Name)
				}
				if v.Text == "n/a ()" {
					t.Errorf("table %s row %d: %s is n/a without a reason", tab.ID, i, tab.Columns[j].Name)
				}
			}
		}
	}
}

func TestEveryMeasuredNumberNamesItsCell(t *testing.T) {
	run := syntheticRun()
	known := map[string]bool{}
	for _, c := range run.Cells {
		known[c.ID] = true
	}
	for _, s := range Build(run).Sections {
		for _, tab := range s.Tables {
			for _, row := range tab.Rows {
				for j, v := range row {
					model := tab.Columns[j].Name == "bits per weight" || tab.Columns[j].Name == "weights"
					if v.Number != nil && len(v.Cells) == 0 && !model {
						t.Errorf("section %s, table %s: %s = %q names no cell", s.ID, tab.ID, tab.Columns[j].Name, v.Text)
					}
					for _, id := range v.Cells {
						if !known[id] {
							t.Errorf("table %s names the unknown cell %s", tab.ID, id)
						}
					}
				}
			}
		}
	}
}

func find(t *testing.T, tables []table.Table, id string) table.Table {
	t.Helper()
	for _, tab := range tables {
		if tab.ID == id {
			return tab
		}
	}
	t.Fatalf("no table %s", id)
	return table.Table{}
}

// entryOf returns the value in the row whose keys are given and the named column.
func entryOf(t *testing.T, tab table.Table, column string, keys ...string) table.Value {
	t.Helper()
	for _, row := range tab.Rows {
		match := true
		for i, k := range keys {
			match = match && row[i].Text == k
		}
		for j, c := range tab.Columns {
			if match && c.Name == column {
				return row[j]
			}
		}
	}
	t.Fatalf("table %s has no %s of %v", tab.ID, column, keys)
	return table.Value{}
}

func TestDerivedNumbers(t *testing.T) {
	c := &record.Cell{Status: record.OK, Point: record.Point{{Name: "len", Value: "512"}, {Name: "batch", Value: "4"}}}
	for block := range 6 {
		c.Samples = append(c.Samples,
			record.Sample{Metric: probe.PrefillSeconds, Value: 0.5, Block: block},
			record.Sample{Metric: probe.DecodeSeconds, Value: 0.01, Block: block},
			record.Sample{Metric: probe.AnalyticFLOPs, Label: "mlp", Value: 30, Block: block},
			record.Sample{Metric: probe.AnalyticFLOPs, Label: "head", Value: 12, Block: block})
	}
	for q, want := range map[*result.Quantity]float64{result.PrefillSpeed: 4 * 512 / 0.5, result.DecodeSpeed: 4 / 0.01, result.DecodeLatency: 0.01, result.AnalyticFLOPs: 42} {
		if e := q.Estimate(c); e.Value != want || e.N != 6 {
			t.Errorf("%s = %+v, want %v from 6 blocks", q.Name, e, want)
		}
	}
	repeats := &record.Cell{Status: record.OK, Samples: []record.Sample{
		{Metric: probe.TTFTSeconds, Value: 1, Block: 0}, {Metric: probe.TTFTSeconds, Value: 3, Block: 0}, {Metric: probe.TTFTSeconds, Value: 9, Block: 0},
	}}
	if e := result.Named("ttft").Estimate(repeats); e.N != 1 || e.Value != 3 {
		t.Errorf("three repeats in one process count as %d blocks with value %v, want 1 and 3", e.N, e.Value)
	}
}

// Quality against speed has two measured axes, so every point has two intervals.
func TestQualityAgainstSpeedHasBothIntervals(t *testing.T) {
	ix := newIndex(syntheticRun())
	cells := ix.Cells("quantization", "")
	f := ix.qualityFigure(cells)
	points := 0
	for _, s := range f.Series {
		for _, p := range s.Points {
			points++
			if !(p.XLo < p.X && p.X < p.XHi && p.Lo < p.Y && p.Y < p.Hi) {
				t.Errorf("%s %s: %+v lacks an interval", s.Name, p.Label, p)
			}
		}
	}
	if points != 15 { // four models in four precisions, of which one failed
		t.Errorf("%d points, want 15", points)
	}
	if want := "median of 10 blocks"; !strings.Contains(f.Foot, want) {
		t.Errorf("foot %q, want %q in it", f.Foot, want)
	}
}

func TestLanguageTables(t *testing.T) {
	run := syntheticRun()
	for i := range run.Models {
		if run.Models[i].Name == "gpt2" {
			run.Models[i].Initialised = true
		}
	}
	r := Build(run)
	precisions := find(t, r.Tables(), "quantization-precisions")
	if v := entryOf(t, precisions, "bits per byte", "bk-original"); v.Number != nil || v.Text != "n/a (sees the future)" {
		t.Errorf("a leaking model has the quality %q", v.Text)
	}
	if d := entryOf(t, precisions, "Δ bits per byte", "bk", "int4"); d.Number == nil || math.Abs(*d.Number-0.031) > 0.01 || d.Lo == nil {
		t.Errorf("int4 costs %q, want about +0.031 with an interval", d.Text)
	}
	notes := strings.Join(precisions.Notes, "\n")
	for _, want := range []string{result.NotControlled, "gpt2: " + untrained} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes lack %q:\n%s", want, notes)
		}
	}
	for _, row := range r.Verdicts.Rows {
		if row[0].Text == "Bits per byte" && (row[2].Text == "gpt2" || row[4].Text == "gpt2") {
			t.Errorf("an untrained model takes part in the verdict on quality: %v", row)
		}
	}
	loss := find(t, r.Tables(), "long-context-stream-loss")
	if v := entryOf(t, loss, "to 64K", "mamba"); !slices.Contains(v.Notes, "beyond the trained context of 512") {
		t.Errorf("a loss at 64K carries the notes %v", v.Notes)
	}
	if v := entryOf(t, loss, "to 64K", "gpt2"); v.Text != "n/a (context limit 512)" {
		t.Errorf("gpt2 beyond its limit shows %q", v.Text)
	}
}

// TestNoVerdictForWhatSeesTheFuture gives a bidirectional model the best samples: caught or declared, it wins nothing.
func TestNoVerdictForWhatSeesTheFuture(t *testing.T) {
	for name, spoil := range map[string]func(*record.Model){
		"caught": func(m *record.Model) { m.LeaksFuture = true }, "declared": func(m *record.Model) { m.Causal = false },
	} {
		run := syntheticRun()
		for i := range run.Models {
			if run.Models[i].Name == "mamba" {
				spoil(&run.Models[i])
			}
		}
		verdicts := Summary(run)[0]
		for _, row := range verdicts.Rows {
			if row[2].Text == "mamba" || row[4].Text == "mamba" {
				t.Errorf("%s: it takes part in %v", name, row)
			}
		}
		if notes := strings.Join(verdicts.Notes, " "); !strings.Contains(notes, "mamba") || !strings.Contains(notes, "sees the future") {
			t.Errorf("%s: notes %q", name, notes)
		}
	}
}

// TestTheBoundaryWinsNothing: what serves no model is fast, and ahead of none.
func TestTheBoundaryWinsNothing(t *testing.T) {
	ix := timed(map[string][]float64{"a": {1, 1.1, 1, 1.2, 1, 1.1, 1}, "b": {2, 2.2, 2, 2.5, 2, 2.3, 2}, "e": {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}})
	ix.ByName["e"].Parameters = 0
	v := ix.Verdicts()
	if row := v.Rows[0]; row[2].Text != "a" || row[4].Text != "b" {
		t.Errorf("the verdict is %v", row)
	}
	if notes := strings.Join(v.Notes, " "); !strings.Contains(notes, "e: no model, since") {
		t.Errorf("notes %q", notes)
	}
	for _, row := range ix.Pivot(result.DecodeLatency, ix.Cells("", "decode")).Rows {
		if best := row[len(row)-1].Best; best != (row[0].Text == "a") {
			t.Errorf("%s: bold %v", row[0].Text, best)
		}
	}
}

// TestNotesOfTestsThatWereMade: a comparison explains no test that none of its rows has.
func TestNotesOfTestsThatWereMade(t *testing.T) {
	for quantity, want := range map[string][]string{"decode": {"sign test", "by block"}, "state": nil, "bits-per-byte": {"paired bootstrap"}} {
		tab, err := result.Compare([]*record.Run{syntheticRun()}, result.CompareOptions{Quantities: []string{quantity}})
		if err != nil {
			t.Fatal(err)
		}
		said := string(markdownOf(t, tab))
		for _, words := range []string{"sign test", "by block", "paired bootstrap", "Mann-Whitney"} {
			if strings.Contains(said, words) != slices.Contains(want, words) {
				t.Errorf("%s: %q is said: %v", quantity, words, !slices.Contains(want, words))
			}
		}
	}
}

// TestCeilingsAreReadByPeople: a fact with a large number has a prefix for people and all of its digits for programs.
func TestCeilingsAreReadByPeople(t *testing.T) {
	tab := facts("facts", "Facts", []record.Fact{{Name: "ceiling fma.f32", Value: "1.757e+11 FLOP/s (avx2)"}, {Name: "cpu", Value: "Some 1e+11"}})
	for i, want := range []string{"175.7 GFLOP/s (avx2)", "Some 1e+11"} {
		if got := tab.Rows[i][1].Text; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := tab.Program().Rows[0][1]; got != "1.757e+11 FLOP/s (avx2)" {
		t.Errorf("for programs %v", got)
	}
}

// TestSummaryWithoutVerdict: a run of causality alone says what it found.
func TestSummaryWithoutVerdict(t *testing.T) {
	run := syntheticRun()
	run.Cells = slices.DeleteFunc(run.Cells, func(c record.Cell) bool { return c.Probe != "causality" })
	if tables := Summary(run); len(tables) != 1 || tables[0].ID != "causality-causality" {
		t.Errorf("the summary is %+v", tables)
	}
}

func TestSpeedWithoutQualityIsInvalid(t *testing.T) {
	run := syntheticRun()
	for i := range run.Cells {
		if c := &run.Cells[i]; c.Probe == "quality" && c.Model == "bk@int4" {
			c.Status, c.Samples, c.Failure = record.Failed, nil, &record.Failure{Class: "crash"}
		}
	}
	v := entryOf(t, find(t, Build(run).Tables(), "quantization-precisions"), "decode", "bk", "int4")
	if !slices.Contains(v.Notes, "INVALID: a speed without its quality") {
		t.Errorf("the speed of a precision without quality carries the notes %v", v.Notes)
	}
}

// timed is a run of models whose times to the first token are given, one value per block.
func timed(models map[string][]float64) *index {
	run := &record.Run{ID: "r"}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		run.Models = append(run.Models, record.Model{Name: name, Family: name, Causal: true, Parameters: 1, Precision: "f32"})
		c := record.Cell{ID: digest(name), Suite: "speed", Probe: "decode", Model: name, Status: record.OK, Point: record.Point{{Name: "depth", Value: "8"}, {Name: "batch", Value: "1"}}}
		for block, v := range models[name] {
			c.Samples = append(c.Samples, record.Sample{Metric: probe.DecodeSeconds, Value: v, Block: block})
		}
		run.Cells = append(run.Cells, c)
	}
	return newIndex(run)
}

// TestLeadersNeedEvidence: without a leader a row has no best, no lead and no p that claims one.
func TestLeadersNeedEvidence(t *testing.T) {
	for _, tc := range []struct {
		name, leader, sentence string
		models                 map[string][]float64
	}{
		{"apart", "a", "a is ahead", map[string][]float64{"a": {1, 1.1, 1, 1.2, 1, 1.1, 1}, "b": {2, 2.2, 2, 2.5, 2, 2.3, 2}}},
		{"noisy", "", "cannot tell a from b", map[string][]float64{"a": {1, 3, 1, 3, 1, 3, 1}, "b": {2, 1, 2, 1, 2, 1, 3}}},
		{"few", "", "cannot tell a from b", map[string][]float64{"a": {1, 1}, "b": {2, 2}}},
		{"with itself", "", "cannot tell a from b", map[string][]float64{"a": {1, 2, 1, 2, 1, 2, 1, 2}, "b": {1, 2, 1, 2, 1, 2, 1, 2}}},
		{"medians against blocks", "b", "b is ahead", map[string][]float64{"a": {1, 2, 3, 4, 5, 6, 7}, "b": {0.9, 1.9, 2.9, 3.99, 4.9, 5.9, 6.9}}},
		// a has the least median, but b is the faster in each of its blocks
		{"other blocks", "b", "b is ahead", map[string][]float64{"a": {5, 6, 7, 8, 9, 9, 9}, "b": {4, 5, 6, 7, 8, 8, 8, 99, 99, 99, 99, 99, 99}}},
		{"behind", "", "cannot tell a from b; a is ahead of c", map[string][]float64{
			"a": {1, 1, 1, 1, 1, 1, 1, 1}, "b": {1.1, 0.9, 1.1, 0.9, 1.1, 1.1, 0.9, 1.1}, "c": {2, 2, 2, 2, 2, 2, 2, 2}}},
	} {
		v := timed(tc.models).Verdicts()
		if len(v.Rows) != 1 {
			t.Fatalf("%s: %d rows", tc.name, len(v.Rows))
		}
		row, record := v.Rows[0], v.Frame.Rows[0]
		get := func(key string) any { return table.Settled(record[slices.Index(v.Frame.Keys, key)]) }
		if row[7].Text != tc.sentence || get("text") != tc.sentence {
			t.Errorf("%s: %q, want %q", tc.name, row[7].Text, tc.sentence)
		}
		if tc.leader == "" {
			for _, i := range []int{2, 3, 4, 5} {
				if row[i].Text != table.None.Text || row[i].Number != nil {
					t.Errorf("%s: undecided, and yet %s is %q", tc.name, v.Columns[i].Name, row[i].Text)
				}
			}
			if p := get("p_adjusted"); get("leader") != nil || get("ratio") != nil || get("verdict") != "undecided" || p.(float64) < 0.05 {
				t.Errorf("%s: record %v", tc.name, record)
			}
			continue
		}
		if row[2].Text != tc.leader || get("leader") != tc.leader || get("verdict") != "ahead" || get("ratio").(float64) <= 1 || get("lo").(float64) <= 1 {
			t.Errorf("%s: leader %q, record %v", tc.name, row[2].Text, record)
		}
	}
}

// TestStatementsAgree draws runs of three models and holds all that is said about one point against each other: the
// leader and its lead, the sentence, the bold entry, the comparisons with each base, their signs and p-values.
func TestStatementsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		models := map[string][]float64{}
		for _, name := range []string{"a", "b", "c"} {
			typical := rapid.SampledFrom([]float64{1, 1.02, 1.3}).Draw(t, "typical "+name)
			models[name] = rapid.SliceOfN(rapid.Map(rapid.Float64Range(0.9, 1.1), func(v float64) float64 { return typical * v }), 4, 12).Draw(t, name)
		}
		ix := timed(models)
		leader := ""
		v := ix.Verdicts()
		if p := v.Rows[0][6].Number; v.Rows[0][2].Text != table.None.Text {
			leader = v.Rows[0][2].Text
			if *p >= 0.05 || *v.Rows[0][5].Number <= 1 || *v.Rows[0][5].Lo <= 1 || v.Rows[0][7].Text != leader+" is ahead" {
				t.Fatalf("a leader without evidence: %v", v.Rows[0])
			}
		} else if *p < 0.05 {
			t.Fatalf("p decides, the row does not: %v", v.Rows[0])
		}
		for _, row := range ix.Pivot(result.DecodeLatency, ix.Cells("", "decode")).Rows {
			if best := row[len(row)-1].Best; best != (row[0].Text == leader) {
				t.Fatalf("%s: bold %v, leader %q", row[0].Text, best, leader)
			}
		}
		for base := range models {
			tab, err := result.Compare([]*record.Run{ix.Run}, result.CompareOptions{Base: base, Quantities: []string{"decode"}})
			if err != nil {
				t.Fatal(err)
			}
			checkRecords(t, tab)
		}
	})
}

// checkRecords holds each comparison's numbers, word and text against each other.
func checkRecords(t *rapid.T, tab table.Table) {
	for i, record := range tab.Frame.Rows {
		get := func(key string) any { return table.Settled(record[slices.Index(tab.Frame.Keys, key)]) }
		words := tab.Rows[0][4+2*i].Text
		verdict, p, ratio := get("verdict"), get("p_adjusted").(float64), get("ratio").(float64)
		lo, bounded := get("lo").(float64)
		hi, _ := get("hi").(float64)
		decided := p < 0.05 && bounded && (lo > 1 || hi < 1)
		if decided != (verdict != "undecided") || decided == strings.HasPrefix(words, "~") {
			t.Fatalf("p %v and [%v, %v] are called %v and %q", p, lo, hi, verdict, words)
		}
		if verdict == "slower" && ratio <= 1 || verdict == "faster" && ratio >= 1 {
			t.Fatalf("a time with the ratio %v is %v", ratio, verdict)
		}
		if decided && strings.HasPrefix(words, "-") != (ratio < 1) {
			t.Fatalf("the ratio %v is written as %q", ratio, words)
		}
	}
}

func TestFailuresAndReasons(t *testing.T) {
	r := Build(syntheticRun())
	if len(r.Failures.Rows) != 1 {
		t.Fatalf("%d failures, want 1", len(r.Failures.Rows))
	}
	words := ""
	for _, v := range r.Failures.Rows[0] {
		words += v.Text + "\n"
	}
	for _, want := range []string{"time-out", "no answer within 60 s", "main.main()", "archbench run quantization --model"} {
		if !strings.Contains(words, want) {
			t.Errorf("the failure lacks %q:\n%s", want, words)
		}
	}
	if v := entryOf(t, r.Unavailable, "reason", "gpt2", "speed", "prefill"); v.Text != "context limit 512" {
		t.Errorf("reason %q", v.Text)
	}
}

func TestAgreement(t *testing.T) {
	run := syntheticRun()
	ix := newIndex(run)
	cells := ix.Cells("flops", "cost")
	if s := agreement("Counted FLOPs", cells, result.AnalyticFLOPs, result.CountedFLOPs); !strings.Contains(s, "equal to the formula exactly, in all 28 cells") {
		t.Errorf("equal counts: %s", s)
	}
	for i := range cells[0].Samples {
		if s := &cells[0].Samples[i]; s.Metric == probe.CountedFLOPs && s.Label == "mlp" {
			s.Value += 2 // one multiply-add too much
		}
	}
	if s := agreement("Counted FLOPs", cells, result.AnalyticFLOPs, result.CountedFLOPs); !strings.Contains(s, "in 1 of 28 cells: bk") || !strings.Contains(s, table.Short(cells[0].ID)) {
		t.Errorf("one count differs: %s", s)
	}
	if s := agreement("Counted FLOPs", nil, result.AnalyticFLOPs, result.CountedFLOPs); !strings.Contains(s, "n/a (") {
		t.Errorf("nothing to compare: %s", s)
	}
}

func TestEscaping(t *testing.T) {
	nasty := "a|b *c* <script>alert(1)</script> `d` [e](f)\n\"g\",h_i"
	tab := table.Words("t", "T", []string{"key", "value"})
	tab.Add(nasty, nasty)
	var md, sheet bytes.Buffer
	if err := errors.Join(table.WriteMarkdown(&md, tab, nil), table.WriteCSV(&sheet, tab)); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(md.String()), "\n"); len(lines) != 3 || strings.Contains(md.String(), "<script") {
		t.Errorf("Markdown does not hold the text in one row:\n%s", md.String())
	}
	records, err := csv.NewReader(&sheet).ReadAll()
	if err != nil || len(records) != 2 || records[1][1] != nasty {
		t.Errorf("CSV gives back %q (%v)", records, err)
	}
	run := syntheticRun()
	run.Command = "archbench run '</pre><script>alert(1)</script>'"
	run.Models[0].Warnings = []string{"<img src=x onerror=alert(1)>"}
	var html bytes.Buffer
	if err := Build(run).HTML(&html); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script>alert", "<img", "ZgotmplZ"} {
		if strings.Contains(html.String(), bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}

func TestPageIsSelfContained(t *testing.T) {
	var html bytes.Buffer
	if err := Build(syntheticRun()).HTML(&html); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{`src="`, `@import`, `<link`, `url(`} {
		if strings.Contains(html.String(), bad) {
			t.Errorf("the page refers to something outside: %s", bad)
		}
	}
	if n := strings.Count(html.String(), "<svg"); n < 10 {
		t.Errorf("%d figures inside the page", n)
	}
}

func TestEmptyAndPartialRuns(t *testing.T) {
	partial := syntheticRun()
	partial.Status = "interrupted"
	for i := range partial.Cells {
		if i%2 == 0 {
			partial.Cells[i].Status, partial.Cells[i].Samples = record.Pending, nil
		}
	}
	allFailed := syntheticRun()
	for i := range allFailed.Cells {
		allFailed.Cells[i].Status, allFailed.Cells[i].Samples = record.Failed, nil
	}
	allFailed.Status = record.RunFailed
	notes := map[string]string{record.Running: "This run goes on", record.Interrupted: "archbench resume " + partial.ID, record.RunFailed: "nothing could be measured"}
	for name, run := range map[string]*record.Run{"empty": {ID: "r-0", Status: "running"}, "partial": partial, "failed": allFailed} {
		r := Build(run)
		if err := errors.Join(r.HTML(io.Discard), r.Markdown(io.Discard), table.WriteJSON(io.Discard, r.Data()...)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(strings.Join(r.Notes, " "), notes[run.Status]) {
			t.Errorf("%s: the notes %q do not say %q", name, r.Notes, notes[run.Status])
		}
	}
}

func TestCompare(t *testing.T) {
	run := syntheticRun()
	tab, err := result.Compare([]*record.Run{run}, result.CompareOptions{Base: "gpt2"})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.md", markdownOf(t, tab))
	v := entryOf(t, tab, "vs gpt2, by block", "State of one document", "len=512")
	if !strings.Contains(v.Text, "exact") {
		t.Errorf("a quantity without noise is compared as %q", v.Text)
	}
	for _, o := range []result.CompareOptions{{Base: "nobody"}, {Models: []string{"nobody"}}, {Quantities: []string{"nothing"}}} {
		if _, err := result.Compare([]*record.Run{run}, o); err == nil {
			t.Errorf("Compare(%+v) finds nothing wrong", o)
		}
	}
}

func TestCompareRuns(t *testing.T) {
	first, second := syntheticRun(), syntheticRun()
	second.ID = "r-second"
	for i := range second.Cells {
		for j := range second.Cells[i].Samples {
			if s := &second.Cells[i].Samples[j]; s.Metric == probe.DecodeSeconds {
				s.Value *= 1.5
			}
		}
	}
	tab, err := result.Compare([]*record.Run{first, second}, result.CompareOptions{Quantities: []string{"decode", "prefill"}})
	if err != nil {
		t.Fatal(err)
	}
	column := "vs " + first.ID
	if v := entryOf(t, tab, column, "Decode time per step", "mamba", "depth=128 batch=1"); v.Number == nil || math.Abs(*v.Number-1.5) > 0.01 || v.Lo == nil {
		t.Errorf("half as slow again is %q", v.Text)
	}
	if v := entryOf(t, tab, column, "Prefill speed", "mamba", "len=512 batch=1"); !strings.HasPrefix(v.Text, "~") {
		t.Errorf("no difference is %q", v.Text)
	}
	second.Host.Fingerprint = "another machine"
	if _, err := result.Compare([]*record.Run{first, second}, result.CompareOptions{}); !errors.Is(err, result.ErrIncomparable) {
		t.Errorf("runs of different machines are compared: %v", err)
	}
	if _, err := result.Compare([]*record.Run{first, second}, result.CompareOptions{AcrossHosts: true}); err != nil {
		t.Error(err)
	}
}

func markdownOf(t *testing.T, tab table.Table) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := table.WriteMarkdown(&b, tab, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBenchFormatIsRead(t *testing.T) {
	var b bytes.Buffer
	if err := WriteBench(&b, syntheticRun()); err != nil {
		t.Fatal(err)
	}
	reader := benchfmt.NewReader(&b, "run")
	results, seconds := 0, 0
	for reader.Scan() {
		switch r := reader.Result().(type) {
		case *benchfmt.Result:
			results++
			if _, ok := r.Value("sec/op"); ok {
				seconds++
			}
		case *benchfmt.SyntaxError:
			t.Fatal(r)
		}
	}
	if results < 300 || results != seconds {
		t.Errorf("%d results, %d with sec/op", results, seconds)
	}
}

func TestShowCell(t *testing.T) {
	run := syntheticRun()
	for i := range run.Cells {
		c := &run.Cells[i]
		tables := ShowCell(run, c)
		if n := len(find(t, tables, "samples").Rows); n != len(c.Samples) {
			t.Fatalf("cell %s shows %d of %d samples", c.ID, n, len(c.Samples))
		}
		about := find(t, tables, "cell")
		if v := entryOf(t, about, "value", "plugin sha256"); len(v.Text) != 64 {
			t.Fatalf("plugin sha256 %q", v.Text)
		}
	}
}

// TestCommandsNameTheDatabase: what a report says to run finds the run.
func TestCommandsNameTheDatabase(t *testing.T) {
	r := Build(syntheticRun()).In(" --db 'my results.db'")
	for _, line := range r.Reproduce[1:] {
		if !strings.HasSuffix(line, " --db 'my results.db'") {
			t.Errorf("%q does not name the database", line)
		}
	}
	if strings.Contains(r.Reproduce[0], "my results.db") {
		t.Errorf("the command of the run was changed: %q", r.Reproduce[0])
	}
}

// TestLongReasonsAreFootnotes: they widen no column, and programs get them as they are.
func TestLongReasonsAreFootnotes(t *testing.T) {
	long := "no tokenizer: the folder has none of tokenizer.json, vocab.json with merges.txt, tokenizer.model, vocab.txt"
	tab := table.Table{Columns: append(table.Keys("model"), table.Column{Name: "quality", ID: "quality", Unit: "bit/B"}, table.Column{Name: "speed", ID: "speed", Unit: "s"}),
		Rows: [][]table.Value{{table.Text("a"), table.Unavailable(long), table.Unavailable("context limit 512")}, {table.Text("b"), table.Unavailable(long), {Text: "1 s", Notes: []string{"slow"}}}}}
	var md, csv bytes.Buffer
	if err := errors.Join(table.WriteMarkdown(&md, tab, nil), table.WriteCSV(&csv, tab)); err != nil {
		t.Fatal(err)
	}
	want := "| model | quality | speed |\n| --- | ---: | ---: |\n| a | n/a \\[1\\] | n/a (context limit 512) |\n| b | n/a \\[1\\] | 1 s \\[2\\] |\n" +
		"\n\\[1\\] " + table.EscapeMarkdown(long) + "\n\n\\[2\\] slow\n"
	if diff := cmp.Diff(want, md.String()); diff != "" {
		t.Error(diff)
	}
	if got := strings.Count(csv.String(), long); got != 2 {
		t.Errorf("programs get the reason %d times, not for each value:\n%s", got, csv.String())
	}
	if out := layOut(tab); out.Marked[0][1].Text != "n/a" || out.Marked[0][1].Marks != "1" || out.Footnotes[0] != "[1] "+long {
		t.Errorf("on the page: %+v, %q", out.Marked[0][1], out.Footnotes)
	}
	if tab.Rows[0][1].Text != "n/a ("+long+")" {
		t.Errorf("the table itself was changed: %q", tab.Rows[0][1].Text)
	}
}

// TestOneModelIsTrainedLikeItself: a model beside itself and its precisions is a controlled comparison.
func TestOneModelIsTrainedLikeItself(t *testing.T) {
	model := func(sha string) *record.Model { return &record.Model{WeightsSHA: sha, Causal: true} }
	seeded := &record.Model{Initialised: true, Causal: true}
	for _, c := range []struct {
		models []*record.Model
		noted  bool
	}{
		{nil, false},
		{[]*record.Model{model("x"), model("x")}, false},
		{[]*record.Model{model("x"), seeded, model("x")}, false},
		{[]*record.Model{model("x"), model("y")}, true},
		{[]*record.Model{model(""), model("")}, true},
	} {
		if got := len(result.NotAlike(c.models...)) > 0; got != c.noted {
			t.Errorf("%d models noted as not trained alike: %v, want %v", len(c.models), got, c.noted)
		}
	}
}

// TestPointsStandInTheirOrder: numbers by size, words as planned, whichever suite came first.
func TestPointsStandInTheirOrder(t *testing.T) {
	cell := func(phase, length string) *record.Cell {
		return &record.Cell{Point: record.Point{{Name: "phase", Value: phase}, {Name: "len", Value: length}}}
	}
	got := result.InOrder([]*record.Cell{cell("prefill", "512"), cell("decode", "16"), cell("prefill", "32"), cell("prefill", "1024")})
	var words []string
	for _, c := range got {
		words = append(words, c.Point.String())
	}
	if diff := cmp.Diff([]string{"phase=prefill len=32", "phase=prefill len=512", "phase=prefill len=1024", "phase=decode len=16"}, words); diff != "" {
		t.Error(diff)
	}
}
