package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// stderrLines is the number of lines of a plugin's output that a failure keeps.
const stderrLines = 20

// Failure classifies the error of a call to a plugin with the time limit limit. The class is that of the process's exit
// ([lmplugin.Class]), that of a bad reply ([lm.Fault]), "time-out", "out of memory" or "error".
func Failure(err error, stderr string, limit time.Duration) *record.Failure {
	f := &record.Failure{Class: "error", Message: err.Error(), Stderr: lastLines(stderr)}
	var exit *lmplugin.ExitError
	var bad *lm.ReplyError
	switch {
	case errors.As(err, &exit):
		f.Class, f.Stderr = string(exit.Class), lastLines(exit.Stderr)
	case errors.As(err, &bad):
		f.Class = string(bad.Fault)
	case lm.KindOf(err) == lm.Deadline, errors.Is(err, context.DeadlineExceeded):
		f.Class = "time-out"
		f.Message = fmt.Sprintf("no answer within the limit of %v: %s", limit.Round(time.Second), f.Message)
	case lm.KindOf(err) == lm.Resource:
		f.Class = "out of memory"
	}
	return f
}

// lastLines returns the last lines of a plugin's output.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-stderrLines):], "\n")
}
