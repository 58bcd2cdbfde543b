package kernel

import (
	"cmp"
	"math"
)

// AdamW holds the rates for one step of Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).
type AdamW struct {
	LearningRate float64 // for this step, after the schedule
	Beta1, Beta2 float64 // decay rates of the moments
	Epsilon      float64 // added to the root of the second moment
	WeightDecay  float64 // in units of the learning rate
	// GradScale is a factor of the gradient, for example of clipping; 0 is 1.
	GradScale float64
}

// Step updates weights w and moments m and v from gradient g, times GradScale, in one pass. The moments start at zero; step
// counts from 1:
//
//	m = β₁m + (1-β₁)g    v = β₂v + (1-β₂)g²
//	w = w - LearningRate·(m/(1-β₁ˢᵗᵉᵖ)/(√(v/(1-β₂ˢᵗᵉᵖ)) + Epsilon) + WeightDecay·w)
func (o AdamW) Step(pool *Pool, w, g, m, v []float32, step int) {
	scale := cmp.Or(o.GradScale, 1)
	r := adamRates{
		keep1: float32(o.Beta1), add1: float32(scale * (1 - o.Beta1)),
		keep2: float32(o.Beta2), add2: float32(scale * scale * (1 - o.Beta2)),
		decay:   float32(1 - o.LearningRate*o.WeightDecay),
		rate:    float32(o.LearningRate / (1 - math.Pow(o.Beta1, float64(step)))),
		unbias:  float32(1 / math.Sqrt(1-math.Pow(o.Beta2, float64(step)))),
		epsilon: float32(o.Epsilon),
	}
	update := func(lo, hi int) { active.adamW(w[lo:hi], g[lo:hi], m[lo:hi], v[lo:hi], &r) }
	pool.spread(len(w), adamWork*len(w), taskFunc(update))
}

// adamWork is the cost of updating one weight, with operands from memory, in multiply-adds.
const adamWork = 16

// adamRates are the factors of a step, in the order the kernels read them.
type adamRates struct {
	keep1, add1, keep2, add2 float32 // for the moments
	decay                    float32 // fraction of a weight that remains
	rate                     float32 // learning rate with the correction of m
	unbias                   float32 // correction of √v
	epsilon                  float32
}

func adamWReference(w, g, m, v []float32, r *adamRates) {
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	for i, d := range g {
		m[i] = r.keep1*m[i] + r.add1*d
		v[i] = r.keep2*v[i] + r.add2*(d*d)
		root := float32(math.Sqrt(float64(v[i])))
		w[i] = r.decay*w[i] - r.rate*(m[i]/(root*r.unbias+r.epsilon))
	}
}
