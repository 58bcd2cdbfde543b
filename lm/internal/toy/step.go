package toy

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/archbench/archbench/lm"
)

// state is h, the number of tokens that it has seen, and a sampler.
type state struct {
	m *Model
	h []float64
	n int

	temperature float64 // of the sampler
	source      rand.PCG
}

// NewState implements lm.Stepper.
func (m *Model) NewState(ctx context.Context) (lm.State, error) {
	if err := m.open(ctx, "newstate"); err != nil {
		return nil, err
	}
	return &state{m: m, h: make([]float64, m.config.HiddenSize)}, nil
}

func (s *state) Len() int { return s.n }

func (s *state) Bytes() int64 { return int64(8 * len(s.h)) }

func (s *state) Fork(ctx context.Context) (lm.State, error) {
	fork := *s
	fork.h = slices.Clone(s.h)
	return &fork, s.m.open(ctx, "forkstate")
}

func (s *state) Reset(ctx context.Context) error {
	clear(s.h)
	s.n, s.temperature = 0, 0
	return s.m.open(ctx, "resetstate")
}

func (s *state) Close() error { return nil }

// states checks the inputs of a request.
func (m *Model) states(ctx context.Context, op string, inputs []lm.StepInput) ([]*state, error) {
	if err := m.open(ctx, op); err != nil {
		return nil, err
	}
	if len(inputs) == 0 {
		return nil, lm.Errorf(lm.Invalid, op, "no inputs")
	}
	var states []*state
	for i, in := range inputs {
		s, ok := in.State.(*state)
		switch {
		case !ok || s.m != m:
			return nil, lm.Errorf(lm.Invalid, op, "input %d: the state belongs to another model", i)
		case slices.Contains(states, s):
			return nil, lm.Errorf(lm.Invalid, op, "input %d: the state appears twice", i)
		case len(in.Tokens) == 0:
			return nil, lm.Errorf(lm.Invalid, op, "input %d has no tokens", i)
		}
		if err := m.check(op, in.Tokens, s.n); err != nil {
			return nil, err
		}
		if in.Sampler != nil {
			if err := checkSampling(op, in.Sampler.Sampling); err != nil {
				return nil, err
			}
		}
		states = append(states, s)
	}
	return states, nil
}

// Step implements lm.Stepper.
func (m *Model) Step(ctx context.Context, req lm.StepRequest) (lm.StepReply, error) {
	start := time.Now()
	states, err := m.states(ctx, "step", req.Inputs)
	if err != nil {
		return lm.StepReply{}, err
	}
	reply := lm.StepReply{Outputs: make([]lm.StepOutput, len(states))}
	for i, s := range states {
		if reply.Outputs[i], err = s.append(ctx, req.Inputs[i].Tokens, req.Want); err != nil {
			return lm.StepReply{}, err
		}
		if sampler := req.Inputs[i].Sampler; sampler != nil {
			s.temperature, s.source = sampler.Temperature, *rand.NewPCG(sampler.Seed, sampler.Stream)
		}
		if req.Inputs[i].Sample {
			reply.Outputs[i].Sampled = []int32{draw(m.logits(s.h, nil), s.temperature, rand.New(&s.source))}
		}
	}
	reply.Compute = time.Since(start)
	return reply, nil
}

// append feeds tokens to the state.
func (s *state) append(ctx context.Context, tokens []int32, want lm.Want) (lm.StepOutput, error) {
	var out lm.StepOutput
	for i, token := range tokens {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		if want == lm.WantNLL && s.n > 0 {
			out.NLL = append(out.NLL, -logSoftmax(s.m.logits(s.h, nil))[token])
		}
		s.m.advance(s.h, token, nil)
		s.n++
		if want == lm.WantAllLogits || want == lm.WantLastLogits && i == len(tokens)-1 {
			out.Logits = append(out.Logits, s.m.logits(s.h, nil)...)
		}
	}
	return out, nil
}

// checkSampling refuses everything but a temperature.
func checkSampling(op string, s lm.Sampling) error {
	if s.TopK > 0 || s.TopP > 0 || s.RepetitionPenalty > 0 {
		return lm.Errorf(lm.Unsupported, op, "the toy samples by temperature only")
	}
	return nil
}

// Generate implements lm.Generator. It samples by temperature only.
func (m *Model) Generate(ctx context.Context, req lm.GenerateRequest, emit func(lm.GenerateChunk) bool) error {
	start := time.Now()
	states, err := m.states(ctx, "generate", req.Inputs)
	if err != nil {
		return err
	}
	if err := checkSampling("generate", req.Sampling); err != nil {
		return err
	}
	g := generation{req: req, states: states, done: make([]bool, len(states)), last: make([]int32, len(states))}
	for i, s := range states {
		if _, err := s.append(ctx, req.Inputs[i].Tokens, lm.WantNothing); err != nil {
			return err
		}
		g.random = append(g.random, rand.New(rand.NewPCG(req.Sampling.Seed, uint64(i))))
	}
	return g.run(ctx, time.Since(start), emit)
}

// generation is one Generate in progress.
type generation struct {
	req    lm.GenerateRequest
	states []*state
	random []*rand.Rand
	done   []bool
	last   []int32 // last token of each input, not fed yet
	made   int
}

func (g *generation) run(ctx context.Context, prefill time.Duration, emit func(lm.GenerateChunk) bool) error {
	start := time.Now()
	chunk := lm.GenerateChunk{Tokens: make([][]int32, len(g.states)), Prefill: prefill}
	for n := range g.req.MaxNew {
		if err := g.next(ctx, chunk.Tokens); err != nil {
			return err
		}
		if !slices.Contains(g.done, false) || n == g.req.MaxNew-1 {
			break
		}
		if (n+1)%max(1, g.req.Every) == 0 {
			chunk.Compute = time.Since(start)
			if !emit(chunk) {
				return nil
			}
			chunk, start = lm.GenerateChunk{Tokens: make([][]int32, len(g.states))}, time.Now()
		}
	}
	chunk.Done, chunk.Compute = true, time.Since(start)
	emit(chunk)
	return nil
}

// next adds one token to every continuation that has not ended. It first feeds the previous token.
func (g *generation) next(ctx context.Context, tokens [][]int32) error {
	for i, s := range g.states {
		if g.done[i] {
			continue
		}
		if g.made > 0 {
			if err := s.m.check("generate", g.last[i:i+1], s.n); err != nil {
				return err
			}
			if _, err := s.append(ctx, g.last[i:i+1], lm.WantNothing); err != nil {
				return err
			}
		}
		g.last[i] = draw(s.m.logits(s.h, nil), g.req.Sampling.Temperature, g.random[i])
		if g.done[i] = slices.Contains(g.req.Stop, g.last[i]); !g.done[i] {
			tokens[i] = append(tokens[i], g.last[i])
		}
	}
	g.made++
	return nil
}
