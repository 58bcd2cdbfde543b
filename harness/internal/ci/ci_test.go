package ci

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/result"
)

var findings = []result.Finding{
	{Gate: "prefill@len=8,batch=1<=+3%", Outcome: result.Fail, Where: "prefill at len=8: b vs a", Text: "worse by 5%, 100 % sure\n::error::forged"},
	{Gate: "prefill<=+3%", Outcome: result.CannotTell, Where: "prefill at len=8: b vs a", Text: "worse by ]]> & <b> \"so\""},
	{Gate: "prefill<=+3%", Outcome: result.NoValue, Where: "prefill at len=9: b vs a", Text: "b: failed: crash"},
	{Gate: "prefill<=+3%", Outcome: result.Pass, Where: "prefill at len=9: c vs a", Text: "worse by 1%"},
	{Outcome: result.Pass, Where: "prefill at len=8: b vs a", Text: "slower: -17%"},
	{Outcome: result.NoValue, Where: "prefill at len=9: b vs a", Text: "b: not planned"},
}

// TestGitHub checks that each finding is one line of the right kind, whose text cannot end or start a command.
func TestGitHub(t *testing.T) {
	var b bytes.Buffer
	if err := GitHub(&b, findings); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"::error title=gate prefill@len=8%2Cbatch=1<=+3%25%3A fail::prefill at len=8: b vs a: worse by 5%25, 100 %25 sure%0A::error::forged",
		"::error title=gate prefill<=+3%25%3A n/a::prefill at len=9: b vs a: b: failed: crash",
		"::warning title=gate prefill<=+3%25%3A undecided::prefill at len=8: b vs a: worse by ]]> & <b> \"so\"",
		"::notice title=gate prefill<=+3%25%3A pass::prefill at len=9: c vs a: worse by 1%25",
		"::notice title=archbench compare::prefill at len=8: b vs a: slower: -17%25",
		"::notice title=archbench compare::prefill at len=9: b vs a: b: not planned",
	}, "\n") + "\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// TestGitHubShowsTen checks that at most ten annotations of a kind are written, the last of which counts the rest.
func TestGitHubShowsTen(t *testing.T) {
	for n, last := range map[int]string{10: "worse by 9", 11: "and 2 more, listed in the job summary", 300: "and 291 more, listed in the job summary"} {
		var many []result.Finding
		for i := range n {
			many = append(many, result.Finding{Gate: "g", Outcome: result.Fail, Text: fmt.Sprint("worse by ", i)})
		}
		var b bytes.Buffer
		if err := GitHub(&b, append(many, findings[3])); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != 11 || !strings.HasSuffix(lines[9], last) || !strings.HasPrefix(lines[10], "::notice ") {
			t.Errorf("%d findings: %d lines, %q", n, len(lines), lines)
		}
	}
}

// TestJUnit checks the structure that Jenkins and GitLab read: suites of cases with names and classes, what does not pass with
// its numbers, and counts that agree.
func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := JUnit(&b, findings); err != nil {
		t.Fatal(err)
	}
	type problem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		Time    string   `xml:"time,attr"`
		Failure *problem `xml:"failure"`
		Error   *problem `xml:"error"`
		Skipped *problem `xml:"skipped"`
		Out     string   `xml:"system-out"`
	}
	type counts struct {
		Name     string `xml:"name,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
	}
	var report struct {
		XMLName xml.Name `xml:"testsuites"`
		counts
		Suites []struct {
			counts
			Cases []testcase `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b.Bytes(), &report); err != nil || !strings.HasPrefix(b.String(), xml.Header) {
		t.Fatalf("%v\n%s", err, b.String())
	}
	want := counts{Name: "archbench compare", Tests: 6, Failures: 1, Errors: 2, Skipped: 1}
	if len(report.Suites) != 1 || report.counts != want || report.Suites[0].counts != want {
		t.Fatalf("%+v, want %+v", report, want)
	}
	of := func(i int) *problem {
		return &problem{Message: findings[i].Text, Type: string(findings[i].Outcome), Text: findings[i].Where + ": " + findings[i].Text}
	}
	cases := []testcase{{Failure: of(0)}, {Error: of(1)}, {Error: of(2)}, {Out: findings[3].Text}, {Out: findings[4].Text}, {Skipped: of(5)}}
	for i := range cases {
		cases[i].Name, cases[i].Class, cases[i].Time = findings[i].Where, findings[i].Gate, "0"
		if cases[i].Class == "" {
			cases[i].Class = "compare"
		}
	}
	if diff := cmp.Diff(cases, report.Suites[0].Cases); diff != "" {
		t.Error(diff)
	}
}
