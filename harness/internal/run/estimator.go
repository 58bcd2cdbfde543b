package run

import (
	"context"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/lm"
)

// estimator estimates the time of cells from a short trial of the model, for the budget and the time limits. Estimates
// are not results.
type estimator struct {
	// Seconds per FLOP when reading documents, and per byte when decoding; per token if the model has no formulas.
	read, decode float64
	start        time.Duration // of a process with the model
	sizes        map[lm.CostRequest]float64
}

// trialLength is the number of tokens of the trial document.
const trialLength = 96

// newEstimator runs the trial and asks the model for the size of all work of the run.
func newEstimator(ctx context.Context, m *loadedModel, model lm.Model, works []probe.Work) (estimator, error) {
	e := estimator{start: m.info.LoadTime + 50*time.Millisecond, sizes: map[lm.CostRequest]float64{}}
	coster, _ := lm.As[lm.Coster](model)
	for _, w := range works {
		if req := costRequest(w); e.sizes[req] == 0 {
			e.sizes[req] = workSize(ctx, coster, req)
		}
	}
	tokens := m.trialText()
	n := len(tokens)
	read, decode, err := trial(ctx, model, tokens)
	if err != nil {
		return e, err
	}
	e.read = read.Seconds() / workSize(ctx, coster, lm.CostRequest{Phase: lm.Prefill, Batch: 1, Length: n})
	e.decode = decode.Seconds() / workSize(ctx, coster, lm.CostRequest{Phase: lm.Decode, Batch: 1, Length: n})
	return e, nil
}

// trialText returns a short document of arbitrary tokens.
func (m *loadedModel) trialText() []int32 {
	n := trialLength
	if m.info.ContextLimit > 0 {
		n = max(2, min(n, m.info.ContextLimit/2)) // two tokens are the fewest with a prediction
	}
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32(i*31+1) % int32(max(m.info.Vocab, 1))
	}
	return tokens
}

// trial times the faster of two readings of a document and the median step after it. The step time is 0 for a model
// without state: its plugin cannot step, or its mode reads only whole documents.
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

// timed returns the times of n calls in ascending order.
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

// costRequest asks for the cost of executing a piece of work once.
func costRequest(w probe.Work) lm.CostRequest {
	return lm.CostRequest{Phase: w.Phase, Batch: w.Batch, Length: w.Length}
}

// workSize returns the size of a piece of work: FLOPs for reading or bytes for decoding by formula, else tokens.
func workSize(ctx context.Context, coster lm.Coster, req lm.CostRequest) float64 {
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

// estimate returns the estimated time of one measurement of a cell.
func (e *estimator) estimate(work []probe.Work) time.Duration {
	seconds := 0.0
	for _, w := range work {
		rate := e.read
		if w.Phase == lm.Decode {
			rate = e.decode
		}
		seconds += rate * float64(w.Times) * e.sizes[costRequest(w)]
	}
	return time.Duration(seconds * float64(time.Second))
}
