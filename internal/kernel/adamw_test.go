package kernel

import (
	"math"
	"slices"
	"testing"
)

var adamW = AdamW{LearningRate: 1e-3, Beta1: .9, Beta2: .95, Epsilon: 1e-8, WeightDecay: .1}

// adamW64 is the published algorithm for one weight, in float64.
type adamW64 struct{ w, m, v float64 }

func (s *adamW64) step(o AdamW, g float64, step int) {
	s.m = o.Beta1*s.m + (1-o.Beta1)*g
	s.v = o.Beta2*s.v + (1-o.Beta2)*g*g
	m, v := s.m/(1-math.Pow(o.Beta1, float64(step))), s.v/(1-math.Pow(o.Beta2, float64(step)))
	s.w -= o.LearningRate * (m/(math.Sqrt(v)+o.Epsilon) + o.WeightDecay*s.w)
}

// Every tier follows the published algorithm over many steps, for any length and number of threads.
func TestAdamW(t *testing.T) {
	pool := NewPool(3)
	defer pool.Close()
	for _, tr := range append(usableTiers(), &reference) {
		for _, n := range []int{0, 1, 7, 16, 33, 67, 20_000} {
			withTier(t, tr, func() { compareAdamW(t, tr, pool, n) })
		}
	}
}

func compareAdamW(t *testing.T, tr *tier, pool *Pool, n int) {
	w, m, v := gaussians(1, n), make([]float32, n), make([]float32, n)
	alone := [3][]float32{slices.Clone(w), slices.Clone(m), slices.Clone(v)}
	want := make([]adamW64, n)
	for i := range want {
		want[i].w = float64(w[i])
	}
	for step := 1; step <= 10; step++ {
		g := gaussians(uint64(100+step), n)
		adamW.Step(pool, w, g, m, v, step)
		adamW.Step(nil, alone[0], g, alone[1], alone[2], step)
		for i := range want {
			want[i].step(adamW, float64(g[i]), step)
		}
	}
	if !slices.Equal(w, alone[0]) || !slices.Equal(m, alone[1]) || !slices.Equal(v, alone[2]) {
		t.Errorf("%s: threads change a step of %d weights", tr.name, n)
	}
	for i, s := range want {
		if math.Abs(float64(w[i])-s.w) > 2e-6 || math.Abs(float64(m[i])-s.m) > 1e-6 || math.Abs(float64(v[i])-s.v) > 2e-6*s.v {
			t.Fatalf("%s: weight %d of %d is %g with moments %g and %g, want %g, %g and %g", tr.name, i, n, w[i], m[i], v[i], s.w, s.m, s.v)
		}
	}
}

// A NaN or infinite gradient shows in the weight; zero gradients only decay it.
func TestAdamWSpecialValues(t *testing.T) {
	for _, tr := range append(usableTiers(), &reference) {
		withTier(t, tr, func() {
			w, g := []float32{1, 1, 1, 1}, []float32{float32(math.NaN()), float32(math.Inf(1)), 0, 1e-42}
			m, v := make([]float32, 4), make([]float32, 4)
			adamW.Step(nil, w, g, m, v, 1)
			if w[0] == w[0] || w[1] == w[1] {
				t.Errorf("%s: gradients of NaN and Inf gave the weights %v", tr.name, w)
			}
			if decayed := float32(1 - 1e-4); w[2] != decayed || w[3] != decayed {
				t.Errorf("%s: gradients of nothing gave %v, want %g", tr.name, w[2:], decayed)
			}
		})
	}
}
