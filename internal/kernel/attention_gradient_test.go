package kernel

import (
	"math/rand/v2"
	"testing"
)

// grads runs Forward and AttentionGrad for the loss Σ weight·out.
func (c *attentionCase) grads(pool *Pool, weight []float64) (dq, dk, dv []float32) {
	out, lse := c.forward(pool)
	dq, dk, dv = make([]float32, len(c.q)), make([]float32, len(c.k)), make([]float32, len(c.v))
	wide, slim := c.Heads*c.Dim, c.KVHeads*c.Dim
	g := AttentionGrad{
		Attention: c.Attention,
		Q:         c.rowsOf(c.q), K: c.rowsOf(c.k), V: c.rowsOf(c.v), Out: Rows{out, wide}, DOut: c.rowsOf(weight),
		DQ: Rows{dq, wide}, DK: Rows{dk, slim}, DV: Rows{dv, slim},
		LSE: lse, Spans: c.spans,
	}
	g.Run(pool)
	return dq, dk, dv
}

// difference is the central difference of Σ weight·out in float64 for each element of x, which is q, k or v. Equal
// cases share one computation.
func (c *attentionCase) difference(name string, x, weight []float64) []float64 {
	key := name + c.key
	if references[key] == nil {
		references[key] = c.differences(x, weight)
	}
	return references[key]
}

func (c *attentionCase) differences(x, weight []float64) []float64 {
	const h = 1e-5
	loss := func() (sum float64) {
		for i, v := range c.reference() {
			sum += weight[i] * v
		}
		return sum
	}
	d := make([]float64, len(x))
	for i, v := range x {
		x[i] = v + h
		up := loss()
		x[i] = v - h
		d[i] = (up - loss()) / (2 * h)
		x[i] = v
	}
	return d
}

func TestAttentionGradMatchesDifferences(t *testing.T) {
	eachForm(t, attentionShapes, func(t *testing.T, a Attention) {
		c := newAttentionCase(a, 9, 1, 9, 4)
		weight := newAttentionCase(a, 10, 1, c.rows).q
		dq, dk, dv := c.grads(nil, weight)
		maxDiff(t, "dq", dq, c.difference("dq", c.q, weight), 1e-5)
		maxDiff(t, "dk", dk, c.difference("dk", c.k, weight), 1e-5)
		maxDiff(t, "dv", dv, c.difference("dv", c.v, weight), 1e-5)
	})
}

// TestAttentionGradForms compares the tiled gradients with the naive ones over many tiles, and one thread with three.
func TestAttentionGradForms(t *testing.T) {
	pool := NewPool(3)
	defer pool.Close()
	eachForm(t, attentionShapes, func(t *testing.T, a Attention) {
		if !a.Naive {
			c := newAttentionCase(a, 21, 1, 150, 1, 65)
			weight := make([]float64, len(c.q))
			r := rand.New(rand.NewPCG(4, 4))
			for i := range weight {
				weight[i] = r.NormFloat64()
			}
			q3, k3, v3 := c.grads(pool, weight)
			dq, dk, dv := c.grads(nil, weight)
			equal(t, "dq", q3, dq)
			equal(t, "dk", k3, dk)
			equal(t, "dv", v3, dv)
			c.Naive = true
			nq, nk, nv := c.grads(nil, weight)
			maxDiff(t, "dq", dq, widen(nq), 1e-5)
			maxDiff(t, "dk", dk, widen(nk), 1e-5)
			maxDiff(t, "dv", dv, widen(nv), 1e-5)
		}
	})
}

func equal(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s: element %d is %v with 3 threads, %v with one", what, i, got[i], want[i])
		}
	}
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
