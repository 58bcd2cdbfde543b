package probe

import (
	"context"
	"time"

	"github.com/archbench/archbench/lm"
)

// score scores and checks the reply against the request. The client of a plugin process makes the same check, but a model
// in this process has no client.
func score(ctx context.Context, m lm.Model, req lm.ScoreRequest) (lm.ScoreReply, error) {
	reply, err := m.Score(ctx, req)
	if err != nil {
		return reply, err
	}
	return reply, req.Check(m.Info().Vocab, reply)
}

// step is score for steps, and returns the clocks of the call too.
func (s *Subject) step(ctx context.Context, st lm.Stepper, req lm.StepRequest) (lm.StepReply, Clocks, error) {
	before := make([]int, len(req.Inputs))
	for i, in := range req.Inputs {
		before[i] = in.State.Len()
	}
	start := time.Now()
	reply, err := st.Step(ctx, req)
	c := Clocks{Host: time.Since(start), Plugin: reply.Compute}
	if err != nil {
		return reply, c, err
	}
	return reply, c, req.Check(s.Info.Vocab, before, reply)
}
