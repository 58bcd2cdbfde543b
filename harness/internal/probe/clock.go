package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm"
)

// Clocks holds the two times of one call: how long the host waited, and how long the plugin reports to have worked.
type Clocks struct{ Host, Plugin time.Duration }

// Boundary is the overhead of a call between host and plugin, measured with the calibrating plugin on this host under its
// present load. The zero value is unknown.
type Boundary struct {
	Typical time.Duration // median
	Most    time.Duration // 90th percentile
}

// slack is the longest delay beyond the typical boundary that the least disturbed of several calls may have.
func (b Boundary) slack() time.Duration {
	if b == (Boundary{}) {
		return 2 * time.Millisecond
	}
	return max(500*time.Microsecond, 3*(b.Most-b.Typical))
}

// beyond is how much longer the host waited than the plugin's time and the typical boundary explain.
func (b Boundary) beyond(c Clocks) time.Duration { return c.Host - c.Plugin - b.Typical }

// confirms reports whether the host's clock confirms the plugin's time: short times within a quarter, long ones within a
// sixteenth.
func (b Boundary) confirms(c Clocks) bool {
	return c.Plugin >= 4*b.slack() && b.beyond(c) <= max(b.slack(), c.Plugin/16)
}

// time returns the time of a call: the plugin's, which excludes the boundary, if the host's clock confirms it, else the
// host's, so that a plugin gains nothing by lying. The typical boundary is subtracted only from waits at least four times
// as long; for shorter ones the difference would be mostly noise.
func (b Boundary) time(c Clocks) (took time.Duration, confirmed bool) {
	switch {
	case c.Plugin <= 0:
		return c.Host, false
	case b.confirms(c):
		return c.Plugin, true
	case c.Host >= 4*b.Typical:
		return max(c.Plugin, c.Host-b.Typical), false
	}
	return max(c.Plugin, c.Host), false
}

// A busy machine may delay every one of a few calls, or half of many.
const (
	fewCalls  = 6
	fewDelay  = time.Second
	halfDelay = 100 * time.Millisecond
)

// Contradiction returns an error if the host waited longer for calls of one kind than the plugin's times and the boundary
// explain, with a margin of a quarter of the plugin's time. A busy machine delays some calls but shortens none, so the
// unexplained time must exceed the slack in every call, or 100 ms in half of them. Of fewer than six calls each must have
// more than a second.
func (b Boundary) Contradiction(calls []Clocks) error {
	calls = slices.DeleteFunc(slices.Clone(calls), func(c Clocks) bool { return c.Plugin <= 0 }) // timed by the host alone
	if len(calls) == 0 {
		return nil
	}
	unexplained := func(c Clocks) time.Duration { return b.beyond(c) - c.Plugin/4 }
	slices.SortFunc(calls, func(x, y Clocks) int { return cmp.Compare(unexplained(x), unexplained(y)) })
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
	return lm.Faultf(lm.Contradiction, "clocks contradict: the plugin reports %v of work, but the host waited %v, of which the boundary explains %v",
		worst.Plugin, worst.Host, b.Typical+slack)
}

// timing returns the sample of the total time of calls divided by per, with a warning for each way in which the host's
// clock was used.
func (s *Subject) timing(metric string, per int, calls ...Clocks) (r Result) {
	var all Clocks
	var took time.Duration
	for _, c := range calls {
		t, confirmed := s.Boundary.time(c)
		took, all.Host, all.Plugin = took+t, all.Host+c.Host, all.Plugin+c.Plugin
		if why := s.Boundary.unconfirmed(c); !confirmed && !slices.Contains(r.Warnings, why) {
			r.Warnings = append(r.Warnings, why)
		}
	}
	r.Samples = []record.Sample{{Metric: metric, Value: took.Seconds() / float64(per), Host: all.Host, Plugin: all.Plugin}}
	return r
}

// timedByHost is in the warning of a cell some of whose calls are timed by the host.
const timedByHost = ": timed by the host"

// TimedByHost reports whether a call of the cell is timed by the host, because its clock does not confirm the plugin's time.
func TimedByHost(c *record.Cell) bool {
	return slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, timedByHost) })
}

// Disagrees reports whether a call is long enough to compare the clocks, and the host waited longer than the plugin's time and
// the boundary explain.
func (b Boundary) Disagrees(c Clocks) bool { return c.Plugin >= 4*b.slack() && !b.confirms(c) }

// unconfirmed says why a call is timed by the host.
func (b Boundary) unconfirmed(c Clocks) string {
	why := "the host waited longer than the plugin's time and the boundary explain"
	switch {
	case c.Plugin <= 0:
		return "the plugin reports no times" + timedByHost + ", including the boundary"
	case c.Plugin < 4*b.slack():
		why = "too short to confirm the plugin's time"
	}
	if c.Host >= 4*b.Typical {
		return why + fmt.Sprintf(timedByHost+", minus the %v of the boundary", b.Typical.Round(time.Microsecond))
	}
	return why + timedByHost + ", including the boundary"
}

// BoundaryFact is the name of the fact of a run that holds the overhead of a call.
const BoundaryFact = "boundary of a call"

// Fact is the boundary as a fact of a run.
func (b Boundary) Fact() record.Fact {
	return record.Fact{Name: BoundaryFact, Value: fmt.Sprintf("%v typical, %v in nine of ten calls", b.Typical, b.Most)}
}

// BoundaryOf parses the boundary from the facts of a run. It is zero if none was measured or the fact is malformed.
func BoundaryOf(facts []record.Fact) (b Boundary) {
	for _, f := range facts {
		var typical, most string
		_, _ = fmt.Sscanf(f.Value, "%s typical, %s", &typical, &most)
		b.Typical, _ = time.ParseDuration(typical)
		b.Most, _ = time.ParseDuration(most)
		if f == b.Fact() && 0 <= b.Typical && b.Typical <= b.Most {
			return b
		}
	}
	return Boundary{}
}

// MeasureBoundary times calls of a model that does almost no work. between runs before each of them: calls that follow each other
// at once find warm caches and waiting threads, and cost a third of those that alternate with the calls of other models.
func MeasureBoundary(call func() (Clocks, error), between func()) (Boundary, error) {
	const calls, first = 50, 5
	var waits []time.Duration
	for i := range first + calls {
		between()
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
