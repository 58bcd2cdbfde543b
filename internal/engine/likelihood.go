package engine

import (
	"math"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
)

// appendNLL appends -log softmax(logits[r])[targets[r]] in nats for each row; sums are in float64.
func appendNLL(dst []float64, pool *kernel.Pool, logits nn.Mat, targets []int32) []float64 {
	n := len(dst)
	dst = append(dst, make([]float64, logits.Rows)...)
	out := dst[n:]
	pool.Each(logits.Rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row := logits.Row(r)
			out[r] = logSumExp(row) - float64(row[targets[r]])
		}
	})
	return dst
}

// logSumExp returns log Σ exp(x) in float64.
func logSumExp(x []float32) float64 {
	top := x[argmax(x)]
	var sum float64
	for _, v := range x {
		sum += math.Exp(float64(v - top))
	}
	return float64(top) + math.Log(sum)
}

// argmax returns the lowest index of the largest value.
func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// divergence returns KL(p || q) in nats of the distributions with logits p and q, and whether both rank the same token
// first.
func divergence(p, q []float32) (kl float64, same bool) {
	zp, zq := logSumExp(p), logSumExp(q)
	for i := range p {
		lp, lq := float64(p[i])-zp, float64(q[i])-zq
		kl += math.Exp(lp) * (lp - lq)
	}
	return max(0, kl), argmax(p) == argmax(q)
}
