package probe

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm"
)

const (
	us = time.Microsecond
	ms = time.Millisecond
)

// quiet is the boundary of an idle host, loaded of one with more runnable threads than cores.
var (
	quiet  = Boundary{Typical: 150 * us, Most: 300 * us}
	loaded = Boundary{Typical: 2 * ms, Most: 30 * ms}
)

// calls returns the clocks of n calls. Call i takes work(i), for which the plugin reports reports(work(i)), and the host
// is delayed by delay(i).
func calls(n int, work func(i int) time.Duration, reports func(time.Duration) time.Duration, delay func(i int) time.Duration) []Clocks {
	all := make([]Clocks, n)
	for i := range all {
		w := work(i)
		all[i] = Clocks{Host: w + delay(i), Plugin: reports(w)}
	}
	return all
}

func always(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

func honest(d time.Duration) time.Duration { return d }

func by(share float64) func(time.Duration) time.Duration {
	return func(d time.Duration) time.Duration { return time.Duration(float64(d) * share) }
}

// bursts returns the delays of a busy host: mostly the boundary, sometimes up to a time slice of all other processes.
func bursts(most time.Duration, share float64) func(int) time.Duration {
	random := rand.New(rand.NewPCG(1, 2))
	return func(int) time.Duration {
		if random.Float64() < share {
			return 150*us + time.Duration(random.Int64N(int64(most)))
		}
		return 150 * us
	}
}

func TestContradiction(t *testing.T) {
	drift := func(i int) time.Duration { return 50*ms + time.Duration(i)*5*ms }
	oneMicrosecond := func(time.Duration) time.Duration { return us }
	for name, tc := range map[string]struct {
		boundary Boundary
		calls    []Clocks
		lies     bool
	}{
		"no call":                 {quiet, nil, false},
		"no clock":                {quiet, calls(10, always(50*ms), by(0), always(150*us)), false},
		"honest":                  {quiet, calls(10, always(50*ms), honest, always(150*us)), false},
		"honest, drifting":        {quiet, calls(10, drift, honest, always(200*us)), false},
		"honest, short":           {quiet, calls(10, always(20*us), honest, always(160*us)), false},
		"honest, without echo":    {Boundary{}, calls(10, always(5*ms), honest, always(300*us)), false},
		"honest, delayed at once": {quiet, calls(10, always(5*ms), honest, bursts(80*ms, 0.9)), false},
		"honest, a busy host":     {loaded, calls(10, always(5*ms), honest, always(40*ms)), false},
		"honest, few, delayed":    {quiet, calls(5, always(5*ms), honest, always(900*ms)), false},
		"honest, one, delayed":    {quiet, calls(1, always(5*ms), honest, always(900*ms)), false},
		"reports more":            {quiet, calls(10, always(5*ms), by(1.1), always(150*us)), false},
		"twice":                   {quiet, calls(6, always(50*ms), by(0.5), always(150*us)), true},
		"twice, a busy host":      {loaded, calls(10, always(500*ms), by(0.5), always(2*ms)), true},
		"57 times":                {quiet, calls(6, always(5*ms), by(1./57), always(150*us)), true},
		"57 times, drifting":      {quiet, calls(10, drift, by(1./57), bursts(50*ms, 0.5)), true},
		"57 times, without echo":  {Boundary{}, calls(6, always(5*ms), by(1./57), always(150*us)), true},
		"a constant":              {quiet, calls(6, always(5*ms), oneMicrosecond, always(150*us)), true},
		"a constant, few":         {quiet, calls(5, always(2*time.Second), oneMicrosecond, always(150*us)), true},
		"long, every other call":  {quiet, slices.Concat(calls(4, always(time.Second), honest, always(150*us)), calls(6, always(time.Second), by(0.1), always(150*us))), true},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(tc.calls)
			err := tc.boundary.Contradiction(tc.calls)
			reply, _ := errors.AsType[*lm.ReplyError](err)
			if lies := reply != nil && reply.Fault == lm.Contradiction; lies != tc.lies {
				t.Errorf("found %v, want a contradiction: %v", err, tc.lies)
			}
			if !slices.Equal(before, tc.calls) {
				t.Error("the calls were changed")
			}
		})
	}
}

// TestLyingDoesNotPay checks that no reported time lowers the result by more than the host's clock cannot resolve.
func TestLyingDoesNotPay(t *testing.T) {
	for _, b := range []Boundary{{}, quiet, loaded} {
		for _, work := range []time.Duration{10 * us, ms, 3 * ms, 10 * ms, 100 * ms, time.Second, 10 * time.Second} {
			for _, share := range []float64{1e-9, 1. / 57, 0.5, 0.75, 0.79, 0.9} {
				c := Clocks{Host: work + b.Typical, Plugin: max(1, time.Duration(share*float64(work)))}
				took, _ := b.time(c)
				if least := work * 3 / 4; took < least {
					t.Errorf("boundary %v: work of %v, reported as %v, counts as %v", b, work, c.Plugin, took)
				}
			}
		}
	}
}

func TestTiming(t *testing.T) {
	for name, tc := range map[string]struct {
		boundary Boundary
		clocks   []Clocks
		want     time.Duration
		warnings int
	}{
		"confirmed":               {quiet, []Clocks{{50*ms + 150*us, 50 * ms}}, 50 * ms, 0},
		"confirmed, a wide reply": {quiet, []Clocks{{52 * ms, 50 * ms}}, 50 * ms, 0},
		"delayed":                 {quiet, []Clocks{{80 * ms, 50 * ms}}, 80*ms - 150*us, 1},
		"short":                   {quiet, []Clocks{{1150 * us, ms}}, ms, 1},
		"short, quick boundary":   {quiet, []Clocks{{1050 * us, ms}}, ms, 1},
		"nothing":                 {quiet, []Clocks{{100 * us, 1}}, 100 * us, 1},
		"no clock":                {quiet, []Clocks{{50 * ms, 0}}, 50 * ms, 1},
		"no echo":                 {Boundary{}, []Clocks{{50 * ms, 49 * ms}}, 49 * ms, 0},
		"no echo, short":          {Boundary{}, []Clocks{{5 * ms, 4 * ms}}, 5 * ms, 1},
		"one of several":          {quiet, []Clocks{{50*ms + 150*us, 50 * ms}, {50 * ms, ms}, {50 * ms, ms}}, 150*ms - 300*us, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := (&Subject{Boundary: tc.boundary}).timing(PrefillSeconds, 2, tc.clocks...)
			if got := r.Samples[0].Value; got != (tc.want.Seconds() / 2) {
				t.Errorf("%v s, want half of %v", got, tc.want)
			}
			if len(r.Warnings) != tc.warnings {
				t.Errorf("warnings %q, want %d", r.Warnings, tc.warnings)
			}
		})
	}
}

func TestMeasureBoundary(t *testing.T) {
	n := 0
	b, err := MeasureBoundary(func() (Clocks, error) {
		n++
		switch wait := time.Duration(n-5) * us; {
		case n <= 5: // warm-up
			return Clocks{Host: time.Hour}, nil
		case n == 55: // the plugin's clock is ahead of the host's
			return Clocks{Host: us, Plugin: ms}, nil
		default:
			return Clocks{Host: wait + ms, Plugin: ms}, nil
		}
	}, func() {})
	if want := (Boundary{Typical: 25 * us, Most: 45 * us}); b != want || err != nil || n != 55 {
		t.Errorf("%+v of %d calls, %v; want %+v", b, n, err, want)
	}
	broken := errors.New("broken")
	if _, err := MeasureBoundary(func() (Clocks, error) { return Clocks{}, broken }, func() {}); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

// TestBoundaryIsReadBack checks that a boundary fact parses to the same boundary, and a malformed fact to none.
func TestBoundaryIsReadBack(t *testing.T) {
	other := record.Fact{Name: "text", Value: "1ms typical, 2ms in nine of ten calls"}
	for _, b := range []Boundary{{}, {Typical: 1, Most: 2}, {Typical: 161283, Most: 300 * time.Millisecond}, {Typical: time.Second, Most: 90 * time.Minute}} {
		if got := BoundaryOf([]record.Fact{other, b.Fact()}); got != b {
			t.Errorf("%+v is read back as %+v", b, got)
		}
	}
	for _, value := range []string{
		"", "n/a (find plugin: no plugin \"echo\")", "1ms typical", "1 typical, 2 in nine of ten calls", "2ms typical, 1ms in nine of ten calls",
		"-1ms typical, 1ms in nine of ten calls", "1ms typical, 2ms in nine of ten calls or so", "9e99h typical, 9e99h in nine of ten calls",
	} {
		if got := BoundaryOf([]record.Fact{{Name: BoundaryFact, Value: value}}); got != (Boundary{}) {
			t.Errorf("%q is read as %+v", value, got)
		}
	}
}
