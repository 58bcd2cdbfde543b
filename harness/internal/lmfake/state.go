package lmfake

import (
	"context"
	"time"

	"github.com/archbench/archbench/lm"
)

// stateBytes is the reported size of a document's state.
const stateBytes = 64

// state is the hash of a document.
type state struct {
	m      *model
	hash   hash
	length int
}

// Len implements lm.State.
func (s *state) Len() int { return s.length }

// Bytes implements lm.State.
func (s *state) Bytes() int64 { return stateBytes }

// Fork implements lm.State.
func (s *state) Fork(context.Context) (lm.State, error) {
	c := *s
	s.m.states.Add(1)
	return &c, nil
}

// Reset implements lm.State.
func (s *state) Reset(context.Context) error {
	s.hash, s.length = 0, 0
	return nil
}

// Close implements lm.State.
func (s *state) Close() error {
	s.m.states.Add(-1)
	return nil
}

// NewState implements lm.Stepper.
func (m *model) NewState(ctx context.Context) (lm.State, error) {
	if err := m.arch.before(ctx, "state"); err != nil {
		return nil, err
	}
	m.states.Add(1)
	return &state{m: m}, nil
}

// Step implements lm.Stepper.
func (m *model) Step(ctx context.Context, req lm.StepRequest) (lm.StepReply, error) {
	if err := m.arch.before(ctx, "step"); err != nil {
		return lm.StepReply{}, err
	}
	start, tokens := time.Now(), 0
	var reply lm.StepReply
	for _, in := range req.Inputs {
		s := in.State.(*state)
		if m.arch.Limit > 0 && s.length+len(in.Tokens) > m.arch.Limit {
			return reply, lm.Errorf(lm.Invalid, "step", "beyond the context limit of %d", m.arch.Limit)
		}
		reply.Outputs = append(reply.Outputs, m.step(s, in.Tokens, req.Want))
		tokens += len(in.Tokens)
	}
	reply.Compute = m.arch.cost(tokens, start)
	m.arch.tell(&reply)
	return reply, nil
}

func (m *model) step(s *state, tokens []int32, want lm.Want) (out lm.StepOutput) {
	if m.arch.StateLeak && s.length > 0 {
		s.hash = s.hash.add(0)
	}
	for i, token := range tokens {
		if want == lm.WantNLL && s.length > 0 {
			out.NLL = append(out.NLL, m.loss(m.logits(s.hash), token))
		}
		s.hash, s.length = s.hash.add(token), s.length+1
		if want == lm.WantAllLogits || (want == lm.WantLastLogits && i == len(tokens)-1) {
			out.Logits = append(out.Logits, m.logits(s.hash)...)
		}
	}
	return out
}

// Generate implements lm.Generator, greedily.
func (m *model) Generate(ctx context.Context, req lm.GenerateRequest, emit func(lm.GenerateChunk) bool) error {
	if err := m.arch.before(ctx, "generate"); err != nil {
		return err
	}
	chunk, start, tokens := lm.GenerateChunk{Done: true}, time.Now(), 0
	for _, in := range req.Inputs {
		m.step(in.State.(*state), in.Tokens, lm.WantNothing)
		tokens += len(in.Tokens)
	}
	chunk.Prefill, start = m.arch.cost(tokens, start), time.Now()
	for _, in := range req.Inputs {
		chunk.Tokens = append(chunk.Tokens, m.continued(in.State.(*state), req.MaxNew))
	}
	chunk.Compute = m.arch.cost(req.MaxNew-1, start)
	for range req.MaxNew - 1 {
		chunk.Steps = append(chunk.Steps, chunk.Compute/time.Duration(req.MaxNew-1))
	}
	m.arch.tell(&chunk)
	emit(chunk)
	return nil
}

// continued generates n tokens. The state does not include the last one.
func (m *model) continued(s *state, n int) (made []int32) {
	for range n {
		if len(made) > 0 {
			m.step(s, made[len(made)-1:], lm.WantNothing)
		}
		made = append(made, argmax(m.logits(s.hash)))
	}
	return made
}

// Cost implements lm.Coster with 10 FLOPs and 4 bytes per token in two components.
func (m *model) Cost(ctx context.Context, req lm.CostRequest) (lm.CostReply, error) {
	if err := m.arch.before(ctx, "cost"); err != nil {
		return lm.CostReply{}, err
	}
	tokens := int64(req.Batch)
	if req.Phase != lm.Decode {
		tokens *= int64(req.Length)
	}
	items := []lm.CostItem{
		{Component: "hash", FLOPs: 8 * tokens, Bytes: 3 * tokens}, {Component: "head", FLOPs: 2 * tokens, Bytes: tokens},
	}
	reply := lm.CostReply{Analytic: items, StateBytes: stateBytes}
	if req.Count {
		reply.Counted = items
	}
	m.arch.tell(&reply)
	return reply, nil
}

// Memory implements lm.MemoryReporter.
func (m *model) Memory(ctx context.Context, _ bool) (lm.Memory, error) {
	if err := m.arch.before(ctx, "memory"); err != nil {
		return lm.Memory{}, err
	}
	memory := lm.Memory{
		Live: append(m.info.Bytes[:1:1], lm.ByteClass{Class: "state", Bytes: stateBytes * m.states.Load()}),
		Peak: []lm.ByteClass{{Class: "activations", Bytes: 1028}},
	}
	m.arch.tell(&memory)
	return memory, nil
}
