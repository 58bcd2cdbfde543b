package cli

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"strings"
	"testing"
)

// testGates checks the exit codes of gates in every format, and that the forms for CI say what was decided.
func testGates(t *testing.T, d desk) {
	for _, tc := range []struct {
		code int
		say  string // on standard output as a table, or on standard error if the command fails
		args []string
	}{
		{ExitOK, "Weights at most 110 % of the base's.", []string{"--gate", "weights<=+10%"}},
		{ExitOK, "pass", []string{"--gate", "weights@len=16<=0", "--gate", "flops@*<=+1"}},
		{ExitFailed, "fail", []string{"--base", "b", "--gate", "weights<=-10%"}},
		{ExitUndecided, "to settle it: archbench run ./small.yaml ", []string{"--gate", "prefill@len=16<=+3%"}},
		{ExitUndecided, "to settle it with a DIR of 10 documents: archbench run ./small.yaml ", []string{"--gate", "bpb<=+9"}},
		{ExitCells, "n/a", []string{"--gate", "prefill-roofline<=+3%"}},
		{ExitCells, "n/a", []string{"--gate", "prefill-roofline<=+3%", "--gate", "prefill<=+3%"}},
		{ExitFailed, "fail", []string{"--base", "b", "--gate", "weights<=-10%", "--gate", "prefill-roofline<=+3%", "--gate", "prefill<=+3%"}},
		{ExitUsage, "gate prefill@len=9<=+3%: no compared cell", []string{"--gate", "prefill@len=9<=+3%"}},
		{ExitUsage, "only the base a and nothing to compare", []string{"--models", "a", "--gate", "prefill<=+3%"}},
		{ExitUsage, `--gate "prefill" has no <=`, []string{"--gate", "prefill"}},
	} {
		args := append([]string{"compare"}, tc.args...)
		stdout, stderr := d.must(tc.code, args...)
		if tc.code == ExitUsage {
			stdout = stderr
		}
		if !strings.Contains(stdout, tc.say) {
			t.Errorf("%v: %s\n%s, want %q", tc.args, stdout, stderr, tc.say)
		}
		for _, format := range []string{"md", "csv", "json", "jsonl", "github", "junit"} {
			if stdout, stderr := d.must(tc.code, append(args, "-o", format)...); (stdout == "") != (tc.code == ExitUsage) {
				t.Errorf("%v as %s: %q, %q", tc.args, format, stdout, stderr)
			}
		}
	}
}

// testCI checks the forms for CI with and without gates, and the summary of a workflow's job.
func testCI(t *testing.T, d desk) {
	t.Setenv(summaryVariable, "")
	d.must(ExitOK, "compare", "-o", "github")
	d.write("summary.md", "# before\n")
	t.Setenv(summaryVariable, "summary.md")
	stdout, _ := d.must(ExitFailed, "compare", "--base", "b", "--gate", "weights<=-10%", "--gate", "prefill<=+3%", "-o", "github")
	if !strings.HasPrefix(stdout, "::error title=gate weights<=-10%25%3A fail::weights at len=16: a vs b: ") || !strings.Contains(stdout, "\n::warning title=gate prefill<=+3%25%3A undecided::") {
		t.Errorf("annotations %q", stdout)
	}
	summary, err := os.ReadFile("summary.md")
	if text := string(summary); err != nil || !strings.HasPrefix(text, "# before\n## archbench compare\n\n### Comparison\n") || !strings.Contains(text, "### Gates\n") {
		t.Errorf("%v, summary %q", err, summary)
	}
	for _, args := range [][]string{{}, {"--gate", "weights<=+10%"}} {
		stdout, _ := d.must(ExitOK, append([]string{"compare", "-o", "junit"}, args...)...)
		var report struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
		}
		if err := xml.Unmarshal([]byte(stdout), &report); err != nil || report.Tests == 0 || report.Failures > 0 {
			t.Errorf("%v: %v, %+v\n%s", args, err, report, stdout)
		}
	}
	t.Setenv(summaryVariable, "nowhere/summary.md")
	if stdout, stderr := d.must(ExitUndecided, "compare", "-o", "github"); stdout != "" || !strings.Contains(stderr, "job summary, GITHUB_STEP_SUMMARY: open nowhere/summary.md") {
		t.Errorf("%q, %q", stdout, stderr)
	}
	stdout, _ = d.must(ExitOK, "compare", "--gate", "weights<=+10%", "-o", "json")
	var both struct{ Compare, Gates []map[string]any }
	if err := json.Unmarshal([]byte(stdout), &both); err != nil || len(both.Compare) == 0 || len(both.Gates) != 1 || both.Gates[0]["decision"] != "pass" {
		t.Errorf("%v in %s", err, stdout)
	}
}
