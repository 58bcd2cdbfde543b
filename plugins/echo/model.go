package main

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/lm"
)

// model is the uniform distribution over a vocabulary: all logits are 0, and every token costs ln V nats.
type model struct {
	info   lm.ModelInfo
	nll    float64
	closed atomic.Bool
}

func newModel(c config, initialised bool, start time.Time) *model {
	text, _ := json.Marshal(c) // cannot fail: a struct of a string and a number
	return &model{
		nll: math.Log(float64(c.VocabSize)),
		info: lm.ModelInfo{
			Architecture:  "echo",
			Mode:          "uniform",
			Config:        string(text),
			Bytes:         []lm.ByteClass{{Class: "weights"}},
			Vocab:         c.VocabSize,
			BOS:           -1,
			Causal:        true,
			StateKind:     "constant",
			Precision:     "f32",
			HeadPrecision: "f32",
			Kernels:       kernel.Tier(),
			Threads:       1,
			Initialised:   initialised,
			LoadTime:      time.Since(start),
		},
	}
}

var (
	_ lm.Model          = (*model)(nil)
	_ lm.Stepper        = (*model)(nil)
	_ lm.Generator      = (*model)(nil)
	_ lm.MemoryReporter = (*model)(nil)
)

// Info implements lm.Model.
func (m *model) Info() lm.ModelInfo { return m.info }

// Close implements lm.Model.
func (m *model) Close() error {
	m.closed.Store(true)
	return nil
}

// ready fails if the model is closed or the context has ended.
func (m *model) ready(ctx context.Context, op string) error {
	if m.closed.Load() {
		return lm.Errorf(lm.Invalid, op, "the model is closed")
	}
	return ctx.Err()
}

// check refuses tokens outside the vocabulary.
func (m *model) check(op string, input int, tokens []int32) error {
	for i, t := range tokens {
		if t < 0 || int(t) >= m.info.Vocab {
			return lm.Errorf(lm.Invalid, op, "input %d: token %d at position %d is outside the vocabulary of %d", input, t, i, m.info.Vocab)
		}
	}
	return nil
}

// Score implements lm.Model.
func (m *model) Score(ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
	start := time.Now()
	if err := m.ready(ctx, "score"); err != nil {
		return lm.ScoreReply{}, err
	}
	if other, ok := req.Versus.(*model); req.Versus != nil && (!ok || other.info.Vocab != m.info.Vocab) {
		return lm.ScoreReply{}, lm.Errorf(lm.Invalid, "score", "the model to compare with has a different vocabulary")
	}
	if len(req.Sequences) == 0 {
		return lm.ScoreReply{}, lm.Errorf(lm.Invalid, "score", "no sequences")
	}
	reply := lm.ScoreReply{Scores: make([]lm.Scores, len(req.Sequences))}
	for i, s := range req.Sequences {
		if err := s.Check(m.info.Vocab); err != nil {
			return lm.ScoreReply{}, lm.Errorf(lm.Invalid, "score", "sequence %d: %w", i, err)
		}
		reply.Scores[i] = m.scores(s, req)
	}
	reply.Compute = time.Since(start)
	return reply, nil
}

// scores returns the scores of a sequence. The uniform distribution does not diverge from itself, and ranks equally likely tokens by
// their ids.
func (m *model) scores(seq lm.Sequence, req lm.ScoreRequest) lm.Scores {
	scored := seq.Scored()
	n := len(scored)
	s := lm.Scores{NLL: m.losses(n)}
	if req.Logits {
		rows := n
		if seq.Targets == nil {
			rows++ // those after the last token
		}
		s.Logits = make([]float32, rows*m.info.Vocab)
	}
	if req.Ranks {
		s.Best, s.Rank = make([]int32, n), slices.Clone(scored)
	}
	if req.Versus != nil {
		s.KL, s.Top1 = make([]float64, n), slices.Repeat([]bool{true}, n)
	}
	return s
}

func (m *model) losses(n int) []float64 { return slices.Repeat([]float64{m.nll}, n) }

// Memory implements lm.MemoryReporter. There are no weights and no activations.
func (m *model) Memory(ctx context.Context, _ bool) (lm.Memory, error) {
	none := []lm.ByteClass{{Class: "weights"}, {Class: "state"}, {Class: "activations"}}
	return lm.Memory{Live: none, Peak: none}, m.ready(ctx, "memory")
}
