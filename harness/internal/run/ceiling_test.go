package run

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm"
)

// What is measured of the host comes back from the words in the database as it was, or not at all.
func TestBoundaryIsReadBack(t *testing.T) {
	other := record.Fact{Name: "text", Value: "1ms typical, 2ms in nine of ten calls"}
	for _, b := range []probe.Boundary{{}, {Typical: 1, Most: 2}, {Typical: 161283, Most: 300 * time.Millisecond}, {Typical: time.Second, Most: 90 * time.Minute}} {
		if got := boundaryOf([]record.Fact{other, boundaryFactOf(b)}); got != b {
			t.Errorf("%+v became %+v", b, got)
		}
	}
	for _, value := range []string{
		"", "n/a (find plugin: no plugin \"echo\")", "1ms typical", "1 typical, 2 in nine of ten calls", "2ms typical, 1ms in nine of ten calls",
		"-1ms typical, 1ms in nine of ten calls", "1ms typical, 2ms in nine of ten calls or so", "9e99h typical, 9e99h in nine of ten calls",
	} {
		if got := boundaryOf([]record.Fact{{Name: boundaryFact, Value: value}}); got != (probe.Boundary{}) {
			t.Errorf("%q is read as %+v", value, got)
		}
	}
}

func TestCeilingsAreReadBack(t *testing.T) {
	want := lm.Roofline{Ceilings: []lm.Ceiling{
		{Name: "fma.f32", Value: 1.5e11, Unit: "FLOP/s", Kernels: "avx2"}, {Name: "read.16MiB", Value: 1.25e10, Unit: "B/s", Kernels: "plain Go (portable)"},
	}}
	if diff := cmp.Diff(want, ceilings(ceilingFacts(want))); diff != "" {
		t.Error(diff)
	}
	for _, f := range []record.Fact{
		noFact(ceilingFact, lm.Errorf(lm.NotFound, "find plugin", "none")), {Name: "ceiling x", Value: "n/a (3 B/s)"}, {Name: "ceiling x", Value: "fast B/s (go)"},
		{Name: "ceiling x", Value: "NaN B/s (go)"}, {Name: "ceiling x", Value: "-1 B/s (go)"}, {Name: "ceiling x", Value: "+Inf B/s (go)"},
	} {
		if got := ceilings([]record.Fact{f}); len(got.Ceilings) > 0 {
			t.Errorf("%+v is read as %+v", f, got)
		}
	}
}
