package probe

import (
	"context"
	"time"

	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/lm"
)

// prefillProbe times reading documents from an empty state up to the predictions after their last token.
var prefillProbe = &Probe{
	Name: "prefill", Version: 1, Summary: "time to read documents of a length",
	Timing: true, Text: StreamText,
	Axes: []Setting{
		{Name: "len", Default: "512", Min: 2, Doc: "tokens of each document"},
		{Name: "batch", Default: "1", Min: 1, Doc: "documents at once"},
	},
	context: lengthOf("len"),
	work:    func(p store.Point) []Work { return []Work{{lm.Prefill, number(p, "batch"), number(p, "len"), 1}} },
	measure: prefill,
}

func prefill(ctx context.Context, s *Subject) (r Result, err error) {
	batch, n := number(s.Settings, "batch"), number(s.Settings, "len")
	documents, err := s.documents(batch, n)
	if err != nil {
		return r, err
	}
	var host, plugin time.Duration
	if st, e := s.stepper(); e == nil {
		host, plugin, err = prefillStep(ctx, st, documents)
	} else {
		host, plugin, err = prefillScore(ctx, s.Model, documents)
	}
	if err != nil {
		return r, err
	}
	r = timing(PrefillSeconds, 1, host, plugin)
	s.share(ctx, &r, Work{lm.Prefill, batch, n, 1}, r.Samples[0].Value)
	return r, nil
}

// prefillStep times one step of fresh states.
func prefillStep(ctx context.Context, st lm.Stepper, documents [][]int32) (host, plugin time.Duration, err error) {
	req := lm.StepRequest{Want: lm.WantLastLogits}
	var states []lm.State
	defer func() { release(ctx, &err, states...) }()
	for _, d := range documents {
		state, err := st.NewState(ctx)
		if err != nil {
			return 0, 0, err
		}
		states = append(states, state)
		req.Inputs = append(req.Inputs, lm.StepInput{State: state, Tokens: d})
	}
	start := time.Now()
	reply, err := st.Step(ctx, req)
	host = time.Since(start)
	if err != nil {
		return 0, 0, err
	}
	for _, out := range reply.Outputs {
		if err := finite("logits", out.Logits); err != nil {
			return 0, 0, err
		}
	}
	return host, reply.Compute, nil
}

// prefillScore times the prediction of the last token by a model that carries no state.
func prefillScore(ctx context.Context, m lm.Model, documents [][]int32) (host, plugin time.Duration, err error) {
	var req lm.ScoreRequest
	for _, d := range documents {
		req.Sequences = append(req.Sequences, lm.Sequence{Tokens: d, From: len(d) - 1})
	}
	start := time.Now()
	reply, err := m.Score(ctx, req)
	host = time.Since(start)
	if err != nil {
		return 0, 0, err
	}
	for _, out := range reply.Scores {
		if err := finite("nll", out.NLL); err != nil {
			return 0, 0, err
		}
	}
	return host, reply.Compute, nil
}
