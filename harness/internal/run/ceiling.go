package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/lm"
)

// ceilingFact starts the name of the facts that hold the host's measured ceilings: "ceiling fma.f32" is
// "1.5e+11 FLOP/s (avx2)".
const ceilingFact = "ceiling"

// ceilingFacts words a roofline as facts of a run.
func ceilingFacts(r lm.Roofline) (facts []store.Fact) {
	for _, c := range r.Ceilings {
		facts = append(facts, store.Fact{
			Name: ceilingFact + " " + c.Name, Value: fmt.Sprintf("%g %s (%s)", c.Value, c.Unit, c.Kernels),
		})
	}
	return facts
}

// ceilings reads the roofline back from the facts of a run, so that a resumed run measures against the same one.
func ceilings(facts []store.Fact) (r lm.Roofline) {
	for _, f := range facts {
		name, ok := strings.CutPrefix(f.Name, ceilingFact+" ")
		var c lm.Ceiling
		if n, _ := fmt.Sscan(f.Value, &c.Value, &c.Unit); !ok || n != 2 {
			continue
		}
		_, kernels, _ := strings.Cut(f.Value, "(")
		c.Name, c.Kernels = name, strings.TrimSuffix(kernels, ")")
		r.Ceilings = append(r.Ceilings, c)
	}
	return r
}

// boundaryFact is the name of the fact that holds what a call costs.
const boundaryFact = "boundary of a call"

// boundaryOf reads the boundary back from the facts of a run; the zero value if it is not among them.
func boundaryOf(facts []store.Fact) (b probe.Boundary) {
	for _, f := range facts {
		var typical, most string
		if n, _ := fmt.Sscanf(f.Value, "%s typical, %s", &typical, &most); f.Name != boundaryFact || n != 2 {
			continue
		}
		b.Typical, _ = time.ParseDuration(typical)
		b.Most, _ = time.ParseDuration(most)
	}
	return b
}

// calibrate asks the echo plugin what the run's clocks are held against: what a call costs, and for timings the
// ceilings of the host. A host without the plugin has neither, and says why.
func calibrate(ctx context.Context, p *Plan) []store.Fact {
	timing, clocked := false, false
	for i := range p.Run.Cells {
		if c := &p.Run.Cells[i]; c.Status == store.Pending {
			timing = timing || probe.Find(c.Probe).Timing
			clocked = clocked || timing || c.Probe == "stream"
		}
	}
	if !clocked {
		return nil
	}
	echo, err := startEcho(ctx, p.options, p.memory)
	if err != nil {
		return []store.Fact{noFact(boundaryFact, err), noFact(ceilingFact, err)}
	}
	defer echo.Close()
	facts := []store.Fact{boundaryOfCalls(ctx, echo)}
	if timing {
		facts = append(facts, ceilingsOf(ctx, echo, threadsOf(p.options.Threads))...)
	}
	return facts
}

func noFact(name string, err error) store.Fact {
	return store.Fact{Name: name, Value: "n/a (" + err.Error() + ")"}
}

func startEcho(ctx context.Context, o Options, memory int64) (Process, error) {
	path, _, err := o.Plugins.Find("echo")
	if err != nil {
		return nil, err
	}
	return o.Plugins.Start(ctx, path, threadsOf(o.Threads), memory)
}

// boundaryOfCalls times calls that do nothing.
func boundaryOfCalls(ctx context.Context, echo Process) store.Fact {
	m, err := echo.Load(ctx, lm.LoadRequest{Variant: "default"})
	if err != nil {
		return noFact(boundaryFact, err)
	}
	defer m.Close()
	b, err := probe.MeasureBoundary(func() (c probe.Clocks, err error) {
		start := time.Now()
		reply, err := m.Score(ctx, lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: []int32{1, 2}, From: 1}}})
		return probe.Clocks{Host: time.Since(start), Plugin: reply.Compute}, err
	})
	if err != nil {
		return noFact(boundaryFact, err)
	}
	return store.Fact{Name: boundaryFact, Value: fmt.Sprintf("%v typical, %v in nine of ten calls", b.Typical, b.Most)}
}

// ceilingsOf asks for the ceilings of the host.
func ceilingsOf(ctx context.Context, echo Process, threads int) []store.Fact {
	c, ok := echo.(lm.Calibrator)
	if !ok {
		return []store.Fact{noFact(ceilingFact, errors.New("the plugin echo does not calibrate"))}
	}
	roof, err := c.Calibrate(ctx, threads)
	if err != nil {
		return []store.Fact{noFact(ceilingFact, err)}
	}
	return ceilingFacts(roof)
}
