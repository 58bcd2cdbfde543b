package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/archbench/archbench/lm"
)

// state is the number of tokens seen, and how the next ones are drawn.
type state struct {
	model   *model
	seen    int
	sampler sampler
}

// stateBytes is the size of the count. A sampler is no part of what a document leaves behind.
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
	return &state{model: s.model, seen: s.seen, sampler: s.sampler}, nil
}

// Reset implements lm.State.
func (s *state) Reset(ctx context.Context) error {
	if err := s.model.ready(ctx, "resetstate"); err != nil {
		return err
	}
	s.seen, s.sampler = 0, sampler{}
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
	samplers := make([]sampler, len(states))
	for i, in := range req.Inputs {
		samplers[i] = states[i].sampler
		if in.Sampler != nil {
			if samplers[i], err = newSampler("step", in.Sampler.Sampling, in.Sampler.Stream); err != nil {
				return lm.StepReply{}, err
			}
		}
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
		s.seen, s.sampler = s.seen+n, samplers[i]
		if req.Inputs[i].Sample {
			reply.Outputs[i].Sampled = []int32{s.sampler.draw(m.info.Vocab)}
		}
	}
	reply.Compute = time.Since(start)
	return reply, nil
}

// Generate implements lm.Generator.
func (m *model) Generate(ctx context.Context, req lm.GenerateRequest, emit func(lm.GenerateChunk) bool) error {
	start := time.Now()
	states, err := m.inputs(ctx, "generate", req.Inputs)
	if err != nil {
		return err
	}
	if req.MaxNew < 1 {
		return lm.Errorf(lm.Invalid, "generate", "max new tokens is %d", req.MaxNew)
	}
	g := generation{model: m, req: req, samplers: make([]sampler, len(states)), ended: make([]bool, len(states))}
	for i := range states {
		if g.samplers[i], err = newSampler("generate", req.Sampling, uint64(i)); err != nil {
			return err
		}
	}
	for i, s := range states {
		s.seen += len(req.Inputs[i].Tokens)
	}
	return g.run(ctx, states, start, emit)
}

// generation is the state of one Generate call.
type generation struct {
	model    *model
	req      lm.GenerateRequest
	samplers []sampler
	ended    []bool
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
		if token := g.samplers[i].draw(g.model.info.Vocab); slices.Contains(g.req.Stop, token) {
			g.ended[i] = true
		} else {
			tokens[i] = append(tokens[i], token)
		}
	}
}

// sampler draws the tokens of a document. The zero value is greedy.
type sampler struct {
	lm.Sampling
	source rand.PCG
}

func newSampler(op string, s lm.Sampling, stream uint64) (sampler, error) {
	if s.RepetitionPenalty > 0 && s.RepetitionPenalty != 1 || s.TopP > 0 && s.TopP < 1 {
		return sampler{}, lm.Errorf(lm.Unsupported, op, "echo supports neither repetition penalty nor top-p")
	}
	return sampler{s, *rand.NewPCG(s.Seed, stream)}, nil
}

// draw picks one of equally likely tokens: the lowest if greedy, else any of them, or of the k lowest.
func (s *sampler) draw(vocab int) int32 {
	if s.Temperature == 0 {
		return 0
	}
	if s.TopK > 0 {
		vocab = min(vocab, s.TopK)
	}
	return rand.New(&s.source).Int32N(int32(vocab))
}
