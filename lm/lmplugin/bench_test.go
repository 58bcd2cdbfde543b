package lmplugin

import (
	"slices"
	"testing"
	"time"

	"github.com/archbench/archbench/lm"
)

// BenchmarkBoundary measures the overhead of a call: the median over calls of the host's time minus the plugin's.
func BenchmarkBoundary(b *testing.B) {
	p := launch(b, Options{})
	m := load(b, p, "default")
	for name, n := range map[string]int{"tokens=2": 2, "tokens=65536": 1 << 16} {
		b.Run("score/"+name, func(b *testing.B) {
			req := sequence(n)
			req.Sequences[0].From = n // scores nothing, so only the tokens are sent
			measure(b, n, func() (time.Duration, error) {
				reply, err := m.Score(b.Context(), req)
				return reply.Compute, err
			})
		})
	}
	state, err := m.(lm.Stepper).NewState(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("step/tokens=1", func(b *testing.B) {
		req := lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: []int32{1}}}, Want: lm.WantLastLogits}
		measure(b, 1, func() (time.Duration, error) {
			reply, err := m.(lm.Stepper).Step(b.Context(), req)
			return reply.Compute, err
		})
	})
}

// measure reports the overhead of a call.
func measure(b *testing.B, tokens int, call func() (compute time.Duration, err error)) {
	b.Helper()
	var overheads []float64
	for b.Loop() {
		start := time.Now()
		compute, err := call()
		if err != nil {
			b.Fatal(err)
		}
		overheads = append(overheads, float64(time.Since(start)-compute))
	}
	slices.Sort(overheads)
	median := overheads[len(overheads)/2]
	b.ReportMetric(median/1e3, "overhead-µs/call")
	b.ReportMetric(median/float64(tokens), "overhead-ns/token")
}

// BenchmarkClose measures how long an idle plugin takes to close.
func BenchmarkClose(b *testing.B) {
	var closing time.Duration
	for b.Loop() {
		p := launch(b, Options{})
		start := time.Now()
		p.Close()
		closing += time.Since(start)
	}
	b.ReportMetric(closing.Seconds()/float64(b.N)*1e3, "ms/close")
}
