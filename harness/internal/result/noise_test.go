package result

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/record"
)

// TestNoise takes noise from equal models only, each block of a model once.
func TestNoise(t *testing.T) {
	run := timed(map[string][]float64{"a": {1, 2, 4}, "b": {2, 2, 2}, "c": {1, 1, 1}, "d": {8, 8, 8}}).Run
	run.Models[3].WeightsSHA = "other"
	for i := range run.Models {
		run.Models[i].Threads = 2
	}
	half := math.Ln2
	want := []float64{-half, 0, 0, half, half, 2 * half} // of a with b and c
	for threads, want := range map[int][]float64{0: want, 2: want, 1: nil} {
		got := Noise(run, "decode", func(m *record.Model) bool { return threads == 0 || m.Threads == threads })
		slices.Sort(got)
		if !slices.EqualFunc(got, want, func(x, y float64) bool { return math.Abs(x-y) < 1e-12 }) {
			t.Errorf("%d threads: %v, want %v", threads, got, want)
		}
	}
	all := func(*record.Model) bool { return true }
	if got := slices.Concat(Noise(run, "prefill", all), Noise(run, "memory", all), Noise(run, "unknown", all)); got != nil {
		t.Errorf("of other probes: %v", got)
	}
	run.Cells[0].Status = record.Failed
	if got := Noise(run, "decode", all); got != nil {
		t.Errorf("of a failed cell: %v", got)
	}
}

// TestComparisons counts the comparisons of models and of precisions, of which the more share an error.
func TestComparisons(t *testing.T) {
	run := timed(map[string][]float64{"a": nil, "a@int4": nil, "a@int8": nil, "b": nil}).Run
	for i := range run.Models {
		run.Models[i].Family = run.Models[i].Name[:1]
	}
	ix := New(run)
	cells := run.All()
	for want, of := range map[int][]*record.Cell{0: cells[:1], 1: {cells[0], cells[3]}, 2: cells} {
		if got := ix.Comparisons(of); got != want {
			t.Errorf("%d cells: %d, want %d", len(of), got, want)
		}
	}
	if ix.Comparisons(nil) != 0 {
		t.Error("no cell is compared")
	}
}

// TestDetects checks what undecided comparisons of a row say that they would have found: by the noise of all its blocks, which a
// decided comparison with a known deviation provides, too.
func TestDetects(t *testing.T) {
	wobble := func(times float64, off float64) (blocks []float64) {
		for i := range 10 {
			blocks = append(blocks, times*math.Exp(off*float64(i%2*2-1)))
		}
		return blocks
	}
	ones := wobble(1, 0)
	for _, tc := range []struct {
		name   string
		models map[string][]float64
		want   map[string]float64 // by model; 0: not said
	}{
		{"one", map[string][]float64{"a": ones, "b": wobble(1, 0.02)}, map[string]float64{"b": 0.02}},
		{"two, one of them decided", map[string][]float64{"a": ones, "b": wobble(1, 0.02), "c": wobble(2, 0.02)}, map[string]float64{"b": 0.02, "c": 0}},
		{"three", map[string][]float64{"a": ones, "b": wobble(1, 0.02), "c": wobble(1, 0.02), "d": wobble(1, 0.02)}, map[string]float64{"b": 0.02, "c": 0.02, "d": 0.02}},
		{"too few blocks", map[string][]float64{"a": ones[:5], "b": wobble(1, 0.02)[:5]}, map[string]float64{"b": 0}},
	} {
		for _, p := range pairsOf(timed(tc.models).Run, CompareOptions{Quantities: []string{"decode"}}) {
			want := tc.want[p.other.model]
			if (p.detectable() != nil) != (want != 0) || want != 0 && math.Abs(math.Log(*p.detectable())-want) > 1e-9 {
				t.Errorf("%s: %s: detectable %v, want %g", tc.name, p.other.model, p.detectable(), want)
			}
			if text := p.words(); strings.HasSuffix(text, "] detects 2.0%)") != (want != 0) {
				t.Errorf("%s: %s: %s", tc.name, p.other.model, text)
			}
		}
	}
}
