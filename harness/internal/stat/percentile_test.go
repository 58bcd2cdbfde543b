package stat

import (
	"strings"
	"testing"
)

func TestPercentile(t *testing.T) {
	values := make([]float64, 1000)
	for i := range values {
		values[i] = float64((i*7)%1000 + 1) // 1 to 1000 in some order
	}
	for _, c := range []struct {
		n    int
		q    float64
		want float64
	}{{1000, 0.5, 500}, {1000, 0.9, 900}, {1000, 0.99, 990}} {
		if got := Percentile(values[:c.n], c.q); got.Value != c.want || got.N != c.n || len(got.Warnings) != 0 || got.Bounded() {
			t.Errorf("the percentile %g of %d: %+v, want %g", c.q, c.n, got, c.want)
		}
	}
	for q, n := range map[float64]int{0.5: 20, 0.9: 100, 0.99: 1000} {
		if Needed(q) != n {
			t.Errorf("%g needs %d samples, want %d", q, Needed(q), n)
		}
		if got := Percentile(values[:n-1], q); got.Valid() || !strings.Contains(strings.Join(got.Warnings, ""), "needs") {
			t.Errorf("the percentile %g of %d samples: %+v", q, n-1, got)
		}
	}
}
