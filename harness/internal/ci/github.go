// Package ci writes what a comparison finds in the forms that CI systems read: annotations of GitHub's workflows and JUnit's
// XML.
package ci

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/archbench/archbench/harness/internal/result"
)

// most is the number of annotations of a kind that GitHub shows of a step.
const most = 10

// kinds are the commands of annotations, by outcome.
var kinds = map[result.Outcome]string{result.Fail: "error", result.NoValue: "error", result.CannotTell: "warning", result.Pass: "notice"}

// GitHub writes findings as workflow commands, which GitHub shows as annotations of the job: at most ten of a kind, of which the
// last then says how many there are beside.
func GitHub(w io.Writer, findings []result.Finding) error {
	byKind := map[string][]result.Finding{}
	for _, f := range findings {
		kind := kinds[f.Outcome]
		if f.Gate == "" {
			kind = "notice"
		}
		byKind[kind] = append(byKind[kind], f)
	}
	var b bytes.Buffer
	for _, kind := range []string{"error", "warning", "notice"} {
		of := byKind[kind]
		shown := of
		if len(of) > most {
			shown = of[:most-1]
		}
		for _, f := range shown {
			annotate(&b, kind, title(f), f.Where+": "+f.Text)
		}
		if left := len(of) - len(shown); left > 0 {
			annotate(&b, kind, "archbench compare", fmt.Sprintf("and %d more, listed in the job summary", left))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// title is the heading of a finding.
func title(f result.Finding) string {
	if f.Gate == "" {
		return "archbench compare"
	}
	return "gate " + f.Gate + ": " + string(f.Outcome)
}

// The escapes of workflow commands, as in actions/toolkit, packages/core/src/command.ts.
var (
	message  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func annotate(b *bytes.Buffer, kind, title, text string) {
	fmt.Fprintf(b, "::%s title=%s::%s\n", kind, property.Replace(title), message.Replace(text))
}
