package engine

import (
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
)

// appendNLL appends the negative log-likelihood in nats of targets[r] for each row r of hidden. It keeps no logits.
func (m *Model) appendNLL(dst []float64, p *nn.Pass, hidden nn.Mat, targets []int32) []float64 {
	n := len(dst)
	dst = append(dst, make([]float64, hidden.Rows)...)
	p.Component("head")
	m.net.Output().NLL(p, dst[n:], hidden, targets[:hidden.Rows])
	return dst
}

// appendNLLOf is appendNLL from logits.
func appendNLLOf(dst []float64, pool *kernel.Pool, logits nn.Mat, targets []int32) []float64 {
	n := len(dst)
	dst = append(dst, make([]float64, logits.Rows)...)
	kernel.NLL(pool, dst[n:], logits.Data, targets[:logits.Rows])
	return dst
}

// divergence returns KL(p || q) in nats of the distributions with logits p and q, and whether both have the same most likely
// token.
func divergence(p, q []float32) (kl float64, same bool) {
	return kernel.Divergence(p, q), kernel.ArgMax(p) == kernel.ArgMax(q)
}
