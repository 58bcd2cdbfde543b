package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/perf/benchfmt"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/exchange"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
)

func TestNothingIsBlank(t *testing.T) {
	r := Build(syntheticRun())
	for _, tab := range slices.Concat(r.Tables(), r.Shown(), ShowRun(syntheticRun())) {
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
		for _, tab := range append(s.Tables, s.Data...) {
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

// entryOf returns the value in the named column of the row with the given keys.
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

// TestOnePathPerArchitecture checks that quality against speed has one labelled path per architecture across its precisions, with
// the intervals of speeds and of paired differences, not those of the documents.
func TestOnePathPerArchitecture(t *testing.T) {
	ix := newIndex(syntheticRun())
	f := ix.qualityFigure(ix.Cells("quantization", ""))
	points := 0
	for _, s := range f.Series {
		for i, p := range s.Points {
			if s.Front {
				continue
			}
			points++
			if want := precisions[i].name; !strings.HasSuffix(p.Label, want) || (i == 0) != strings.HasPrefix(p.Label, s.Name) {
				t.Errorf("point %d of %s is labelled %q", i, s.Name, p.Label)
			}
			if wide := i == 0; !(p.XLo < p.X && p.X < p.XHi) || wide != (p.Lo == p.Hi) || p.Hi-p.Lo > 0.02 {
				t.Errorf("%s %s: %+v", s.Name, p.Label, p)
			}
		}
	}
	if points != 15 || len(f.Series) != 5 { // four models in four precisions, of which one failed, and the front
		t.Errorf("%d points in %d series, want 15 in 5", points, len(f.Series))
	}
	if want := "decode at depth=128 batch=1"; !strings.Contains(f.Foot, want) {
		t.Errorf("foot %q, want %q in it", f.Foot, want)
	}
}

// TestCrossoversAreMarked gives two models curves that meet at 1,000 tokens: the figure marks the place on both lines.
func TestCrossoversAreMarked(t *testing.T) {
	run := keepProbes(keepModels(syntheticRun(), "bk", "mamba"), "prefill")
	for i := range run.Cells {
		c := &run.Cells[i]
		n := result.Number(c.Point, "len")
		for j := range c.Samples {
			exponent := map[string]float64{"bk": 1, "mamba": 1.5}[c.Model]
			c.Samples[j].Value = math.Pow(n/1000, exponent) * (1 + 0.001*float64(j*(i+1)%7))
		}
	}
	section := Build(run).Sections[0]
	f := section.Figures[slices.IndexFunc(section.Figures, func(f chart.Figure) bool { return strings.HasSuffix(f.Name, "-prefill") })]
	s := f.Series[len(f.Series)-1]
	if s.Name != "crossover" || len(s.Points) != 1 {
		t.Fatalf("%+v", s)
	}
	p := s.Points[0]
	if p.Label != "bk × mamba" || math.Abs(p.X/1000-1) > 0.05 || math.Abs(p.Y/1000-1) > 0.05 || !(p.XLo < 1000 && 1000 < p.XHi) {
		t.Errorf("%+v", p)
	}
	if y := between([]chart.Point{{X: 1, Y: 1}, {X: 4, Y: 16}}, 2); math.Abs(y-4) > 1e-12 {
		t.Errorf("between is %g", y)
	}
	if y := between([]chart.Point{{X: 1, Y: 1}, {X: 4, Y: 16}}, 5); !math.IsNaN(y) {
		t.Errorf("beside it is %g", y)
	}
}

// TestFront checks that the front joins the points that no other beats in both, from the best cost on.
func TestFront(t *testing.T) {
	points := []chart.Point{{X: 1, Y: 3}, {X: 2, Y: 2}, {X: 2, Y: 2.5}, {X: 3, Y: 2.2}, {X: 4, Y: 1}}
	for better, want := range map[int][]chart.Point{-1: {{X: 1, Y: 3}, {X: 2, Y: 2}, {X: 4, Y: 1}}, +1: {{X: 4, Y: 1}}} {
		if diff := cmp.Diff(want, frontOf(points, better)); diff != "" {
			t.Errorf("%d: %s", better, diff)
		}
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

// TestNoVerdictForWhatSeesTheFuture gives a bidirectional model, detected or declared, the best samples: it must not lead.
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

// TestNotesOfTestsThatWereMade checks that a comparison explains only the tests that its rows use.
func TestNotesOfTestsThatWereMade(t *testing.T) {
	for quantity, want := range map[string][]string{"decode": {"signed-rank test", "by block"}, "state": nil, "bits-per-byte": {"paired bootstrap"}} {
		tab, err := result.Compare([]*record.Run{syntheticRun()}, result.CompareOptions{Quantities: []string{quantity}})
		if err != nil {
			t.Fatal(err)
		}
		said := string(markdownOf(t, tab[0]))
		for _, words := range []string{"signed-rank test", "by block", "paired bootstrap", "Mann-Whitney"} {
			if strings.Contains(said, words) != slices.Contains(want, words) {
				t.Errorf("%s: %q is said: %v", quantity, words, !slices.Contains(want, words))
			}
		}
	}
}

// TestCeilingsAreReadByPeople checks that a large number in a fact has a prefix for people and all digits for programs.
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

// TestSummaryWithoutVerdict checks that a run of causality alone prints its findings.
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
	if v.Reason != "INVALID: speed without quality" {
		t.Errorf("the speed of a precision without quality is %q", v.Text)
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
	table.WriteMarkdown(&md, tab, nil)
	if err := table.Write(&sheet, "csv", 0, tab); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(md.String()), "\n"); len(lines) != 3 || strings.Contains(md.String(), "<script") {
		t.Errorf("Markdown does not hold the text in one row:\n%s", md.String())
	}
	records, err := csv.NewReader(&sheet).ReadAll()
	if err != nil || len(records) != 2 || records[1][1] != nasty {
		t.Errorf("CSV returns %q (%v)", records, err)
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
	notes := map[string]string{record.Running: "This run is still in progress", record.Interrupted: "archbench resume " + partial.ID, record.RunFailed: "nothing could be measured"}
	for name, run := range map[string]*record.Run{"empty": {ID: "r-0", Status: "running"}, "partial": partial, "failed": allFailed} {
		r := Build(run)
		if err := errors.Join(r.HTML(io.Discard), r.Markdown(io.Discard), table.Write(io.Discard, "json", 0, r.Data()...)); err != nil {
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
	golden(t, "compare.md", markdownOf(t, tab[0]))
	four, err := result.Compare([]*record.Run{run}, result.CompareOptions{Models: []string{"gpt2", "bk", "mamba", "mistral"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{120, 80} {
		var b bytes.Buffer
		if err := table.Write(&b, "table", width, four...); err != nil {
			t.Fatal(err)
		}
		golden(t, fmt.Sprintf("compare-%d.txt", width), b.Bytes())
		if lines := strings.Split(b.String(), "\n"); width == 120 && (slices.IndexFunc(lines, func(s string) bool { return s == "" }) < len(lines)-1) {
			t.Errorf("four models do not fit into one table of %d columns", width)
		}
		for line := range strings.Lines(b.String()) {
			if utf8.RuneCountInString(line) > width+1 {
				t.Errorf("a line is wider than %d: %s", width, line)
			}
		}
	}
	v := entryOf(t, tab[0], "p", "state (B)", "len=512")
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
	column := "vs base"
	if v := entryOf(t, tab[0], column, "decode (s)", "mamba", "depth=128 batch=1"); v.Number == nil || math.Abs(*v.Number-1.5) > 0.01 || v.Lo == nil {
		t.Errorf("half as slow again is %q", v.Text)
	}
	if v := entryOf(t, tab[0], column, "prefill (token/s)", "mamba", "len=512"); !strings.HasPrefix(v.Text, "~") {
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
	table.WriteMarkdown(&b, tab, nil)
	return b.Bytes()
}

func TestBenchFormatIsRead(t *testing.T) {
	var b bytes.Buffer
	if err := exchange.WriteBench(&b, syntheticRun()); err != nil {
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

// TestCommandsNameTheDatabase checks that a report's commands name the database of its run.
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

// TestLongReasonsAreFootnotes checks that long reasons are footnotes for people and unchanged for programs.
func TestLongReasonsAreFootnotes(t *testing.T) {
	long := "no tokenizer: the folder has none of tokenizer.json, vocab.json with merges.txt, tokenizer.model, vocab.txt"
	tab := table.Table{Columns: append(table.Keys("model"), table.Column{Name: "quality", ID: "quality", Unit: "bit/B"}, table.Column{Name: "speed", ID: "speed", Unit: "s"}),
		Rows: [][]table.Value{{table.Text("a"), table.Unavailable(long), table.Unavailable("context limit 512")}, {table.Text("b"), table.Unavailable(long), {Text: "1 s", Notes: []string{"slow"}}}}}
	var md, csv bytes.Buffer
	table.WriteMarkdown(&md, tab, nil)
	if err := table.Write(&csv, "csv", 0, tab); err != nil {
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
	var page bytes.Buffer
	if err := (&Report{Models: tab, index: newIndex(&record.Run{})}).HTML(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">n/a<sup>1</sup></td>", `<p class="footnote">[1] ` + long + "</p>"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if tab.Rows[0][1].Text != "n/a ("+long+")" {
		t.Errorf("the table itself was changed: %q", tab.Rows[0][1].Text)
	}
}
