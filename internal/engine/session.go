package engine

import (
	"context"
	"slices"
	"time"

	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// session is one document's state as an lm.State.
type session struct {
	model *Model
	state *state.Document
	// last is the final hidden state of the last token, which predicts the first token of the next step. It belongs to the
	// engine, not the architecture, so Bytes does not count it.
	last    []float32
	sampler *sampler // nil: greedy
}

var _ lm.State = (*session)(nil)

// NewState implements lm.Stepper.
func (m *Model) NewState(context.Context) (lm.State, error) {
	m.mu.Lock()
	net := m.net
	m.mu.Unlock()
	if m.closed.Load() || net == nil {
		return nil, lm.Errorf(lm.Invalid, "new state", "the model is closed")
	}
	st := net.NewState()
	if st == nil {
		return nil, lm.Errorf(lm.Unsupported, "new state", "%s needs the whole sequence at once: it carries no state", m.info.Mode)
	}
	return m.register(&session{model: m, state: st}), nil
}

func (m *Model) register(s *session) *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s] = struct{}{}
	return s
}

// Len implements lm.State.
func (s *session) Len() int { return s.state.Len() }

// Bytes implements lm.State.
func (s *session) Bytes() int64 { return s.state.Bytes() }

// Fork implements lm.State.
func (s *session) Fork(context.Context) (lm.State, error) {
	return s.model.register(&session{model: s.model, state: s.state.Fork(), last: slices.Clone(s.last), sampler: s.sampler.fork()}), nil
}

// Reset implements lm.State.
func (s *session) Reset(context.Context) error {
	s.state.Reset()
	s.last, s.sampler = s.last[:0], nil
	return nil
}

// Close implements lm.State.
func (s *session) Close() error {
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	delete(s.model.sessions, s)
	return nil
}

// sessionsOf returns the inputs' sessions and documents. Each must be of this model, occur once, and have
// at least the given number of tokens.
func (m *Model) sessionsOf(inputs []lm.StepInput, least int) ([]*session, []document, error) {
	if len(inputs) == 0 {
		return nil, nil, lm.Errorf(lm.Invalid, "", "no inputs")
	}
	sessions, docs := make([]*session, len(inputs)), make([]document, len(inputs))
	for i, in := range inputs {
		s, ok := in.State.(*session)
		switch {
		case !ok || s.model != m:
			return nil, nil, lm.Errorf(lm.Invalid, "", "input %d: the state belongs to another model", i)
		case slices.Contains(sessions, s):
			return nil, nil, lm.Errorf(lm.Invalid, "", "input %d: the same state appears twice", i)
		case len(in.Tokens) < least:
			return nil, nil, lm.Errorf(lm.Invalid, "", "input %d: no tokens", i)
		}
		sessions[i], docs[i] = s, document{tokens: in.Tokens, state: s.state}
	}
	return sessions, docs, nil
}

// Step implements lm.Stepper.
func (m *Model) Step(ctx context.Context, req lm.StepRequest) (lm.StepReply, error) {
	var reply lm.StepReply
	err := m.compute(ctx, "step", func(l *lane) error {
		start := time.Now()
		sessions, docs, err := m.sessionsOf(req.Inputs, 0)
		if err != nil {
			return err
		}
		if err := checkSamplers(req.Inputs); err != nil {
			return err
		}
		s := stepper{model: m, pass: &l.pass, want: req.Want, docs: docs, sessions: sessions, out: make([]lm.StepOutput, len(docs))}
		if err := m.feed(ctx, l, docs, s.visit); err != nil {
			return err
		}
		s.sample(req.Inputs)
		reply = lm.StepReply{Outputs: s.out, Compute: time.Since(start)}
		return nil
	})
	return reply, err
}

// stepper collects the outputs of one Step.
type stepper struct {
	model    *Model
	pass     *nn.Pass
	want     lm.Want
	docs     []document
	sessions []*session
	out      []lm.StepOutput
}

// visit computes the requested outputs from one chunk's hidden rows, and keeps the last row for the next step.
func (s *stepper) visit(doc int, hidden nn.Mat) error {
	d, out, sess := &s.docs[doc], &s.out[doc], s.sessions[doc]
	switch s.want {
	case lm.WantNothing:
	case lm.WantNLL:
		s.nll(d, out, sess, hidden)
	case lm.WantAllLogits:
		s.logits(out, hidden)
	case lm.WantLastLogits:
		if d.fed+hidden.Rows == len(d.tokens) {
			s.logits(out, hidden.Slice(hidden.Rows-1, hidden.Rows))
		}
	}
	sess.last = append(sess.last[:0], hidden.Row(hidden.Rows-1)...)
	return nil
}

// nll scores the tokens of one chunk: the first from the previous hidden state, the others from this chunk's.
func (s *stepper) nll(d *document, out *lm.StepOutput, sess *session, hidden nn.Mat) {
	tokens := d.tokens[d.fed : d.fed+hidden.Rows]
	if len(sess.last) > 0 {
		before := nn.Mat{Rows: 1, Cols: hidden.Cols, Data: sess.last}
		out.NLL = s.model.appendNLL(out.NLL, s.pass, before, tokens)
	}
	if rest := hidden.Rows - 1; rest > 0 {
		out.NLL = s.model.appendNLL(out.NLL, s.pass, hidden.Slice(0, rest), tokens[1:])
	}
}

// logits appends the logits of hidden.
func (s *stepper) logits(out *lm.StepOutput, hidden nn.Mat) {
	s.model.eachLogits(s.pass, hidden, func(_ int, logits nn.Mat) {
		out.Logits = append(out.Logits, logits.Data...)
	})
}

// checkSamplers returns an error for samplers out of range, and for sampling without new tokens.
func checkSamplers(inputs []lm.StepInput) error {
	for i, in := range inputs {
		if in.Sample && len(in.Tokens) == 0 {
			return lm.Errorf(lm.Invalid, "", "input %d: no tokens to sample after", i)
		}
		if in.Sampler != nil {
			if err := checkSampling(in.Sampler.Sampling); err != nil {
				return lm.Errorf(lm.Invalid, "", "input %d: %w", i, err)
			}
		}
	}
	return nil
}

// sample updates the samplers with the new tokens, then samples for the inputs that ask for it, in one batch.
func (s *stepper) sample(inputs []lm.StepInput) {
	var asked []int
	for i, in := range inputs {
		sess := s.sessions[i]
		if in.Sampler != nil {
			sess.sampler = newSampler(*in.Sampler)
		}
		if sess.sampler != nil {
			sess.sampler.see(in.Tokens...)
		}
		if in.Sample {
			asked = append(asked, i)
		}
	}
	if len(asked) == 0 {
		return
	}
	last := s.pass.New(len(asked), len(s.sessions[asked[0]].last))
	for row, i := range asked {
		copy(last.Row(row), s.sessions[i].last)
	}
	s.model.eachLogits(s.pass, last, func(first int, logits nn.Mat) {
		for r := range logits.Rows {
			i := asked[first+r]
			sampler := s.sessions[i].sampler
			if sampler == nil {
				sampler = newSampler(lm.Sampler{})
			}
			s.out[i].Sampled = []int32{sampler.choose(logits.Row(r))}
		}
	})
}
