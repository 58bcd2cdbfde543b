package probe

import (
	"fmt"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/lm"
)

// Clocks is the time of one call by both ends: what the host has waited, and what the plugin says that it worked.
type Clocks struct{ Host, Plugin time.Duration }

// Boundary is what the boundary between host and plugin takes of a call: measured with a plugin that does nothing, so
// that it holds for this host under its present load. The zero value is unknown.
type Boundary struct {
	Typical time.Duration // half of all calls
	Most    time.Duration // nine of ten
}

// slack is how much longer than the typical boundary the least disturbed of several calls may wait.
func (b Boundary) slack() time.Duration {
	if b == (Boundary{}) {
		return 2 * time.Millisecond
	}
	return max(500*time.Microsecond, 3*b.Most)
}

// checkable is the shortest time that the host's clock can confirm.
func (b Boundary) checkable() time.Duration {
	if b == (Boundary{}) {
		return 0
	}
	return b.Typical + b.slack()
}

// What a busy machine may do to calls: delay all of a few, or half of many.
const (
	fewCalls  = 6
	fewDelay  = time.Second
	halfDelay = 100 * time.Millisecond
)

// Contradiction says whether calls of one kind took the host longer than the plugin's times and the boundary explain,
// with a quarter of the plugin's time as a margin. A busy machine delays some calls and shortens none: so what remains
// unexplained must exceed the slack in every call, or 100 ms in half of them; of fewer than six calls, a second in every one.
func (b Boundary) Contradiction(calls []Clocks) error {
	calls = slices.DeleteFunc(slices.Clone(calls), func(c Clocks) bool { return c.Plugin <= 0 }) // those are the host's
	if len(calls) == 0 {
		return nil
	}
	unexplained := func(c Clocks) time.Duration { return c.Host - c.Plugin - c.Plugin/4 - b.Typical }
	slices.SortFunc(calls, func(x, y Clocks) int { return int(unexplained(x) - unexplained(y)) })
	least, median := calls[0], calls[(len(calls)-1)/2]
	worst, slack := least, b.slack()
	if len(calls) < fewCalls {
		slack = max(slack, fewDelay)
	}
	switch {
	case unexplained(least) > slack:
	case unexplained(median) > max(slack, halfDelay) && len(calls) >= fewCalls:
		worst = median
	default:
		return nil
	}
	return lm.Faultf(lm.Contradiction, "clocks contradict: the plugin says that it worked for %v, the host has waited %v, of which the boundary explains %v",
		worst.Plugin, worst.Host, b.Typical+slack)
}

// timing makes the sample of a duration, divided by per. The plugin's clock counts, for it leaves the boundary out; a
// plugin without a clock is timed by the host, and so is what is too short for the host to confirm.
func (s *Subject) timing(metric string, per int, c Clocks) Result {
	took := c.Plugin
	var r Result
	switch {
	case c.Plugin <= 0:
		took = c.Host
		r.Warnings = append(r.Warnings, "the plugin reports no time of its own: the host's includes the boundary")
	case c.Plugin < s.Boundary.checkable():
		took = max(c.Plugin, c.Host-s.Boundary.Typical)
		r.Warnings = append(r.Warnings, fmt.Sprintf("too short to confirm the plugin's time: timed by the host, less the %v of the boundary",
			s.Boundary.Typical.Round(time.Microsecond)))
	}
	r.Samples = []store.Sample{{Metric: metric, Value: took.Seconds() / float64(per), Host: c.Host, Plugin: c.Plugin}}
	return r
}

// MeasureBoundary calls a model that does nothing.
func MeasureBoundary(call func() (Clocks, error)) (Boundary, error) {
	const calls, first = 100, 10
	var waits []time.Duration
	for i := range first + calls {
		c, err := call()
		if err != nil {
			return Boundary{}, err
		}
		if i >= first {
			waits = append(waits, max(0, c.Host-c.Plugin))
		}
	}
	slices.Sort(waits)
	return Boundary{Typical: waits[calls/2], Most: waits[calls*9/10]}, nil
}
