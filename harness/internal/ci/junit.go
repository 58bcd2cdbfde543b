package ci

import (
	"bytes"
	"encoding/xml"
	"io"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/archbench/archbench/harness/internal/result"
)

// JUnit writes findings as a JUnit report: a test case for each, which fails beyond its gate and is an error where the gate
// cannot tell.
func JUnit(w io.Writer, findings []result.Finding) error {
	suite := junit.Testsuite{Name: "archbench compare", Time: "0"}
	for _, f := range findings {
		suite.AddTestcase(testcase(f))
	}
	suites := junit.Testsuites{Name: suite.Name}
	suites.AddSuite(suite)
	b := bytes.NewBufferString(xml.Header)
	if err := suites.WriteXML(b); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

func testcase(f result.Finding) junit.Testcase {
	c := junit.Testcase{Classname: f.Gate, Name: f.Where, Time: "0"}
	said := &junit.Result{Message: f.Text, Type: string(f.Outcome), Data: f.Where + ": " + f.Text}
	switch {
	case f.Outcome == result.Pass:
		c.SystemOut = &junit.Output{Data: f.Text}
	case f.Gate == "":
		c.Skipped = said
	case f.Outcome == result.Fail:
		c.Failure = said
	default:
		c.Error = said
	}
	if f.Gate == "" {
		c.Classname = "compare"
	}
	return c
}
