package kernel

import (
	"math"
	"testing"
)

// TestRotateKnown checks frequencies and one rotation by hand: with dim 4 and base 10000, θ = 1, 0.01.
func TestRotateKnown(t *testing.T) {
	freq := RopeFrequencies(4, 10000)
	if freq[0] != 1 || math.Abs(float64(freq[1])-.01) > 1e-9 {
		t.Fatalf("frequencies %v, want 1 and 0.01", freq)
	}
	cos, sin := make([]float32, 2), make([]float32, 2)
	RopeAngles(cos, sin, freq, 3)
	x := []float32{1, 2, 3, 4, -1, 0, 0, 1}
	want := make([]float64, len(x))
	for h := 0; h < len(x); h += 4 {
		for i := range 2 {
			a, b := float64(x[h+i]), float64(x[h+i+2])
			s, c := math.Sincos(3 * float64(freq[i]))
			want[h+i], want[h+i+2] = a*c-b*s, b*c+a*s
		}
	}
	original := append([]float32(nil), x...)
	Rotate(x, cos, sin, false)
	maxDiff(t, "rotated", x, want, 1e-6)
	Rotate(x, cos, sin, true)
	maxDiff(t, "turned back", x, widen(original), 1e-6)
}

// TestRotateRelative checks that the product of two rotated vectors depends only on the distance of their positions.
func TestRotateRelative(t *testing.T) {
	const dim = 16
	freq := RopeFrequencies(dim, 10000)
	product := func(p, s int) (sum float64) {
		q, k := make([]float32, dim), make([]float32, dim)
		for i := range q {
			q[i], k[i] = float32(i%5)-2, float32(i%3)+.5
		}
		cos, sin := make([]float32, dim/2), make([]float32, dim/2)
		RopeAngles(cos, sin, freq, p)
		Rotate(q, cos, sin, false)
		RopeAngles(cos, sin, freq, s)
		Rotate(k, cos, sin, false)
		for i := range q {
			sum += float64(q[i]) * float64(k[i])
		}
		return sum
	}
	for _, p := range []int{7, 100, 1000} {
		if got, want := product(p, p-5), product(5, 0); math.Abs(got-want) > 1e-3 {
			t.Errorf("product at positions %d and %d is %g, want %g as at 5 and 0", p, p-5, got, want)
		}
	}
}
