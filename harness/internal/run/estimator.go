package run

import (
	"context"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/lm"
)

// estimator is what a model was seen to do in a first short trial. It prices cells for the budget and the time limits; it
// is no result.
type estimator struct {
	// Seconds per FLOP when reading documents, and per byte when decoding; per token without formulas.
	read, decode float64
	start        time.Duration // of a process with the model
	prices       map[lm.CostRequest]float64
}

// trialLength is how many tokens the trial reads.
const trialLength = 96

// newEstimator reads a short document twice and takes the faster time, then advances by single tokens, and asks the model
// for the price of all work of the run.
func newEstimator(ctx context.Context, m *loadedModel, model lm.Model, works []probe.Work) (estimator, error) {
	s := estimator{start: m.info.LoadTime + 50*time.Millisecond, prices: map[lm.CostRequest]float64{}}
	coster, _ := lm.As[lm.Coster](model)
	for _, w := range works {
		if req := request(w); s.prices[req] == 0 {
			s.prices[req] = price(ctx, coster, req)
		}
	}
	tokens := m.trialText()
	n := len(tokens)
	read, decode, err := trial(ctx, m, model, tokens)
	if err != nil {
		return s, err
	}
	s.read = read.Seconds() / price(ctx, coster, lm.CostRequest{Phase: lm.Prefill, Batch: 1, Length: n})
	s.decode = decode.Seconds() / price(ctx, coster, lm.CostRequest{Phase: lm.Decode, Batch: 1, Length: n})
	return s, nil
}

// trialText is a short document of no meaning.
func (m *loadedModel) trialText() []int32 {
	n := trialLength
	if m.info.ContextLimit > 0 {
		n = min(n, m.info.ContextLimit/2)
	}
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32(i*31+1) % int32(max(m.info.Vocab, 1))
	}
	return tokens
}

// trial times a document and the median step after it. A model without state has no steps: its plugin has none, or
// this mode of it reads whole documents only.
func trial(ctx context.Context, m *loadedModel, model lm.Model, tokens []int32) (read, decode time.Duration, err error) {
	st, ok := lm.As[lm.Stepper](model)
	if !ok {
		read, err = trialScore(ctx, model, tokens)
		return read, 0, err
	}
	state, err := st.NewState(ctx)
	switch {
	case lm.KindOf(err) == lm.Unsupported:
		read, err = trialScore(ctx, model, tokens)
		return read, 0, err
	case err != nil:
		return 0, 0, err
	}
	defer state.Close()
	return trialSteps(ctx, st, state, tokens)
}

// trialScore times a document that is scored.
func trialScore(ctx context.Context, m lm.Model, tokens []int32) (read time.Duration, err error) {
	for range 2 {
		start := time.Now()
		if _, err := m.Score(ctx, lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: tokens, From: len(tokens) - 1}}}); err != nil {
			return 0, err
		}
		read = faster(read, time.Since(start))
	}
	return read, nil
}

// trialSteps times a document that goes into a state, and the median step after it.
func trialSteps(ctx context.Context, st lm.Stepper, state lm.State, tokens []int32) (read, decode time.Duration, err error) {
	step := func(tokens []int32) (time.Duration, error) {
		start := time.Now()
		req := lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: tokens}}, Want: lm.WantLastLogits}
		_, err := st.Step(ctx, req)
		return time.Since(start), err
	}
	for range 2 {
		if err := state.Reset(ctx); err != nil {
			return 0, 0, err
		}
		took, err := step(tokens)
		if err != nil {
			return 0, 0, err
		}
		read = faster(read, took)
	}
	var steps []time.Duration
	for range 5 {
		took, err := step(tokens[:1])
		if err != nil {
			return 0, 0, err
		}
		steps = append(steps, took)
	}
	slices.Sort(steps)
	return read, steps[len(steps)/2], nil
}

// faster is the shorter of two durations, where 0 is none.
func faster(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// request asks for the price of one execution of a piece of work.
func request(w probe.Work) lm.CostRequest {
	return lm.CostRequest{Phase: w.Phase, Batch: w.Batch, Length: w.Length}
}

// price is the size of a piece of work: FLOPs for reading and bytes for decoding by formula, else tokens.
func price(ctx context.Context, coster lm.Coster, req lm.CostRequest) float64 {
	if coster != nil {
		if reply, err := coster.Cost(ctx, req); err == nil && len(reply.Analytic) > 0 {
			v := 0.0
			for _, it := range reply.Analytic {
				if req.Phase == lm.Decode {
					v += float64(it.Bytes)
				} else {
					v += float64(it.FLOPs)
				}
			}
			return max(v, 1)
		}
	}
	if req.Phase == lm.Decode {
		return float64(req.Batch)
	}
	return float64(req.Batch * req.Length)
}

// estimate is the time of one measurement of a cell.
func (s *estimator) estimate(work []probe.Work) time.Duration {
	seconds := 0.0
	for _, w := range work {
		rate := s.read
		if w.Phase == lm.Decode {
			rate = s.decode
		}
		seconds += rate * float64(w.Times) * s.prices[request(w)]
	}
	return time.Duration(seconds * float64(time.Second))
}
