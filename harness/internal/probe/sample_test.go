package probe

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
)

// TestSummarise checks that calls of a warm-up are kept and do not count, also of a metric that some calls lack.
func TestSummarise(t *testing.T) {
	call := func(seconds float64, more ...record.Sample) Result {
		return Result{Samples: append([]record.Sample{{Metric: PrefillSeconds, Value: seconds}}, more...)}
	}
	share := record.Sample{Metric: RooflineShare, Label: "fma", Value: 0.5}
	early := record.Sample{Metric: RooflineShare, Label: "early", Value: 0.25}
	got := Summarise([]Result{call(9, early), call(8, share), call(1), call(3, share), call(2, share)}, 2, EstimatorOf(nil)).Samples
	want := []record.Sample{
		{Metric: PrefillSeconds, Value: 2, Calls: []float64{9, 8, 1, 3, 2}, Dropped: 2},
		{Metric: RooflineShare, Label: "early", Value: 0.25, Calls: []float64{0.25}},
		{Metric: RooflineShare, Label: "fma", Value: 0.5, Calls: []float64{0.5, 0.5, 0.5}, Dropped: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestEstimators checks that the value of a sample is on the side of the fast calls, whatever the metric's direction, and that
// runs of earlier versions keep their medians.
func TestEstimators(t *testing.T) {
	calls := []float64{40, 10, 30, 20, 50, 60, 70, 80, 90, 100}
	fast := EstimatorOf([]record.Fact{{Name: ValueFact, Value: Decile}})
	for _, tc := range []struct {
		estimator Estimator
		metric    string
		want      float64
	}{
		{fast, PrefillSeconds, 10 + 10*(11.0/30)}, {fast, RooflineShare, 100 - 10*(11.0/30)}, {EstimatorOf(nil), PrefillSeconds, 55},
	} {
		if got := tc.estimator(tc.metric, calls); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", tc.metric, got, tc.want)
		}
	}
	if got := fast(PrefillSeconds, []float64{7}); got != 7 {
		t.Errorf("one call: %v", got)
	}
}
