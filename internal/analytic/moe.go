package analytic

import "github.com/archbench/archbench/internal/kernel"

// Expert is the shape of a two-layer feed-forward network with biases.
type Expert struct {
	Dim, Inner int
	Activation int  // FLOPs per element
	Gated      bool // SwiGLU: the first layer is twice as wide
	Format     kernel.Format
}

// Expert adds one pass over rows tokens.
func (s *Sheet) Expert(e Expert, rows int) { s.experts(e, rows, 1) }

// experts adds rows tokens spread over a number of experts. The weights of each expert are read once.
func (s *Sheet) experts(e Expert, rows, used int) {
	up := e.Inner
	if e.Gated {
		up = 2 * e.Inner
	}
	weights := WeightBytes(e.Format, up, e.Dim) + WeightBytes(e.Format, e.Dim, e.Inner) + 4*(up+e.Dim)
	s.Add(2*rows*(e.Dim*up+e.Inner*e.Dim)+rows*(up+e.Dim), used*weights+4*rows*(e.Dim+up+e.Inner+e.Dim))
	if e.Gated {
		s.SwiGLU(rows * e.Inner)
	} else {
		s.Activation(rows*e.Inner, e.Activation)
	}
}

// MoE adds a mixture of experts that gathers the tokens of each expert. Each of rows tokens uses k experts; a (token, expert) pair
// costs a pass through the expert, a copy and a weighted sum.
//
// FLOPs are exact. Bytes depend on how many experts are used: at least the k of one token, at most as many as there are pairs.
func (s *Sheet) MoE(e Expert, experts, rows, k int) {
	routed := rows * k
	used := min(experts, routed)
	if s.Fewest {
		used = k
	}
	s.experts(e, routed, used)
	s.Add(0, 8*routed*e.Dim)
	s.Add(2*routed*e.Dim, 12*routed*e.Dim)
}

// TopKGate adds the choice of k experts, without its linear layer: 3 for every logit under the softmax, 2 for every
// weight, and 2 for the denominator.
func (s *Sheet) TopKGate(rows, experts, k int, renormalise bool) {
	k = min(k, experts)
	under := experts
	if renormalise {
		under = k
	}
	s.Add(rows*(3*under+2*k+2), 8*rows*experts)
}
