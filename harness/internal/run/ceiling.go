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

// ceilingFact is the name prefix of the facts that hold the host's measured ceilings: "ceiling dot.int8" is
// "1.757e+11 OP/s (avx512+vnni), arithmetic of int8a8 int4a8". Facts of older versions do not name the operation that
// they limit; they are shown but not used as ceilings.
const ceilingFact = "ceiling"

// ceilingFacts formats a roofline as facts of a run.
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

// ceilingForm matches the value of a ceiling fact.
var ceilingForm = regexp.MustCompile(`^(\S+) (\S+) \((.*)\), (\S+)(?: of (?:([0-9]+) bytes|(.+)))?$`)

// ceilings parses the roofline from the facts of a run, so that a resumed run uses the same one.
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

// calibrate measures, with the calibrating plugin, the overhead of a call and, if the run has timings, the ceilings of the
// host. Without such a plugin the facts say why there are none.
func calibrate(ctx context.Context, p *Plan) []record.Fact {
	timing, clocked := false, false
	for _, c := range p.Run.All() {
		if c.Status == record.Pending {
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
		return []record.Fact{noFact(probe.BoundaryFact, err), noFact(ceilingFact, err)}
	}
	facts := []record.Fact{measureBoundary(ctx, s)}
	if timing {
		facts = append(facts, measureCeilings(ctx, s)...)
	}
	return facts
}

// calibrator starts the calibrating plugin.
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

// measureBoundary times calls that do almost no work.
func measureBoundary(ctx context.Context, s *session.Session) record.Fact {
	m, err := s.Load(ctx, lm.LoadRequest{})
	if err != nil {
		return noFact(probe.BoundaryFact, err)
	}
	b, err := probe.MeasureBoundary(func() (c probe.Clocks, err error) {
		start := time.Now()
		reply, err := m.Model.Score(ctx, lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: []int32{1, 2}, From: 1}}})
		return probe.Clocks{Host: time.Since(start), Plugin: reply.Compute}, err
	}, others())
	if err != nil {
		return noFact(probe.BoundaryFact, err)
	}
	return b.Fact()
}

// others returns a stand-in for the calls of other models in a round: it keeps a core and its caches busy for as long as they may
// take.
func others() func() {
	memory := make([]uint64, 1<<18)
	return func() {
		for start := time.Now(); time.Since(start) < 8*time.Millisecond; {
			for i := range memory {
				memory[i] += uint64(i)
			}
		}
	}
}

// measureCeilings asks for the ceilings of the host.
func measureCeilings(ctx context.Context, s *session.Session) []record.Fact {
	roof, err := s.Calibrate(ctx)
	if err != nil {
		return []record.Fact{noFact(ceilingFact, err)}
	}
	return ceilingFacts(roof)
}
