package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// hyperfineJSON has two commands, the second of which takes longer by a fraction.
func hyperfineJSON(slower float64) string {
	var a, b []string
	for i := range 10 {
		t := 0.1 + float64(i)/10_000
		a, b = append(a, fmt.Sprint(t)), append(b, fmt.Sprint(t*(1+slower)))
	}
	return fmt.Sprintf(`{"results": [{"command": "one", "times": [%s]}, {"command": "two", "times": [%s]}]}`, strings.Join(a, ", "), strings.Join(b, ", "))
}

// TestImport imports files and compares: within a run as independent samples, across runs only if asked.
func TestImport(t *testing.T) {
	d, own := measured(t)
	d.write("old.json", hyperfineJSON(0.1))
	d.write("new.json", hyperfineJSON(0.2))
	stdout, stderr := d.must(ExitOK, "import", "old.json", "new.json")
	ids := strings.Fields(stdout)
	if len(ids) != 2 || !strings.Contains(stderr, "imported old.json: 2 cells of 2 models\n") {
		t.Fatalf("%q, %s", ids, stderr)
	}
	again, stderr := d.must(ExitOK, "import", "old.json")
	if again != ids[0]+"\n" || !strings.Contains(stderr, "old.json is already imported: the database has its content as run "+ids[0]) {
		t.Errorf("%s%s", again, stderr)
	}
	people, _ := d.must(ExitOK, "compare", ids[0])
	for _, want := range []string{"task-time (s)", "one", "+10.0%  <0.001 [+9.67%, +10.3%]", "Mann-Whitney", "Imported samples (" + ids[0] + ") were taken one after another"} {
		if !strings.Contains(people, want) {
			t.Errorf("no %q in\n%s", want, people)
		}
	}
	for _, args := range [][]string{{ids[0], ids[1]}, {own, ids[0]}} {
		_, stderr := d.must(ExitUndecided, append([]string{"compare"}, args...)...)
		if !strings.Contains(stderr, "the machine of run "+ids[0]+" is not known") || !strings.Contains(stderr, "--across-hosts") {
			t.Errorf("%v: %s", args, stderr)
		}
	}
	people, _ = d.must(ExitOK, "compare", ids[0], ids[1], "--across-hosts")
	if !strings.Contains(people, "+9.09%") || !strings.Contains(people, "Runs are not interleaved") {
		t.Errorf("across runs:\n%s", people)
	}
	d.must(ExitFailed, "compare", ids[0], ids[1], "--across-hosts", "--gate", "task-time<=+1%")
	d.must(ExitOK, "compare", ids[0], ids[1], "--across-hosts", "--gate", "task-time<=+20%")
	stdout, stderr = d.must(ExitUndecided, "compare", ids[0], ids[1], "--across-hosts", "--gate", "task-time<=+9%")
	if !strings.Contains(stdout+stderr, "import a file with more samples") {
		t.Errorf("undecided gate:\n%s%s", stdout, stderr)
	}
	for _, command := range [][]string{{"report", ids[0]}, {"show", ids[0]}, {"runs", "list"}, {"show", firstOf(t, d, "compare", "cell")}} {
		for _, format := range []string{"table", "md", "csv", "json", "jsonl"} {
			d.must(ExitOK, append(command, "-o", format)...)
		}
	}
	d.must(ExitOK, "report", ids[0], "--reports", "imported")
	d.must(ExitOK, "runs", "rm", ids[0])
	d.must(ExitOK, "import", "old.json")
}

// TestImportOwn exports a run and compares what comes back with it: the same values, other samples of the same cells.
func TestImportOwn(t *testing.T) {
	d, own := measured(t)
	for _, format := range []string{"bench", "hyperfine", "llama-bench"} {
		d.must(ExitOK, "export", own, "-o", format, "--to", format)
		stdout, _ := d.must(ExitOK, "import", format)
		d.must(ExitUndecided, "compare", own, strings.TrimSpace(stdout))
		rows, _ := d.must(ExitOK, "compare", own, strings.TrimSpace(stdout), "--across-hosts", "--quantity", "prefill", "-o", "csv")
		if n := strings.Count(rows, "mann-whitney"); n != 4 {
			t.Errorf("%s: %d comparisons:\n%s", format, n, rows)
		}
	}
}

// TestImportMistakes checks that a bad file is a usage error that creates no database, even after a good one.
func TestImportMistakes(t *testing.T) {
	d := newDesk(t)
	d.write("good.json", hyperfineJSON(0.1))
	d.write("bad.json", `{"results": [{"command": "c", "times": [1, -1]}]}`)
	for say, args := range map[string][]string{
		"takes at least one FILE": {"import"},
		"no such file":            {"import", "nothing.json"},
		"is not a regular file":   {"import", "."},
		"bad.json: results[0].times[1]: must be a number above 0, not -1": {"import", "good.json", "bad.json"},
	} {
		if stdout, stderr := d.must(ExitUsage, args...); !strings.Contains(stderr, say) || stdout != "" {
			t.Errorf("%v: %q, %q on standard output", args, stderr, stdout)
		}
	}
	if _, err := os.Stat(defaultDB); err == nil {
		t.Error("a mistake created the database")
	}
}

// benchText has two models with ten lines each of two benchmarks, of which the second model wins one.
func benchText() string {
	var b strings.Builder
	for i := range 10 {
		for _, line := range []string{"name=a/step=read 1 %d ns/op", "name=b/step=read 1 2%d ns/op", "name=a/step=write 1 2%d ns/op 7 widgets", "name=b/step=write 1 %d ns/op 5 widgets"} {
			fmt.Fprintf(&b, "BenchmarkModel/"+line+"\n", 1000+i)
		}
	}
	return b.String()
}

// llamaText has two model files, of which the second reads prompts twice as fast; a has a test at another depth.
func llamaText() string {
	var b strings.Builder
	for _, test := range []struct {
		file  string
		depth int
		ns    int
	}{{"a", 0, 2000}, {"b", 0, 1000}, {"a", 4096, 500}} {
		var ns []string
		for i := range 10 {
			ns = append(ns, fmt.Sprint(1000*test.ns+i))
		}
		fmt.Fprintf(&b, `{"model_filename": "%s.gguf", "n_prompt": 512, "n_depth": %d, "samples_ns": [%s]}`+"\n", test.file, test.depth, strings.Join(ns, ", "))
	}
	return b.String()
}

// TestImportedAnswers checks that the report of an imported run answers who is ahead, in words, matrix and figure, and that one
// without a ranking says why.
func TestImportedAnswers(t *testing.T) {
	d := newDesk(t)
	for name, tc := range map[string]struct {
		file string
		want []string
	}{
		"hyperfine": {hyperfineJSON(0.1), []string{"one is fastest (1.10x).", "10 samples", "| Time of a task | [won: ", "How many times as good as one",
			"| Time of a task | – | one |"}},
		"bench":       {benchText(), []string{"a is fastest (21x, 1 of 2 points)", "b is fastest (21x, 1 of 2 points)", "| Time of a task, task Model/step=write | [lost: ", "| Time of a task | task Model/step=read | a |"}},
		"llama-bench": {llamaText(), []string{"b reads prompts fastest (2.00x).", "| Prefill speed, len 512 | [lost: ", "How many times as good as a"}},
		"figures":     {"BenchmarkX/name=a 1 5 widgets\nBenchmarkX/name=b 1 6 widgets\n", []string{"No model is ranked: no two have a time"}},
	} {
		d.write(name, tc.file)
		id, _ := d.must(ExitOK, "import", name)
		d.must(ExitOK, "report", strings.TrimSpace(id), "--reports", name+" report")
		report, err := os.ReadFile(name + " report/report.md")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range tc.want {
			if !strings.Contains(strings.ReplaceAll(string(report), `\`, ""), want) {
				t.Errorf("%s: no %q in\n%.6000s", name, want, report)
			}
		}
	}
}
