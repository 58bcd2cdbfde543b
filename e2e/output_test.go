package e2e

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/sharedtest"
)

const small = `name: small
repeats: 6
probes:
  - {probe: causality, grid: {len: 16}, with: {trials: 1}}
  - {probe: quality, with: {text_bytes: 2048}}
  - {probe: memory, grid: {len: [16, 32]}}
  - {probe: prefill, grid: {len: [8, 16, 32]}}
  - {probe: decode, grid: {depth: [16, 600], batch: 1}}
`

// bench runs archbench in one folder.
type bench struct {
	t                *testing.T
	bin, dir, models string
}

// newBench makes a folder with the results of a small run of two models.
func newBench(t *testing.T) bench {
	root := sharedtest.RepoRoot(t)
	b := bench{t: t, bin: build(t), dir: t.TempDir(), models: filepath.Join(root, "models")}
	b.write("small.yaml", small)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		b.write("text/"+name+".txt", strings.Repeat("The quick brown fox "+name+" jumps over the lazy dog, and nobody minds. ", 20))
	}
	b.run("run", "./small.yaml", "--plugins", "bk,gpt2", "--corpus", "text")
	return b
}

func (b bench) write(name, content string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		b.t.Fatal(err)
	}
}

// run returns the output of a command.
func (b bench) run(args ...string) []byte {
	b.t.Helper()
	cmd := exec.Command(filepath.Join(b.bin, "archbench"), args...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "ARCHBENCH_MODELS="+b.models, "ARCHBENCH_PLUGINS="+b.bin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if failed := (*exec.ExitError)(nil); err != nil && !(errors.As(err, &failed) && failed.ExitCode() == 1) { // a failed check is a valid result
		b.t.Fatalf("archbench %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// TestOutput checks docs/output.md against the commands and runs its examples.
func TestOutput(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	t.Run("documented", func(t *testing.T) { testDocumented(t, b) })
	t.Run("examples", func(t *testing.T) { testExamples(t, b) })
}

// testDocumented checks that CSV, JSON lines and JSON have the documented keys in order, and plain values.
func testDocumented(t *testing.T, b bench) {
	documented := documentedKeys(t)
	b.run("bundle", "-o", "run.tar.gz")
	cell := rows(t, b.run("compare", "-o", "json"))[0]["cell"].(string)
	for section, args := range map[string][]string{
		"compare": {"compare"}, "compare: gates": {"compare", "--gate", "state@*<=+1000%"}, "report": {"report"}, "report: verdicts": {"report"}, "report: claims": {"report"}, "show RUN": {"show", "r-"}, "show CELL": {"show", cell},
		"runs list": {"runs", "list"}, "score": {"score", "gpt2", "text"}, "doctor": {"doctor"}, "plan": {"plan", "./small.yaml", "--plugins", "bk,gpt2", "--corpus", "text"}, "plugins list": {"plugins", "list"},
		"plugins test": {"plugins", "test", "echo"}, "suites list": {"suites", "list"}, "verify": {"verify", "run.tar.gz"}, "merge": {"merge", "results/archbench.db", "--db", "merged.db"},
		"tokenizer test":   {"tokenizer", "test", filepath.Join(sharedtest.RepoRoot(t), "internal", "tokenizer", "testdata", "small", "split-chain")},
		"checkpoint study": {"checkpoint", "study", filepath.Join(b.models, "gpt2-3m"), "*.h.0.*", "--ranks", "4"},
	} {
		want := documented[section]
		if len(want) == 0 {
			t.Errorf("docs/output.md has no table of %s", section)
			continue
		}
		whole := b.run(append(args, "-o", "json")...)
		if _, list, ok := strings.Cut(section, ": "); ok {
			var several map[string]json.RawMessage
			if err := json.Unmarshal(whole, &several); err != nil {
				t.Errorf("%s: %v", section, err)
			}
			checkKeys(t, section+", JSON", want, several[list])
			continue
		}
		checkKeys(t, section+", JSON", want, mainRows(t, whole, section))
		lines := bytes.Split(bytes.TrimSpace(b.run(append(args, "-o", "jsonl")...)), []byte("\n"))
		checkKeys(t, section+", JSON lines", want, append(append([]byte("["), bytes.Join(lines, []byte(","))...), ']'))
		records, err := csv.NewReader(bytes.NewReader(b.run(append(args, "-o", "csv")...))).ReadAll()
		if err != nil || len(records) < 2 {
			t.Fatalf("%s: CSV of %d lines: %v", section, len(records), err)
		}
		if diff := cmp.Diff(want, records[0]); diff != "" {
			t.Errorf("%s, CSV:\n%s", section, diff)
		}
	}
}

// mainRows are the main rows of a command that prints several kinds.
func mainRows(t *testing.T, whole []byte, section string) []byte {
	var several map[string]json.RawMessage
	if json.Unmarshal(whole, &several) != nil {
		return whole
	}
	main, ok := map[string]string{"report": "values", "show RUN": "cells", "show CELL": "samples"}[section]
	if !ok {
		t.Errorf("%s gives an object", section)
	}
	return several[main]
}

// checkKeys checks the keys of an array of rows, and that their values are strings, numbers, bools, lists of strings or null.
func checkKeys(t *testing.T, what string, want []string, array []byte) {
	t.Helper()
	all := rows(t, array)
	if len(all) == 0 {
		t.Errorf("%s: no row", what)
	}
	for _, row := range all {
		for _, key := range want {
			value, ok := row[key]
			if _, object := value.(map[string]any); !ok || object {
				t.Fatalf("%s: %s = %v (there: %v)", what, key, value, ok)
			}
		}
		if len(row) != len(want) {
			t.Fatalf("%s: %d keys, documented are %d: %v", what, len(row), len(want), row)
		}
	}
}

// rows decodes an array of objects.
func rows(t *testing.T, array []byte) (all []map[string]any) {
	t.Helper()
	if err := json.Unmarshal(array, &all); err != nil {
		t.Fatalf("%v:\n%.300s", err, array)
	}
	return all
}

var (
	heading = regexp.MustCompile("^## (.*)$")
	keyRow  = regexp.MustCompile("^\\| (`[^|]*) \\|")
	key     = regexp.MustCompile("`([^`]+)`")
)

// documentedKeys reads the keys of each section of docs/output.md.
func documentedKeys(t *testing.T) map[string][]string {
	keys := map[string][]string{}
	section := ""
	for line := range strings.SplitSeq(string(outputPage(t)), "\n") {
		if m := heading.FindStringSubmatch(line); m != nil {
			section = m[1]
		}
		if m := keyRow.FindStringSubmatch(line); m != nil {
			for _, k := range key.FindAllStringSubmatch(m[1], -1) {
				keys[section] = append(keys[section], k[1])
			}
		}
	}
	return keys
}

func outputPage(t *testing.T) []byte {
	page, err := os.ReadFile(filepath.Join(sharedtest.RepoRoot(t), "docs", "output.md"))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// example is the first block of docs/output.md in a language.
func example(t *testing.T, language string) string {
	_, rest, ok := strings.Cut(string(outputPage(t)), "```"+language+"\n")
	code, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatalf("docs/output.md has no example in %s", language)
	}
	return code
}

func testExamples(t *testing.T, b bench) {
	python, jq := withPandas(), lookJQ()
	if os.Getenv("CI") == "true" && (python == "" || jq == "") {
		t.Fatalf("python with pandas: %q, jq: %q; continuous integration needs both", python, jq)
	}
	for name, tool := range map[string]struct {
		program, file, format string
		arguments             []string
		want                  []string
	}{
		"python": {python, "compare.csv", "csv", []string{"-c", example(t, "python")}, []string{"gpt2", "verdict", "undecided|faster|slower", "worse"}},
		"jq":     {jq, "compare.json", "json", []string{"-r", example(t, "jq"), "compare.json"}, []string{"state\t16\tgpt2\t(better|worse)\t[0-9.]+"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tool.program == "" {
				t.Skip("not installed here")
			}
			b.write(tool.file, string(b.run("compare", "-o", tool.format)))
			cmd := exec.Command(tool.program, tool.arguments...)
			cmd.Dir = b.dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, want := range tool.want {
				if !regexp.MustCompile(want).Match(out) {
					t.Errorf("it prints no %s:\n%s", want, out)
				}
			}
		})
	}
}

// withPandas finds a Python that has pandas.
func withPandas() string {
	for _, python := range []string{os.Getenv("PYTHON"), "python3", "/usr/bin/python3"} {
		if python != "" && exec.Command(python, "-c", "import pandas").Run() == nil {
			return python
		}
	}
	return ""
}

func lookJQ() string {
	path, err := exec.LookPath("jq")
	if err != nil {
		return ""
	}
	return path
}
