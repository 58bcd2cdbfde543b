package probe

import (
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
)

// Summarise combines the calls of a cell in a block into one measurement. It has one sample for each metric and label, whose
// value is the median of the calls after the first warmUp ones; the sample also keeps the values of all calls.
func Summarise(calls []Result, warmUp int) Result {
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
		s.Value = stat.MedianOf(s.Values())
	}
	return sum
}

// beyond is how much longer the host waited than the plugin's time explains.
func beyond(s record.Sample) time.Duration { return s.Host - s.Plugin/4*5 }

// common returns the warnings of at least half of the calls. Other warnings do not affect the median.
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
