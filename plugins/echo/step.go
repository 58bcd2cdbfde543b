package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/archbench/archbench/lm"
)

// state is the number of tokens seen.
type state struct {
	model *model
	seen  int
}

// stateBytes is the size of the count.
const stateBytes = 8

// NewState implements lm.Stepper.
func (m *model) NewState(ctx context.Context) (lm.State, error) {
	if err := m.ready(ctx, "newstate"); err != nil {
		return nil, err
	}
	return &state{model: m}, nil
}

// Len implements lm.State.
func (s *state) Len() int { return s.seen }

// Bytes implements lm.State.
func (s *state) Bytes() int64 { return stateBytes }

// Fork implements lm.State.
func (s *state) Fork(ctx context.Context) (lm.State, error) {
	if err := s.model.ready(ctx, "forkstate"); err != nil {
		return nil, err
	}
	return &state{model: s.model, seen: s.seen}, nil
}

// Reset implements lm.State.
func (s *state) Reset(ctx context.Context) error {
	if err := s.model.ready(ctx, "resetstate"); err != nil {
		return err
	}
	s.seen = 0
	return nil
}

// Close implements lm.State.
func (s *state) Close() error { return nil }

// inputs checks a request before anything is changed.
func (m *model) inputs(ctx context.Context, op string, inputs []lm.StepInput) ([]*state, error) {
	if err := m.ready(ctx, op); err != nil {
		return nil, err
	}
	if len(inputs) == 0 {
		return nil, lm.Errorf(lm.Invalid, op, "no inputs")
	}
	var states []*state
	for i, in := range inputs {
		s, ok := in.State.(*state)
		switch {
		case !ok || s.model != m:
			return nil, lm.Errorf(lm.Invalid, op, "input %d: the state belongs to another model", i)
		case slices.Contains(states, s):
			return nil, lm.Errorf(lm.Invalid, op, "input %d: duplicate state", i)
		case len(in.Tokens) == 0:
			return nil, lm.Errorf(lm.Invalid, op, "input %d has no tokens", i)
		}
		if err := m.check(op, i, in.Tokens); err != nil {
			return nil, err
		}
		states = append(states, s)
	}
	return states, nil
}

// Step implements lm.Stepper.
func (m *model) Step(ctx context.Context, req lm.StepRequest) (lm.StepReply, error) {
	start := time.Now()
	states, err := m.inputs(ctx, "step", req.Inputs)
	if err != nil {
		return lm.StepReply{}, err
	}
	reply := lm.StepReply{Outputs: make([]lm.StepOutput, len(states))}
	for i, s := range states {
		n := len(req.Inputs[i].Tokens)
		switch req.Want {
		case lm.WantNLL:
			reply.Outputs[i].NLL = m.losses(n - max(0, 1-s.seen)) // a document's first token has no prediction
		case lm.WantLastLogits:
			reply.Outputs[i].Logits = make([]float32, m.info.Vocab)
		case lm.WantAllLogits:
			reply.Outputs[i].Logits = make([]float32, n*m.info.Vocab)
		}
		s.seen += n
	}
	reply.Compute = time.Since(start)
	return reply, nil
}

// Generate implements lm.Generator. Greedy decoding repeats token 0, the lowest of equally likely tokens. Any temperature
// samples uniformly, and top-k keeps the k lowest tokens.
func (m *model) Generate(ctx context.Context, req lm.GenerateRequest, emit func(lm.GenerateChunk) bool) error {
	start := time.Now()
	states, err := m.inputs(ctx, "generate", req.Inputs)
	if err != nil {
		return err
	}
	if req.MaxNew < 1 {
		return lm.Errorf(lm.Invalid, "generate", "max new tokens is %d", req.MaxNew)
	}
	if req.Sampling.RepetitionPenalty > 0 && req.Sampling.RepetitionPenalty != 1 || req.Sampling.TopP > 0 && req.Sampling.TopP < 1 {
		return lm.Errorf(lm.Unsupported, "generate", "echo supports neither repetition penalty nor top-p")
	}
	g := generation{model: m, req: req, ended: make([]bool, len(states))}
	for i, s := range states {
		s.seen += len(req.Inputs[i].Tokens)
		g.random = append(g.random, rand.New(rand.NewPCG(req.Sampling.Seed, uint64(i))))
	}
	return g.run(ctx, states, start, emit)
}

// generation is the state of one Generate call.
type generation struct {
	model  *model
	req    lm.GenerateRequest
	random []*rand.Rand
	ended  []bool
}

func (g *generation) run(ctx context.Context, states []*state, start time.Time, emit func(lm.GenerateChunk) bool) error {
	every := max(1, g.req.Every)
	chunk := lm.GenerateChunk{Prefill: time.Since(start)}
	for made := 0; !chunk.Done; made += every {
		if err := ctx.Err(); err != nil {
			return err
		}
		start = time.Now()
		chunk.Tokens = make([][]int32, len(states))
		for range min(every, g.req.MaxNew-made) {
			g.next(chunk.Tokens)
		}
		chunk.Done = made+every >= g.req.MaxNew || !slices.Contains(g.ended, false)
		for i, s := range states {
			s.seen += len(chunk.Tokens[i])
			if chunk.Done && !g.ended[i] {
				s.seen-- // the last token has not been fed back
			}
		}
		chunk.Compute = time.Since(start)
		if !emit(chunk) {
			return nil
		}
		chunk.Prefill = 0
	}
	return nil
}

// next adds a token to every unfinished continuation.
func (g *generation) next(tokens [][]int32) {
	for i := range tokens {
		if g.ended[i] {
			continue
		}
		if token := g.draw(i); slices.Contains(g.req.Stop, token) {
			g.ended[i] = true
		} else {
			tokens[i] = append(tokens[i], token)
		}
	}
}

// draw picks one of the equally likely tokens.
func (g *generation) draw(i int) int32 {
	if g.req.Sampling.Temperature == 0 {
		return 0
	}
	n := g.model.info.Vocab
	if k := g.req.Sampling.TopK; k > 0 {
		n = min(n, k)
	}
	return g.random[i].Int32N(int32(n))
}
