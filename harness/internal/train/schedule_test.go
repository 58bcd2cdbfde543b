package train

import (
	"math"
	"strings"
	"testing"
)

// TestRate compares rates with values computed by hand.
func TestRate(t *testing.T) {
	type point struct {
		update int64
		want   float64
	}
	for _, c := range []struct {
		kind   string
		points []point
	}{
		{"constant", []point{{1, 0.5}, {2, 1}, {3, 1.5}, {4, 2}, {5, 2}, {14, 2}}},
		{"linear", []point{{4, 2}, {9, 2 * 0.55}, {14, 0.2}, {20, 0.2}}},
		{"cosine", []point{{4, 2}, {9, 2 * 0.55}, {14, 0.2}, {6, 2 * (0.1 + 0.9*(1+0.8090169943749475)/2)}}},
		{"wsd", []point{{4, 2}, {12, 2}, {13, 2 * 0.55}, {14, 0.2}}},
	} {
		s, err := NewSchedule(c.kind, 2, 4)
		if err != nil {
			t.Fatal(err)
		}
		if c.kind == "constant" {
			s.Warmup = 0
			if got := s.Rate(1, 14); got != 2 {
				t.Errorf("without warm-up: %v", got)
			}
			s.Warmup = 4
		}
		for _, p := range c.points {
			if got := s.Rate(p.update, 14); math.Abs(got-p.want) > 1e-12 {
				t.Errorf("%s at %d: %v, want %v", c.kind, p.update, got, p.want)
			}
		}
	}
}

// TestRateIsContinuous checks that no schedule jumps: from update to update the rate changes by at most what its steepest part allows.
func TestRateIsContinuous(t *testing.T) {
	for _, kind := range Kinds {
		s, err := NewSchedule(kind, 1, 10)
		if err != nil {
			t.Fatal(err)
		}
		before := 0.0
		for u := int64(1); u <= 1000; u++ {
			now := s.Rate(u, 1000)
			if limit := 0.1 + 1e-9; now <= 0 || now > 1 || math.Abs(now-before) > limit || u > 11 && math.Abs(now-before) > 0.0046 {
				t.Errorf("%s: %v at %d, %v before", kind, now, u, before)
			}
			before = now
		}
		if s.Rate(5, 3) <= 0 {
			t.Errorf("%s: a training shorter than its warm-up", kind)
		}
	}
}

func TestNewScheduleRefuses(t *testing.T) {
	for _, c := range []struct {
		kind string
		peak float64
		want string
	}{{"cosin", 1, "did you mean cosine?"}, {"cosine", 0, "want a number above 0"}, {"wsd", math.NaN(), "above 0"}, {"linear", math.Inf(1), "above 0"}} {
		if _, err := NewSchedule(c.kind, c.peak, 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v", c.kind, c.peak, err)
		}
	}
}
