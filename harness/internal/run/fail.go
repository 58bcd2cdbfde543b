package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// The classes of failures that are neither those of a process (lmplugin.Class) nor those of a reply (lm.Fault).
const (
	classTimeout = "time-out"
	classMemory  = "out of memory"
	classError   = "error"
)

// stderrLines is how much of what a plugin printed is kept with a failure.
const stderrLines = 20

// settle turns the error of a measurement into the state of its cell: what the plugin cannot do is n/a, anything
// else a failure with its class.
func settle(c *record.Cell, err error, stderr string, limit time.Duration) {
	var missing *probe.Unavailable
	switch {
	case errors.As(err, &missing):
		c.Status, c.Reason = record.Unavailable, missing.Reason
		return
	case lm.KindOf(err) == lm.Unsupported:
		c.Status, c.Reason = record.Unavailable, err.Error()
		return
	}
	c.Status = record.Failed
	c.Failure = &record.Failure{Class: classError, Message: err.Error(), Stderr: lastLines(stderr)}
	f := c.Failure
	var exit *lmplugin.ExitError
	var bad *lm.ReplyError
	switch {
	case errors.As(err, &exit):
		f.Class, f.Stderr = string(exit.Class), lastLines(exit.Stderr)
	case errors.As(err, &bad):
		f.Class = string(bad.Fault)
	case lm.KindOf(err) == lm.Deadline, errors.Is(err, context.DeadlineExceeded):
		f.Class = classTimeout
		f.Message = fmt.Sprintf("no answer within the limit of %v: %s", limit.Round(time.Second), f.Message)
	case lm.KindOf(err) == lm.Resource:
		f.Class = classMemory
	}
}

// lastLines returns the end of what a plugin printed.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-stderrLines):], "\n")
}
