package cli

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/table"
)

const smallSuite = `name: small
repeats: 2
probes:
  - {probe: cost, grid: {len: 16}}
  - {probe: memory, grid: {len: 16}}
  - {probe: quality, grid: {context: 64, stride: 64}, with: {text_bytes: 1024}}
  - {probe: prefill, grid: {len: [16, 32]}}
`

// measured is a desk with a run of two models in its database, and the ID of the run.
func measured(t *testing.T) (d desk, run string) {
	t.Helper()
	d = newDesk(t)
	d.write("small.yaml", smallSuite)
	d.write("text/a.txt", strings.Repeat("The quick brown fox jumps over the lazy dog. ", 40))
	stdout, stderr := d.must(ExitOK, "run", "./small.yaml", "--model", "a=fake:init:1", "--model", "b=fake:init:2@int8",
		"--tokenizer", "bytes", "--corpus", "text", "--reports", "out")
	for _, want := range []string{"Prefill speed", "verdict"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("run prints no %q:\n%s", want, stdout)
		}
	}
	words := regexp.MustCompile(`(?m)^run  (r-[0-9a-f]+), 12 cells: 12 measured$`).FindStringSubmatch(stderr)
	if words == nil {
		t.Fatalf("run does not report what it measured:\n%s", stderr)
	}
	for _, want := range []string{"plan  12 cells on 2 models", "out/index.html", "archbench compare " + words[1], "\nvalidity: 6 VALID, 6 SUSPECT (most often ", "), 0 INVALID\n"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("run does not say %q:\n%s", want, stderr)
		}
	}
	return d, words[1]
}

// TestOneRun tests the commands that use a run.
func TestOneRun(t *testing.T) {
	d, run := measured(t)
	t.Run("every command in every format", func(t *testing.T) { testFormats(t, d, run) })
	t.Run("bundle", func(t *testing.T) { testBundle(t, d, run) })
	t.Run("merge", func(t *testing.T) { testMerge(t, d, run) })
	t.Run("bench", func(t *testing.T) { testBench(t, d, run) })
	t.Run("export", func(t *testing.T) { testExport(t, d, run) })
	t.Run("gates", func(t *testing.T) { testGates(t, d) })
	t.Run("CI", func(t *testing.T) { testCI(t, d) })
	t.Run("comes and goes", func(t *testing.T) { testComesAndGoes(t, d, run) })
}

// testFormats runs every command with -o in each format. Formats for programs must be well-formed and have the same keys.
func testFormats(t *testing.T, d desk, run string) {
	cell := firstOf(t, d, "compare", "cell")
	d.must(ExitOK, "bundle", run, "-o", "formats.tar.gz")
	d.write("tok/tokenizer.json", `{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]}}`)
	d.write("tok/encodings.jsonl", `{"text":"ab","ids":[0,1],"decoded":"a b"}`+"\n")
	for _, args := range [][]string{
		{"compare"}, {"compare", "--table", "model", "--col", "len", "--quantity", "prefill"}, {"report"}, {"report", run}, {"show", run}, {"show", cell}, {"runs", "list"},
		{"doctor"}, {"plan", "./small.yaml", "--model", "a=fake:init:1", "--model", "b=fake:init:2", "--set", "repeats=6", "--tokenizer", "bytes", "--corpus", "text"},
		{"suites", "list"}, {"suites", "show", "speed"}, {"suites", "show", "./small.yaml"},
		{"plugins", "list", "-v"}, {"plugins", "test", "broken"},
		{"score", "fake:init:1", "text", "--tokenizer", "bytes", "--context", "64", "--stride", "64"}, {"tokenizer", "test", "tok"}, {"verify", "formats.tar.gz"}, {"merge", "results/archbench.db", "--db", "merged/all.db"},
	} {
		want := ExitOK
		if args[len(args)-1] == "broken" {
			want = ExitFailed
		}
		if people, _ := d.must(want, append(args, "-o", "table")...); strings.Count(people, "\n") < 3 {
			t.Errorf("%v:\n%s", args, people)
		}
		if _, md, _ := d.call(append(args, "-o", "md")...); !strings.Contains(md, "| --- |") {
			t.Errorf("%v as Markdown:\n%s", args, md)
		}
		header, rows := csvOf(t, d, args)
		lines := objects(t, d, args)
		if len(lines) != rows {
			t.Errorf("%v: %d rows of CSV, %d lines of JSON", args, rows, len(lines))
		}
		for _, line := range lines {
			if diff := cmp.Diff(slices.Sorted(slices.Values(header)), line); diff != "" {
				t.Errorf("%v: keys of CSV and of a line of JSON:\n%s", args, diff)
			}
		}
		if _, whole, _ := d.call(append(args, "-o", "json")...); !json.Valid([]byte(whole)) {
			t.Errorf("%v as JSON:\n%s", args, whole)
		}
	}
}

// csvOf returns the header and the number of rows of a command's CSV.
func csvOf(t *testing.T, d desk, args []string) (header []string, rows int) {
	t.Helper()
	_, text, _ := d.call(append(args, "-o", "csv")...)
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(records) < 2 {
		t.Fatalf("%v: CSV of %d records, %v:\n%s", args, len(records), err, text)
	}
	return records[0], len(records) - 1
}

// objects returns the keys of each object of a command's JSON lines.
func objects(t *testing.T, d desk, args []string) (keys [][]string) {
	t.Helper()
	_, text, _ := d.call(append(args, "-o", "jsonl")...)
	for line := range strings.Lines(text) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%v: %v in %s", args, err, line)
		}
		var names []string
		for name := range object {
			names = append(names, name)
		}
		slices.Sort(names)
		keys = append(keys, names)
	}
	return keys
}

// firstOf returns a value of the first row that a command prints.
func firstOf(t *testing.T, d desk, command, key string) string {
	t.Helper()
	stdout, _ := d.must(ExitOK, command, "-o", "json")
	var rows []map[string]any
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil || len(rows) == 0 {
		t.Fatalf("%s: %v\n%s", command, err, stdout)
	}
	return rows[0][key].(string)
}

// testBench checks that report prints timings in the Go benchmark format, and that commands without timings do not.
func testBench(t *testing.T, d desk, run string) {
	stdout, _ := d.must(ExitOK, "report", run, "-o", "bench")
	if n := strings.Count(stdout, "\nBenchmarkPrefill/model=a/"); n < 2 {
		t.Errorf("%d lines of model a:\n%s", n, stdout)
	}
	for _, command := range []string{"compare", "show"} {
		_, stderr := d.must(ExitUsage, command, run, "-o", "bench")
		if !strings.Contains(stderr, "must be one of "+strings.Join(table.FormatNames(), ", ")) || strings.Contains(stderr, ", bench") {
			t.Errorf("%s: %s", command, stderr)
		}
	}
}

// testComesAndGoes lists and removes runs, and names missing ones.
func testComesAndGoes(t *testing.T, d desk, run string) {
	for _, tc := range []struct {
		code int
		say  string
		args []string
	}{
		{ExitUsage, "the database has no interrupted run", []string{"resume"}},
		{ExitUsage, "nothing", []string{"resume", "nothing"}},
		{ExitUsage, "two models are called \"a\"", []string{"run", "./small.yaml", "--model", "a=fake:init:1", "--model", "a=fake:init:2", "--corpus", "nowhere"}},
		{ExitUsage, `no model "c"`, []string{"compare", "--base", "c"}},
		{ExitUsage, `has no model "c"; it has a, b`, []string{"compare", "--models", "a,c"}},
		{ExitUsage, "-o prints tables and --reports writes a folder", []string{"report", "-o", "csv", "--reports", "x"}},
		{ExitUsage, `neither a run nor a cell "x"`, []string{"show", "x"}},
		{ExitUsage, run[:5], []string{"runs", "rm", run[:5]}}, // needs the full ID
		{ExitOK, "", []string{"show", run[:5]}},
		{ExitOK, "removed " + run, []string{"runs", "rm", run}},
		{ExitUsage, run, []string{"runs", "rm", run}},
		{ExitUsage, "", []string{"report"}},
		{ExitUsage, run, []string{"report", run}},
		{ExitUsage, "but there are: results/archbench.db", []string{"report", "--db", "other.db"}},
	} {
		_, stderr := d.must(tc.code, tc.args...)
		if !strings.Contains(stderr, tc.say) {
			t.Errorf("%v: %q, want %q", tc.args, stderr, tc.say)
		}
	}
	if stdout, _ := d.must(ExitOK, "runs", "list", "-o", "jsonl"); stdout != "" {
		t.Errorf("what was removed is listed: %s", stdout)
	}
	if _, err := os.Stat("other.db"); err == nil {
		t.Error("a database that was only asked for was made")
	}
}

// TestMistakes checks that contradictions and values out of range are named before a plugin starts or a database is
// created, with exit code 2 and nothing on standard output.
func TestMistakes(t *testing.T) {
	d := newDesk(t)
	d.write("small.yaml", smallSuite)
	d.write("text.txt", "text")
	d.write("file", "")
	run := func(more ...string) []string {
		return append([]string{"run", "./small.yaml", "--model", "a=fake:init:1"}, more...)
	}
	for _, tc := range []struct {
		say  string
		args []string
	}{
		{"--max-cells 0 --max-repeats", run("--max-cells", "0")},
		{"both must be at least 1", run("--max-repeats", "0")},
		{"--budget -1s: must be at least 0", run("--budget", "-1s")},
		{"--budget -1s: must be at least 0", []string{"resume", "--budget", "-1s"}},
		{"--threads 1025: must be between 1 and 1024", run("--threads", "1025")},
		{"--threads -1", run("--threads", "-1")},
		{"--reports: file is not a folder", run("--reports", "file")},
		{`--set "len": want KEY=VALUES`, run("--set", "len")},
		{`--set "=16": want KEY=VALUES`, run("--set", "=16")},
		{`--option "=2": want KEY=VALUE`, run("--option", "=2")},
		{"--init creates weights and --checkpoint loads them", run("--init", "1", "--checkpoint", ".")},
		{`--init "-1": the seed must be a whole number`, run("--init", "-1")},
		{"--variant names a config to initialise: add --init SEED", run("--variant", "tiny")},
		{"the model fake:tiny already names its config", []string{"run", "./small.yaml", "--model", "a=fake:tiny", "--init", "1", "--variant", "tiny"}},
		{`fake has no variant "tini"; there are tiny; did you mean tiny?`, []string{"run", "./small.yaml", "--model", "a=fake:init:1:tini"}},
		{"--checkpoint needs one architecture", []string{"run", "./small.yaml", "--plugins", "fake,broken", "--checkpoint", "."}},
		{`precision "int8+ffn": "ffn" is not COMPONENT.PRECISION`, run("--precision", "int8+ffn")},
		{`no plugin has the precision "int9"`, run("--head", "int9")},
		{`no plugin has the precision "int7"`, run("--set", "quality.precision=f32,int7")},
		{"found no plugin with a shipped model", []string{"run", "./small.yaml"}},
		{`no plugin "fke" is installed; there are broken, fake; did you mean fake?`, []string{"run", "./small.yaml", "--plugins", "fke"}},
		{"smal.yaml: no such file", []string{"run", "./smal.yaml", "--plugins", "fake"}},
		{"takes at least one SUITE", []string{"run"}},
		{"--context 8 --stride 9", []string{"score", "fake:init:1", "text.txt", "--context", "8", "--stride", "9"}},
		{"--tokenizer", []string{"score", "fake:init:1", "text.txt", "--tokenizer", "nowhere"}},
		{"--top-k -1: must be between 0", []string{"generate", "fake:init:1", "--top-k", "-1"}},
		{"--max-new-tokens 0: must be between 1", []string{"generate", "fake:init:1", "--max-new-tokens", "0"}},
		{"--temperature NaN", []string{"generate", "fake:init:1", "--temperature", "nan"}},
		{`unknown "sped"; there are`, []string{"compare", "--quantity", "sped"}},
		{`--gate "sped<=3%": unknown quantity "sped"`, []string{"compare", "--gate", "sped<=3%"}},
		{`unknown command "shw" for archbench; did you mean show?`, []string{"shw"}},
		{"unknown flag: --quantiti; did you mean quantity?", []string{"compare", "--quantiti", "x"}},
		{"unknown shorthand flag", []string{"compare", "-x"}},
		{`--budget "5": must be a number with a unit`, run("--budget", "5")},
		{`--max-cells "many": must be a whole number`, run("--max-cells", "many")},
		{"archbench version takes no argument, got 1", []string{"version", "x"}},
		{"archbench checkpoint convert takes the folders SRC and DST, got 1", []string{"checkpoint", "convert", "x"}},
		{"checkpoint nowhere", []string{"checkpoint", "convert", "nowhere", "out"}},
		{"no reference encodings", []string{"tokenizer", "test", "."}},
		{"--fixture: no folder nowhere", []string{"plugins", "test", "fake", "--fixture", "nowhere"}},
		{"--threads 2000", []string{"plugins", "test", "fake", "--threads", "2000"}},
		{"--threads 2000", []string{"doctor", "--threads", "2000"}},
		{"--plugin x=file", []string{"plugins", "list", "--plugin", "x=file"}},
	} {
		code, stdout, stderr := d.call(tc.args...)
		if code != ExitUsage || stdout != "" || !strings.Contains("\n"+stderr, "\narchbench: ") || !strings.Contains(stderr, tc.say) {
			t.Errorf("%s\n  exit code %d, output %q\n  %s  want %s", strings.Join(tc.args, " "), code, stdout, stderr, tc.say)
		}
	}
	if left, _ := filepath.Glob("*"); len(left) != 3 {
		t.Errorf("mistakes have left %v", left)
	}
}

// TestModelsThatFail checks that a correctly named model that cannot be measured gives exit code 4, with the reason.
func TestModelsThatFail(t *testing.T) {
	d := newDesk(t)
	d.write("small.yaml", smallSuite)
	d.write("text.txt", "text")
	for _, args := range [][]string{
		{"score", "broken:init:1", "text.txt", "--tokenizer", "bytes"},
		{"generate", "broken:init:1", "--tokenizer", "bytes", "--prompt", "x"},
	} {
		if stdout, stderr := d.must(ExitCells, args...); stdout != "" || !strings.Contains(stderr, "out of order") {
			t.Errorf("%v: %q, %q", args, stdout, stderr)
		}
	}
	stdout, stderr := d.must(ExitCells, "run", "./small.yaml", "--model", "good=fake:init:1", "--model", "bad=broken:init:1", "--tokenizer", "bytes", "--corpus", "text.txt", "-o", "json")
	if !strings.Contains(stderr, "failed") || !strings.Contains(stdout, "out of order") || !strings.Contains(stdout, "--model bad=broken:init:1") {
		t.Errorf("a run with a model that fails:\n%s\n%s", stderr, stdout)
	}
	if stdout, _ := d.must(ExitFailed, "plugins", "test", "broken"); !strings.Contains(stdout, "out of order") {
		t.Errorf("the kit passes a model that fails:\n%s", stdout)
	}
}

// TestGenerateStreams checks that greedy text does not depend on the seed, and that the length limits hold.
func TestGenerateStreams(t *testing.T) {
	d := newDesk(t)
	text := func(more ...string) string {
		stdout, _ := d.must(ExitOK, append([]string{"generate", "fake:init:1", "--tokenizer", "bytes", "--prompt", "abc"}, more...)...)
		return stdout
	}
	greedy := text("--greedy", "--max-new-tokens", "5")
	if greedy != text("--temperature", "0", "--max-new-tokens", "5") || greedy != text("--greedy", "--seed", "9", "--max-length", "9") {
		t.Errorf("greedy texts differ: %q", greedy)
	}
	_, stderr := d.must(ExitUsage, "generate", "fake:init:1", "--tokenizer", "bytes", "--prompt", "abc", "--max-length", "4")
	if !strings.Contains(stderr, "leaves no room (no context limit, --max-length 4)") {
		t.Errorf("%q", stderr)
	}
}

// TestBudgetIsOver checks what a run without time for its plan says, and that resume continues it.
func TestBudgetIsOver(t *testing.T) {
	d := newDesk(t)
	d.write("small.yaml", smallSuite)
	d.write("text/a.txt", strings.Repeat("The quick brown fox jumps over the lazy dog. ", 40))
	_, stderr := d.must(ExitInterrupted, "run", "./small.yaml", "--model", "a=fake:init:1", "--tokenizer", "bytes", "--corpus", "text", "--budget", "1ns")
	if !regexp.MustCompile(`(?m)^the budget is over; continue with: archbench resume r-[0-9a-f]+$`).MatchString(stderr) {
		t.Errorf("%s", stderr)
	}
	_, stderr = d.must(ExitInterrupted, "resume", "--budget", "1ns")
	if !strings.Contains(stderr, "the budget is over") {
		t.Errorf("%s", stderr)
	}
	d.must(ExitOK, "resume")
}
