package run

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm"
)

func TestCeilingsAreReadBack(t *testing.T) {
	want := lm.Roofline{Ceilings: []lm.Ceiling{
		{Name: "fma.f32", Operation: lm.Arithmetic, Precisions: []string{}, Value: 1.5e11, Unit: "FLOP/s", Kernels: "avx2"},
		{Name: "dot.int8", Operation: lm.Arithmetic, Precisions: []string{"int8a8", "int4a8"}, Value: 3e12, Unit: "OP/s", Kernels: "avx512+vnni"},
		{Name: "read.16MiB", Operation: lm.Reading, Footprint: 16 << 20, Precisions: []string{}, Value: 1.25e10, Unit: "B/s", Kernels: "plain Go (portable)"},
	}}
	if diff := cmp.Diff(want, ceilings(ceilingFacts(want))); diff != "" {
		t.Error(diff)
	}
	for _, f := range []record.Fact{
		noFact(ceilingFact, lm.Errorf(lm.NotFound, "find plugin", "none")), {Name: "ceiling x", Value: "n/a (3 B/s)"}, {Name: "ceiling fma.f32", Value: "1.757e+11 FLOP/s (avx2)"},
		{Name: "ceiling x", Value: "fast B/s (go), reading"},
		{Name: "ceiling x", Value: "NaN B/s (go), reading"}, {Name: "ceiling x", Value: "-1 B/s (go), reading"}, {Name: "ceiling x", Value: "+Inf B/s (go), reading"},
	} {
		if got := ceilings([]record.Fact{f}); len(got.Ceilings) > 0 {
			t.Errorf("%+v is read as %+v", f, got)
		}
	}
}

// TestCalibrator uses the ceilings of the plugin named in the options, whatever their names.
func TestCalibrator(t *testing.T) {
	const text = "name: s\nrepeats: 1\nprobes:\n  - {probe: prefill, grid: {len: 16}}\n"
	for name, c := range map[string]struct {
		calibrator func(context.Context) (string, error)
		label      string // of the ceiling share
		reason     string // of the facts
	}{
		"one":       {func(context.Context) (string, error) { return "b", nil }, "sums", ""},
		"none":      {func(context.Context) (string, error) { return "", errors.New("no plugin can") }, "", "no plugin can"},
		"gone":      {func(context.Context) (string, error) { return "c", nil }, "", `no plugin "c"`},
		"not asked": {nil, "", "no plugin was asked to calibrate"},
	} {
		o := options(t, honest(), text, "a")
		o.Calibrator = c.calibrator
		r := execute(t, openDB(t), o)
		samples := cells(r, "prefill", "a")[0].Samples
		i := slices.IndexFunc(samples, func(s record.Sample) bool { return s.Metric == probe.RooflineShare })
		if i < 0 && c.label != "" || i >= 0 && samples[i].Label != c.label {
			t.Errorf("%s: samples %+v", name, samples)
		}
		for _, f := range r.Facts {
			if strings.HasPrefix(f.Name, ceilingFact) && !strings.Contains(f.Reason, c.reason) {
				t.Errorf("%s: fact %+v", name, f)
			}
		}
	}
}
