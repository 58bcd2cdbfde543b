package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/lm"
)

// ceilingFact starts the name of the facts that hold the host's measured ceilings: "ceiling dot.int8" is
// "1.757e+11 OP/s (avx512+vnni), arithmetic of int8a8 int4a8". Those of older versions do not say what they limit: they
// are shown, and bound nothing.
const ceilingFact = "ceiling"

// ceilingFacts words a roofline as facts of a run.
func ceilingFacts(r lm.Roofline) (facts []record.Fact) {
	for _, c := range r.Ceilings {
		value := fmt.Sprintf("%.4g %s (%s), %s", c.Value, c.Unit, c.Kernels, cmp.Or(c.Operation, "unknown"))
		if c.Footprint > 0 {
			value += fmt.Sprintf(" of %d bytes", c.Footprint)
		} else if len(c.Precisions) > 0 {
			value += " of " + strings.Join(c.Precisions, " ")
		}
		facts = append(facts, record.Fact{Name: ceilingFact + " " + c.Name, Value: value})
	}
	return facts
}

// ceilingForm is how such a fact is worded.
var ceilingForm = regexp.MustCompile(`^(\S+) (\S+) \((.*)\), (\S+)(?: of (?:([0-9]+) bytes|(.+)))?$`)

// ceilings reads the roofline back from the facts of a run, so that a resumed run measures against the same one.
func ceilings(facts []record.Fact) (r lm.Roofline) {
	for _, f := range facts {
		name, ok := strings.CutPrefix(f.Name, ceilingFact+" ")
		words := ceilingForm.FindStringSubmatch(f.Value)
		if !ok || words == nil {
			continue
		}
		value, err := strconv.ParseFloat(words[1], 64)
		if err == nil && value > 0 && !math.IsInf(value, 0) {
			c := lm.Ceiling{Name: name, Operation: lm.Operation(words[4]), Value: value, Unit: words[2], Kernels: words[3]}
			c.Footprint, _ = strconv.ParseInt(words[5], 10, 64) // 0: none
			c.Precisions = strings.Fields(words[6])
			r.Ceilings = append(r.Ceilings, c)
		}
	}
	return r
}

// boundaryFact is the name of the fact that holds what a call costs.
const boundaryFact = "boundary of a call"

func boundaryFactOf(b probe.Boundary) record.Fact {
	return record.Fact{Name: boundaryFact, Value: fmt.Sprintf("%v typical, %v in nine of ten calls", b.Typical, b.Most)}
}

// boundaryOf reads the boundary back from the facts of a run. It is unknown where none was measured, or where the fact is
// not in that form.
func boundaryOf(facts []record.Fact) (b probe.Boundary) {
	for _, f := range facts {
		var typical, most string
		_, _ = fmt.Sscanf(f.Value, "%s typical, %s", &typical, &most)
		b.Typical, _ = time.ParseDuration(typical)
		b.Most, _ = time.ParseDuration(most)
		if f == boundaryFactOf(b) && 0 <= b.Typical && b.Typical <= b.Most {
			return b
		}
	}
	return probe.Boundary{}
}

// calibrate asks a plugin with that ability what the run's clocks are held against: what a call costs, and for timings the
// ceilings of the host. A host without such a plugin has neither, and says why.
func calibrate(ctx context.Context, p *Plan) []record.Fact {
	timing, clocked := false, false
	for i := range p.Run.Cells {
		if c := &p.Run.Cells[i]; c.Status == record.Pending {
			timing = timing || probe.Find(c.Probe).Timing
			clocked = clocked || probe.Find(c.Probe).Clocked()
		}
	}
	if !clocked {
		return nil
	}
	s, err := calibrator(ctx, p)
	defer s.Kill()
	if err != nil {
		return []record.Fact{noFact(boundaryFact, err), noFact(ceilingFact, err)}
	}
	facts := []record.Fact{boundaryOfCalls(ctx, s)}
	if timing {
		facts = append(facts, ceilingsOf(ctx, s)...)
	}
	return facts
}

// calibrator starts the plugin that calibrates.
func calibrator(ctx context.Context, p *Plan) (*session.Session, error) {
	if p.options.Calibrator == nil {
		return nil, errors.New("no plugin was asked to calibrate")
	}
	name, err := p.options.Calibrator(ctx)
	if err != nil {
		return nil, err
	}
	return session.Open(ctx, p.options.Plugins, name, p.limits)
}

func noFact(name string, err error) record.Fact {
	return record.Fact{Name: name, Reason: err.Error()}
}

// boundaryOfCalls times calls that do next to nothing.
func boundaryOfCalls(ctx context.Context, s *session.Session) record.Fact {
	m, err := s.Load(ctx, lm.LoadRequest{})
	if err != nil {
		return noFact(boundaryFact, err)
	}
	b, err := probe.MeasureBoundary(func() (c probe.Clocks, err error) {
		start := time.Now()
		reply, err := m.Model.Score(ctx, lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: []int32{1, 2}, From: 1}}})
		return probe.Clocks{Host: time.Since(start), Plugin: reply.Compute}, err
	})
	if err != nil {
		return noFact(boundaryFact, err)
	}
	return boundaryFactOf(b)
}

// ceilingsOf asks for the ceilings of the host.
func ceilingsOf(ctx context.Context, s *session.Session) []record.Fact {
	roof, err := s.Calibrate(ctx)
	if err != nil {
		return []record.Fact{noFact(ceilingFact, err)}
	}
	return ceilingFacts(roof)
}
