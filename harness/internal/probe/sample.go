package probe

import (
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
)

// Estimator makes the value of a sample from its calls that count.
type Estimator func(metric string, calls []float64) float64

// ValueFact is the fact of a run that names its estimator. Runs without it have medians.
const (
	ValueFact = "value of a sample"
	Decile    = "lower decile of the times of its calls"
)

// EstimatorOf returns the estimator that a run's facts name.
func EstimatorOf(facts []record.Fact) Estimator {
	if slices.ContainsFunc(facts, func(f record.Fact) bool { return f.Name == ValueFact && f.Value == Decile }) {
		return decile
	}
	return func(_ string, calls []float64) float64 { return stat.MedianOf(calls) }
}

// decile is the decile on the side of the fast calls, because disturbances only slow calls down. docs/decisions has the
// evidence.
func decile(metric string, calls []float64) float64 {
	share := 0.1
	if better(metric) > 0 {
		share = 0.9
	}
	return stat.Quantile(calls, share)
}

// better returns the direction of a metric.
func better(metric string) int {
	for _, p := range All() {
		for _, m := range p.Metrics {
			if m.Name == metric {
				return m.Better
			}
		}
	}
	return 0
}

// Summarise combines the calls of a cell in a block into one measurement. It has one sample for each metric and label, whose
// value comes from the calls after the first warmUp ones; the sample also keeps the values of all calls.
func Summarise(calls []Result, warmUp int, value Estimator) Result {
	if len(calls) == 1 {
		return calls[0]
	}
	type key struct{ metric, label string }
	at := map[key]int{}
	sum := Result{Warnings: common(calls)}
	for round, call := range calls {
		for _, s := range call.Samples {
			k := key{s.Metric, s.Label}
			i, known := at[k]
			if !known {
				i = len(sum.Samples)
				at[k] = i
				sum.Samples = append(sum.Samples, s)
			}
			one := &sum.Samples[i]
			one.Calls = append(one.Calls, s.Value)
			if round < warmUp {
				one.Dropped = len(one.Calls)
			}
			if beyond(s) < beyond(*one) {
				one.Host, one.Plugin = s.Host, s.Plugin
			}
		}
		sum.Missing = append(sum.Missing, call.Missing...)
	}
	for i := range sum.Samples {
		s := &sum.Samples[i]
		if s.Dropped == len(s.Calls) { // other calls lack the metric
			s.Dropped = 0
		}
		s.Value = value(s.Metric, s.Values())
	}
	return sum
}

// beyond is how much longer the host waited than the plugin's time explains.
func beyond(s record.Sample) time.Duration { return s.Host - s.Plugin/4*5 }

// common returns the warnings of at least half of the calls. Other warnings do not affect the value.
func common(calls []Result) (warnings []string) {
	count := map[string]int{}
	for _, call := range calls {
		for _, w := range call.Warnings {
			if count[w]++; 2*count[w] >= len(calls) && !slices.Contains(warnings, w) {
				warnings = append(warnings, w)
			}
		}
	}
	return warnings
}
