package run

import (
	"errors"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/lm"
)

// settle sets the status of a cell from the error of its measurement: n/a for what the plugin does not support, else
// failed.
func settle(c *record.Cell, err error, stderr string, limit time.Duration) {
	var missing *probe.Unavailable
	switch {
	case errors.As(err, &missing):
		c.Status, c.Reason = record.Unavailable, missing.Reason
	case lm.KindOf(err) == lm.Unsupported:
		c.Status, c.Reason = record.Unavailable, err.Error()
	default:
		c.Status, c.Failure = record.Failed, session.Failure(err, stderr, limit)
	}
}
