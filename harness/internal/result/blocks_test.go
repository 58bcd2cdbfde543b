package result

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/unit"
)

var update = flag.Bool("update", false, "rewrite testdata and docs/images/blocks.svg")

const (
	simulatedBlocks = 10
	simulatedRounds = 10
	mostSimulated   = 30 // blocks of a run that ends by a rule, about as many as fit into the default budget of such runs
	falseClaims     = 0.05
)

// machine is a simulated host that makes calls one after another. Its speed drifts, a call resembles the one before, and bursts
// slow down a dozen calls at a time.
type machine struct {
	*rand.Rand
	drift          float64 // standard deviation of the change of speed in the time of ten blocks of two models
	level, inertia float64
	burst          int
}

// next is how many times longer than usual the next call takes.
func (m *machine) next() float64 {
	m.level += m.drift / math.Sqrt(2*simulatedBlocks*simulatedRounds) * m.NormFloat64()
	m.inertia = 0.8*m.inertia + 0.006*m.NormFloat64()
	if m.burst--; m.burst < 0 && m.IntN(150) == 0 {
		m.burst = m.IntN(24)
	}
	slow := m.level + m.inertia + 0.01*m.ExpFloat64()
	if m.burst > 0 {
		slow += 0.3
	}
	return math.Exp(slow)
}

// process is how many times longer the calls of a fresh process take: its memory lies elsewhere.
func (m *machine) process() float64 { return math.Exp(0.005 * m.NormFloat64()) }

// simulated is a run of models a, b, ... on a machine. The first needs a second for a call, the others by a share longer.
func (m *machine) simulated(models int, longer float64) *simulation {
	facts := []record.Fact{{Name: probe.ValueFact, Value: probe.Decile}}
	s := &simulation{machine: m, run: &record.Run{ID: "r", Facts: facts}, seconds: make([]float64, models), value: probe.EstimatorOf(facts)}
	for i := range models {
		name := string(rune('a' + i))
		s.seconds[i] = 1 + longer
		s.run.Models = append(s.run.Models, record.Model{Name: name, Family: name, Causal: true, Parameters: 1, Precision: "f32"})
		s.run.Cells = append(s.run.Cells, record.Cell{
			ID: "cell of " + name, Suite: "speed", Probe: "decode", Model: name, Status: record.Pending, Repeats: simulatedBlocks, Rounds: simulatedRounds,
			Point: record.Point{{Name: "depth", Value: "8"}, {Name: "batch", Value: "1"}},
		})
	}
	s.seconds[0] = 1
	return s
}

type simulation struct {
	*machine
	run     *record.Run
	seconds []float64 // of a call by model
	value   probe.Estimator
}

// block measures the pending cells in a block as runs do: all processes are alive together, and their calls alternate at random.
func (s *simulation) block(block int) {
	open := slices.DeleteFunc(s.run.All(), func(c *record.Cell) bool { return c.Status != record.Pending })
	calls, process := make([][]float64, len(open)), make([]float64, len(open))
	for i, c := range open {
		process[i] = s.seconds[slices.IndexFunc(s.run.Models, func(m record.Model) bool { return m.Name == c.Model })] * s.process()
	}
	for range simulatedRounds {
		for _, i := range s.Perm(len(open)) {
			calls[i] = append(calls[i], process[i]*s.next())
		}
	}
	for i, c := range open {
		c.Samples = append(c.Samples, record.Sample{Metric: probe.DecodeSeconds, Block: block, Calls: calls[i], Value: s.value(probe.DecodeSeconds, calls[i])})
	}
}

// fixed is a run with the planned number of blocks.
func (s *simulation) fixed() *record.Run {
	for block := range simulatedBlocks {
		s.block(block)
	}
	return s.ended()
}

// untilDecided is a run that ends each model when its comparisons are decided.
func (s *simulation) untilDecided() *record.Run {
	s.run.Until = UntilDecided
	for block := range mostSimulated {
		s.block(block)
		if block+1 < simulatedBlocks {
			continue
		}
		open := Open(s.run)
		for _, c := range s.run.All() {
			if !open[c.ID] {
				c.Status = record.OK
			}
		}
		if len(open) == 0 {
			break
		}
	}
	return s.ended()
}

func (s *simulation) ended() *record.Run {
	for _, c := range s.run.All() {
		c.Status = record.OK
	}
	return s.run
}

// claims reports whether a comparison of runs calls any two of its cells different.
func claims(t *testing.T, runs ...*record.Run) bool {
	t.Helper()
	c, err := Relate(runs, CompareOptions{Quantities: []string{"decode"}})
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(c.pairs(), func(p *pair) bool { return p.result.Verdict() != stat.Undecided })
}

// designs are ways to compare two models with as many calls of each. They report whether a difference is claimed.
var designs = []struct {
	name string
	find func(t *testing.T, m *machine, longer float64) bool
}{
	{"one model after the other", func(t *testing.T, m *machine, longer float64) bool {
		before, after := m.simulated(1, 0), m.simulated(1, 0)
		before.fixed()
		after.seconds[0] += longer
		after.fixed()
		after.run.ID = "s"
		return claims(t, before.run, after.run)
	}},
	{"blocks", func(t *testing.T, m *machine, longer float64) bool { return claims(t, m.simulated(2, longer).fixed()) }},
	{"blocks, until decided", func(t *testing.T, m *machine, longer float64) bool {
		return claims(t, m.simulated(2, longer).untilDecided())
	}},
}

// found is the share of comparisons that claim a difference.
func found(t *testing.T, comparisons int, seed uint64, drift float64, claims func(*machine) bool) float64 {
	r := rand.New(rand.NewPCG(seed, 2))
	n := 0
	for range comparisons {
		if claims(&machine{Rand: r, drift: drift}) {
			n++
		}
	}
	t.Logf("drift %.3f: %d of %d", drift, n, comparisons)
	return float64(n) / float64(comparisons)
}

// errorOf is three standard errors of a share.
func errorOf(share float64, comparisons int) float64 {
	return 3 * math.Sqrt(share*(1-share)/float64(comparisons))
}

// TestBlocksMakeNoFalseClaims compares models that are the same, on a machine that drifts, has bursts and remembers. TestWhyBlocks does
// so until decided, too.
func TestBlocksMakeNoFalseClaims(t *testing.T) {
	const drift = 0.05
	for _, c := range []struct {
		name        string
		comparisons int
		claims      func(m *machine) bool
		least, most float64 // nominal
	}{
		// The signed-rank test of ten blocks is discrete: its level is 0.049.
		{"two models", 1500, func(m *machine) bool { return claims(t, m.simulated(2, 0).fixed()) }, 50. / 1024, 50. / 1024},
		{"four models", 1500, func(m *machine) bool { return claims(t, m.simulated(4, 0).fixed()) }, 0, falseClaims},
		{"four models until decided", 400, func(m *machine) bool { return claims(t, m.simulated(4, 0).untilDecided()) }, 0, falseClaims},
	} {
		share := found(t, c.comparisons, 1, drift, c.claims)
		if share > c.most+errorOf(c.most, c.comparisons) || share < c.least-errorOf(c.least, c.comparisons) {
			t.Errorf("%s: %.4f of %d comparisons of a model with itself claim a difference, want %.4f to %.4f", c.name, share, c.comparisons, c.least, c.most)
		}
	}
}

// TestBlocksFindDifferences shows that few false claims are not bought with blindness: on the same machine, where noise of a single
// call is a multiple of it, a difference of 2 % is found.
func TestBlocksFindDifferences(t *testing.T) {
	for i, least := range map[int]float64{1: 0.9, 2: 0.98} {
		if share := found(t, 400, 3, 0.05, func(m *machine) bool { return designs[i].find(t, m, 0.02) }); share < least {
			t.Errorf("%s: %.3f find a difference of 2 %%", designs[i].name, share)
		}
	}
}

// TestWhyBlocks counts false claims against drift, for the same calls in blocks and one model after the other. With -update it also
// draws the figure of docs/measurement.md.
func TestWhyBlocks(t *testing.T) {
	const comparisons = 400
	drifts := []float64{0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06}
	few := []float64{0, 0.03, 0.06} // each look at a run takes as long as a comparison
	f := chart.Figure{
		Name: "blocks", Title: "False claims about equal models",
		X:     chart.Axis{Label: "drift of the machine's speed during a comparison, %"},
		Y:     chart.Axis{Label: "comparisons that claim a difference, %"},
		Rules: []chart.Rule{{At: 100 * falseClaims, Label: "nominal 5 %"}},
		Foot:  fmt.Sprintf("simulation: %d comparisons per point, bursts and autocorrelation in all; bars: 95 %% interval", comparisons),
	}
	var counts strings.Builder
	for i, d := range designs {
		s := chart.Series{Name: d.name, Style: i, Joined: true}
		if i == 2 {
			drifts = few
		}
		for _, drift := range drifts {
			share := found(t, comparisons, 5, drift, func(m *machine) bool { return d.find(t, m, 0) })
			fmt.Fprintf(&counts, "%s, drift of %s: %.0f of %d\n", d.name, unit.Percent(drift), share*comparisons, comparisons)
			error95 := errorOf(share, comparisons) * 1.96 / 3
			s.Points = append(s.Points, chart.Point{X: 100 * drift, Y: 100 * share, Lo: 100 * (share - error95), Hi: 100 * (share + error95)})
			switch wide := falseClaims + errorOf(falseClaims, comparisons); {
			case i > 0 && share > wide:
				t.Errorf("%s, drift of %s: %.3f false claims", d.name, unit.Percent(drift), share)
			case i == 0 && drift >= 0.03 && share < 4*wide:
				t.Errorf("%s, drift of %s: only %.3f false claims, so this shows nothing", d.name, unit.Percent(drift), share)
			}
		}
		f.Series = append(f.Series, s)
	}
	const golden = "testdata/blocks.txt"
	if *update {
		var svg bytes.Buffer
		if err := errors.Join(f.SVG(&svg), os.WriteFile("../../../docs/images/blocks.svg", svg.Bytes(), 0o644), os.WriteFile(golden, []byte(counts.String()), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), counts.String()); diff != "" {
		t.Errorf("other counts; -run WhyBlocks -update accepts them and draws docs/images/blocks.svg again:\n%s", diff)
	}
}
