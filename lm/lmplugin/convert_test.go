package lmplugin

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/lm"
)

// TestCeilingsRoundTrip checks that all fields of a ceiling survive the wire.
func TestCeilingsRoundTrip(t *testing.T) {
	want := lm.Roofline{Threads: 2, Ceilings: []lm.Ceiling{
		{Name: "a", Operation: lm.Arithmetic, Precisions: []string{"int8", "int4"}, Unit: "OP/s", Value: 1, Kernels: "k"},
		{Name: "b", Operation: lm.Reading, Footprint: 1 << 40, Unit: "B/s", Value: 2, Kernels: "k"},
	}}
	if diff := cmp.Diff(want, rooflineFromPB(rooflineToPB(want))); diff != "" {
		t.Error(diff)
	}
}
