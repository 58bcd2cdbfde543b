package train

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
)

// TestFaultsAreSeen gives the monitors steady series with one fault each, and expects exactly the event of that fault.
func TestFaultsAreSeen(t *testing.T) {
	for name, c := range map[string]struct {
		change func(i int, s *record.TrainingStep)
		want   []string
	}{
		"nothing":        {func(int, *record.TrainingStep) {}, nil},
		"a falling loss": {func(i int, s *record.TrainingStep) { s.Loss = record.Real(8 * math.Exp(-float64(i)/40)) }, nil},
		"noise": {func(i int, s *record.TrainingStep) {
			s.Loss, s.GradientNorm = record.Real(3+i%2), record.Real(1+4*(i%2))
		}, nil},
		"one NaN":        {func(i int, s *record.TrainingStep) { s.Applied = i != 50 }, []string{"50 non-finite"}},
		"NaN for long":   {func(i int, s *record.TrainingStep) { s.Applied = i < 50 || i > 52 }, []string{"50 non-finite", "51 non-finite", "52 non-finite!"}},
		"a spike":        {func(i int, s *record.TrainingStep) { s.Loss += record.Real(at(i, 50, 4)) }, []string{"50 loss spike"}},
		"a long spike":   {func(i int, s *record.TrainingStep) { s.Loss += record.Real(at(i, 50, 4) + at(i, 51, 4) + at(i, 52, 4)) }, []string{"50 loss spike"}},
		"two spikes":     {func(i int, s *record.TrainingStep) { s.Loss += record.Real(at(i, 50, 4) + at(i, 55, 4)) }, []string{"50 loss spike", "55 loss spike"}},
		"a small spike":  {func(i int, s *record.TrainingStep) { s.Loss = record.Real(0.1 + at(i, 50, 0.3)) }, nil},
		"an early spike": {func(i int, s *record.TrainingStep) { s.Loss += record.Real(at(i, 5, 4)) }, nil},
		"an explosion":   {func(i int, s *record.TrainingStep) { s.GradientNorm += record.Real(at(i, 50, 20)) }, []string{"50 explosion"}},
		"of a component": {func(i int, s *record.TrainingStep) { s.GradientNorms["head"] += record.Real(at(i, 50, 20)) }, []string{"50 explosion"}},
		"of all together": {func(i int, s *record.TrainingStep) {
			s.GradientNorm, s.GradientNorms["head"] = s.GradientNorm+record.Real(at(i, 50, 20)), 1+record.Real(at(i, 50, 20))
		}, []string{"50 explosion"}},
		"a divergence": {func(i int, s *record.TrainingStep) {
			if i > 50 {
				s.Loss = record.Real(min(3+0.05*float64(i-50), 5.5))
			}
		}, []string{"90 divergence!"}},
	} {
		t.Run(name, func(t *testing.T) {
			var m monitor
			var got []string
			for i := range 200 {
				s := record.TrainingStep{Applied: true, Loss: 3, GradientNorm: 1, GradientNorms: map[string]record.Real{"head": 1}}
				c.change(i, &s)
				for _, f := range m.see(DefaultRules, &s) {
					got = append(got, words(i, f))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// at is v for one update and 0 for all others.
func at(i, update int, v float64) float64 {
	if i == update {
		return v
	}
	return 0
}

func words(i int, f finding) string {
	s := strings.TrimSpace(strconv.Itoa(i) + " " + f.kind)
	if f.severe {
		s += "!"
	}
	return s
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}} {
		if got := median(slices.Clone(c.values)); got != c.want {
			t.Errorf("median of %v is %v", c.values, got)
		}
	}
	if got := remember([]float64{1, 2}, 3, 2); !slices.Equal(got, []float64{2, 3}) {
		t.Errorf("remembered %v", got)
	}
}
