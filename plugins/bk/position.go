package main

import (
	"cmp"

	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// PositionConfig are the settings of a position table.
type PositionConfig struct {
	Rows int `json:"n_seq"` // the hard limit of the context
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

// Positions adds to the embedded tokens what depends on their places.
type Positions interface {
	Forward(p *nn.Pass, h nn.Mat, spans []nn.Span) (nn.Mat, error)
	// limit is that of the context, 0 if there is none.
	limit() int
	// cost adds what Forward costs for n tokens.
	cost(s *analytic.Sheet, n int)
}

func newPositions(c *Config, ps *nn.Params) Positions {
	if c.Position == nil {
		return noPositions{}
	}
	ps.Ignore("prime_bump_potential.*")
	return positionTable{ps.Embedding("position_embedding", c.Position.Rows, c.Dim, c.Position.init())}
}

// noPositions is for cores that know the order of tokens.
type noPositions struct{}

func (noPositions) Forward(_ *nn.Pass, h nn.Mat, _ []nn.Span) (nn.Mat, error) { return h, nil }

func (noPositions) limit() int { return 0 }

func (noPositions) cost(*analytic.Sheet, int) {}

// positionTable has a learned vector for each place, position_embedding [n_seq, D].
type positionTable struct{ *nn.Embedding }

// Forward implements Positions.
func (t positionTable) Forward(p *nn.Pass, h nn.Mat, spans []nn.Span) (nn.Mat, error) {
	places := make([]int32, h.Rows)
	for _, s := range spans {
		if s.Len > t.Vocab {
			return h, lm.Errorf(lm.Invalid, "", "%d tokens are more than the context limit n_seq=%d: the model has learned no more positions", s.Len, t.Vocab)
		}
		for i := range s.Len {
			places[s.Start+i] = int32(i)
		}
	}
	return nn.Add(p, h, t.Embedding.Forward(p, places)), nil
}

func (t positionTable) limit() int { return t.Vocab }

func (t positionTable) cost(s *analytic.Sheet, n int) {
	s.Embedding(n, t.Dim, t.Table.Format())
	s.Residual(n * t.Dim)
}
