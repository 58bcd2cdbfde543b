package result

import (
	"maps"
	"slices"
	"testing"
)

// TestOpen checks which cells need more blocks: those of comparisons that are undecided and, with a width, not yet so narrow.
func TestOpen(t *testing.T) {
	nearly := []float64{1.001, 0.999, 1.001, 0.999, 1.001, 0.999, 1.001, 0.999, 1.001, 0.999, 1.001, 0.999}
	ones := slices.Repeat([]float64{1}, 12)
	for _, tc := range []struct {
		name, until string
		models      map[string][]float64
		want        []string
	}{
		{"decided", "decided", map[string][]float64{"a": ones, "b": slices.Repeat([]float64{2}, 12)}, nil},
		{"too few", "decided", map[string][]float64{"a": ones[:6], "b": slices.Repeat([]float64{2}, 6)}, []string{"cell of a", "cell of b"}},
		{"alike", "decided", map[string][]float64{"a": ones, "b": nearly}, []string{"cell of a", "cell of b"}},
		{"alike, within a width", "±1%", map[string][]float64{"a": ones, "b": nearly}, nil},
		{"alike, beyond a width", "±0.05%", map[string][]float64{"a": ones, "b": nearly}, []string{"cell of a", "cell of b"}},
		{"one of two", "decided", map[string][]float64{"a": ones, "b": nearly, "c": slices.Repeat([]float64{2}, 12)}, []string{"cell of a", "cell of b"}},
		{"alone", "decided", map[string][]float64{"a": ones}, nil},
	} {
		run := timed(tc.models).Run
		run.Until = tc.until
		if got := slices.Sorted(maps.Keys(Open(run))); !slices.Equal(got, tc.want) {
			t.Errorf("%s: open %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestParseUntil(t *testing.T) {
	for text, want := range map[string]string{"": "", "decided": "decided", "±2%": "±2%", "+-0.5%": "±0.5%", "3%": "±3%"} {
		if got, err := ParseUntil(text); got != want || err != nil {
			t.Errorf("%q is %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"±0%", "±60%", "±x%", "never", "2", "±-1%", "±NaN%", "±Inf%"} {
		if got, err := ParseUntil(text); err == nil {
			t.Errorf("%q is taken for %q", text, got)
		}
	}
}
