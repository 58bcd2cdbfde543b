package main

import (
	"cmp"

	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// PositionConfig configures a position table.
type PositionConfig struct {
	Rows int `json:"n_seq"` // the context limit
	BumpConfig
}

func (c *PositionConfig) validate() error {
	if c == nil {
		return nil
	}
	return cmp.Or(
		config.Sizes{{"n_seq", c.Rows}, {"k_max_primes", c.Powers}}.Check(),
		config.Positive{{"prime_bump_scale", c.Scale}, {"epsilon", c.Epsilon}}.Check(),
	)
}

// Positions is position_embedding [n_seq, D], a learned vector per position. It is nil for causal cores, which see the order
// of tokens themselves.
type Positions struct{ *nn.Embedding }

func newPositions(c *Config, ps *nn.Params) *Positions {
	if c.Position == nil {
		return nil
	}
	ps.Ignore("prime_bump_potential.*")
	return &Positions{ps.Embedding("position_embedding", c.Position.Rows, c.Dim, c.Position.init())}
}

// Forward adds position embeddings to the embedded tokens h.
func (t *Positions) Forward(p *nn.Pass, h nn.Mat, spans []nn.Span) (nn.Mat, error) {
	if t == nil {
		return h, nil
	}
	positions := make([]int32, h.Rows)
	for _, s := range spans {
		if s.Len > t.Vocab {
			return h, lm.Errorf(lm.Invalid, "", "%d tokens are more than the context limit n_seq=%d: the model has learned no more positions", s.Len, t.Vocab)
		}
		for i := range s.Len {
			positions[s.Start+i] = int32(i)
		}
	}
	return nn.Add(p, h, t.Embedding.Forward(p, positions)), nil
}

// limit returns the context limit, 0 if there is none.
func (t *Positions) limit() int {
	if t == nil {
		return 0
	}
	return t.Vocab
}

// cost adds the cost of Forward for n tokens.
func (t *Positions) cost(s *analytic.Sheet, n int) {
	if t != nil {
		s.Embedding(n, t.Dim, t.Table.Format())
		s.Residual(n * t.Dim)
	}
}
