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
	read, decode, err := trial(ctx, model, tokens)
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
		n = max(2, min(n, m.info.ContextLimit/2)) // with a prediction, whatever the limit
	}
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32(i*31+1) % int32(max(m.info.Vocab, 1))
	}
	return tokens
}

// trial times a document and the median step after it. A model without state has no steps: its plugin has none, or
// this mode of it reads whole documents only.
func trial(ctx context.Context, model lm.Model, tokens []int32) (read, decode time.Duration, err error) {
	var state lm.State
	stepper, ok := lm.As[lm.Stepper](model)
	if ok {
		state, err = stepper.NewState(ctx)
	}
	if !ok || lm.KindOf(err) == lm.Unsupported {
		reads, err := timed(2, func() error {
			_, err := model.Score(ctx, lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: tokens, From: len(tokens) - 1}}})
			return err
		})
		return reads[0], 0, err
	}
	if err != nil {
		return 0, 0, err
	}
	defer state.Close()
	step := func(tokens []int32) error {
		_, err := stepper.Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: tokens}}, Want: lm.WantLastLogits})
		return err
	}
	reads, err := timed(2, func() error {
		if err := state.Reset(ctx); err != nil {
			return err
		}
		return step(tokens)
	})
	if err != nil {
		return 0, 0, err
	}
	steps, err := timed(5, func() error { return step(tokens[:1]) })
	return reads[0], steps[2], err
}

// timed returns how long n calls took, the shortest first.
func timed(n int, call func() error) ([]time.Duration, error) {
	all := make([]time.Duration, n)
	for i := range all {
		start := time.Now()
		if err := call(); err != nil {
			return all, err
		}
		all[i] = time.Since(start)
	}
	slices.Sort(all)
	return all, nil
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
