package lmtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/archbench/archbench/lm"
)

// checkErrors checks that invalid requests are refused with kind Invalid.
func checkErrors(ctx context.Context, k *kit) (figure, error) {
	good := k.text[:4]
	score := func(sequences ...lm.Sequence) error {
		_, err := k.model.Score(ctx, lm.ScoreRequest{Sequences: sequences})
		return err
	}
	errs := []error{
		kindError("token -1", score(lm.Sequence{Tokens: []int32{good[0], -1, good[2]}, From: 1}), lm.Invalid),
		kindError("a token equal to the vocabulary size", score(lm.Sequence{Tokens: []int32{good[0], int32(k.info.Vocab)}, From: 1}), lm.Invalid),
		kindError("from 0", score(lm.Sequence{Tokens: good}), lm.Invalid),
		kindError("from -1", score(lm.Sequence{Tokens: good, From: -1}), lm.Invalid),
		kindError("from beyond the end", score(lm.Sequence{Tokens: good, From: len(good) + 1}), lm.Invalid),
		kindError("no sequences", score(), lm.Invalid),
		kindError("a valid sequence and an empty one", score(lm.Sequence{Tokens: good, From: 1}, lm.Sequence{From: 1}), lm.Invalid),
	}
	if limit := k.info.ContextLimit; limit > 0 {
		tooLong := slices.Repeat(good, limit/len(good)+1)[:limit+1]
		_, err := k.model.Score(ctx, lm.ScoreRequest{Logits: true, Sequences: []lm.Sequence{{Tokens: tooLong, From: limit + 1}}})
		errs = append(errs, kindError("a text beyond the context limit", err, lm.Invalid))
	}
	return figure{value: float64(len(errs)), unit: "refusals"}, errors.Join(errs...)
}

// checkStateErrors checks that invalid steps are refused and leave the states unchanged.
func checkStateErrors(ctx context.Context, k *kit) (figure, error) {
	state, stepper, err := k.stateAfter(ctx, k.text[:5])
	if err != nil {
		return figure{}, err
	}
	defer state.Close()
	step := func(inputs ...lm.StepInput) error {
		_, err := stepper.Step(ctx, lm.StepRequest{Inputs: inputs})
		return err
	}
	one := lm.StepInput{State: state, Tokens: k.text[:1]}
	errs := []error{
		kindError("an invalid token after valid ones", step(lm.StepInput{State: state, Tokens: []int32{0, 1, -1}}), lm.Invalid),
		kindError("one state twice", step(one, one), lm.Invalid),
		kindError("no inputs", step(), lm.Invalid),
		k.foreignState(ctx, step),
	}
	if limit := k.info.ContextLimit; limit > 0 {
		tooLong := make([]int32, limit)
		errs = append(errs, kindError("tokens beyond the context limit", step(lm.StepInput{State: state, Tokens: tooLong}), lm.Invalid))
	}
	errs = append(errs, expect(state.Len() == 5, "refused steps moved the state from 5 tokens to %d", state.Len()))
	f := figure{value: float64(len(errs)), unit: "refusals"}
	if err := errors.Join(errs...); err != nil {
		return f, err
	}
	return f, k.unmoved(ctx, stepper, state)
}

// foreignState checks that a model refuses the state of another.
func (k *kit) foreignState(ctx context.Context, step func(...lm.StepInput) error) error {
	other, err := k.arch.Load(ctx, k.request(1))
	if err != nil {
		return err
	}
	defer other.Close()
	stepper, ok := lm.As[lm.Stepper](other)
	if !ok {
		return fmt.Errorf("when loaded a second time: %w", notImplemented(lm.AbilityStep))
	}
	foreign, err := stepper.NewState(ctx)
	if err != nil {
		return err
	}
	defer foreign.Close()
	return kindError("a state of another model", step(lm.StepInput{State: foreign, Tokens: k.text[:1]}), lm.Invalid)
}

// unmoved checks that the predictions of a state of five tokens are unchanged.
func (k *kit) unmoved(ctx context.Context, stepper lm.Stepper, state lm.State) error {
	f, err := k.agreement(ctx)
	if err != nil {
		return err
	}
	after, err := feed(ctx, stepper, state, k.text[5:], 0, lm.WantAllLogits)
	if err != nil {
		return err
	}
	whole, err := k.score(ctx, true, k.text)
	if err != nil {
		return err
	}
	k.compare(&f, k.text[5:], whole.Scores[0].Logits[5*k.info.Vocab:], after.Logits)
	return expect(f.value <= f.limit, "refused steps changed the state: predictions differ by %.3g", f.value)
}

// checkCancellation checks that a call returns when its context ends, and that its work stops.
func checkCancellation(ctx context.Context, k *kit) (figure, error) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := k.score(ended, false, k.text)
	if err := kindError("a call after its context has ended", err, lm.Deadline); err != nil {
		return figure{}, err
	}
	work, whole, err := k.longWork(ctx)
	if err != nil {
		return figure{}, err
	}
	f := figure{unit: fmt.Sprintf("s until idle, of %.2g s of work", whole.Seconds()), limit: 0.3*whole.Seconds() + 0.1}
	// A busy machine may delay the end, but a model that ignores cancellation never ends early, so the best attempt counts.
	for attempt := 0; attempt < cancellations && (attempt == 0 || f.value > f.limit); attempt++ {
		rest, err := k.cancelled(ctx, work, whole)
		if err != nil {
			return figure{}, err
		}
		if attempt == 0 || rest < f.value {
			f.value = rest
		}
	}
	return f, nil
}

// cancellations is how often a call is cancelled before the check fails.
const cancellations = 5

// cancelled cancels work after a tenth of its time, and returns the seconds until the model is idle.
func (k *kit) cancelled(ctx context.Context, work lm.ScoreRequest, whole time.Duration) (float64, error) {
	short, cancel := context.WithTimeout(ctx, whole/10)
	defer cancel()
	start := time.Now()
	_, err := k.model.Score(short, work)
	if err == nil {
		return 0, unavailable(fmt.Sprintf("the longest text takes %v, too short to cancel", whole))
	}
	if err := kindError("a cancelled call", err, lm.Deadline); err != nil {
		return 0, err
	}
	_, err = k.score(ctx, false, k.text[:2]) // waits if the plugin is still working
	return (time.Since(start) - whole/10).Seconds(), err
}

// longWork finds a request of at most a few million tokens that takes long enough to cancel, if possible.
func (k *kit) longWork(ctx context.Context) (lm.ScoreRequest, time.Duration, error) {
	const enough = 500 * time.Millisecond
	var req lm.ScoreRequest
	longest := 1 << 12
	if k.info.ContextLimit > 0 {
		longest = min(longest, k.info.ContextLimit)
	}
	var took time.Duration
	for n, length := 1, min(1<<8, longest); n <= 1<<10 && took < enough; {
		req.Sequences = nil
		document := k.document(9, length)
		for range n {
			req.Sequences = append(req.Sequences, lm.Sequence{Tokens: document, From: 1})
		}
		took = time.Hour
		for range 2 { // the faster time counts, since disturbances only slow the work down
			start := time.Now()
			if _, err := k.model.Score(ctx, req); err != nil {
				return req, 0, err
			}
			if took = min(took, time.Since(start)); took < enough {
				break
			}
		}
		if length < longest {
			length = min(2*length, longest) // the work may grow with its square
		} else {
			n *= 2
		}
	}
	return req, took, nil
}

// checkConcurrency checks that concurrent calls give the same results as sequential ones.
func checkConcurrency(ctx context.Context, k *kit) (figure, error) {
	const callers = 6
	want := make([]lm.ScoreReply, callers)
	documents := make([][]int32, callers)
	for i := range callers {
		documents[i] = k.document(uint64(20+i), len(k.text)/2+i)
		var err error
		if want[i], err = k.score(ctx, true, documents[i]); err != nil {
			return figure{}, err
		}
	}
	errs := make([]error, callers)
	diffs := make([]float64, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { diffs[i], errs[i] = k.repeat(ctx, documents[i], want[i].Scores[0].Logits) })
	}
	wg.Wait()
	f := figure{value: slices.Max(diffs), unit: logitDiff, limit: k.options.Tolerance}
	if k.info.Precision != "f32" {
		f.limit = 0 // must be bit-equal, see below
	}
	if err := errors.Join(errs...); err != nil {
		return f, err
	}
	if f.limit == 0 && f.value != 0 {
		return f, errors.New("concurrent calls disturb each other")
	}
	return f, nil
}

// repeat scores a document several times concurrently with other callers, by Score and, if possible, in its own state.
func (k *kit) repeat(ctx context.Context, document []int32, want []float32) (diff float64, err error) {
	for range 3 {
		reply, err := k.score(ctx, true, document)
		if err != nil {
			return diff, err
		}
		diff = max(diff, maxDiff(want, reply.Scores[0].Logits))
	}
	if k.info.Precision != "f32" || !k.has(lm.AbilityStep) {
		return diff, nil
	}
	out, err := k.fresh(ctx, document, 16, lm.WantAllLogits)
	if _, ok := errors.AsType[unavailable](err); ok {
		return diff, nil
	}
	if err != nil {
		return diff, err
	}
	return max(diff, maxDiff(want, out.Logits)), nil
}

// checkClocks checks that the plugin's time is within the caller's. The difference is the overhead of the boundary.
func checkClocks(ctx context.Context, k *kit) (figure, error) {
	var overheads []float64
	for range 100 {
		start := time.Now()
		reply, err := k.score(ctx, false, k.text[:2])
		took := time.Since(start)
		if err != nil {
			return figure{}, err
		}
		if reply.Compute <= 0 || reply.Compute > took {
			return figure{}, fmt.Errorf("the plugin reports %v of work in a call of %v", reply.Compute, took)
		}
		overheads = append(overheads, float64(took-reply.Compute)/float64(time.Microsecond))
	}
	slices.Sort(overheads)
	return figure{value: overheads[len(overheads)/2], unit: "µs of overhead per call (median)"}, nil
}

// checkClose checks that Close is final and may be repeated.
func checkClose(ctx context.Context, k *kit) (figure, error) {
	model, err := k.arch.Load(ctx, k.request(1))
	if err != nil {
		return figure{}, err
	}
	if err := errors.Join(model.Close(), model.Close()); err != nil {
		return figure{}, fmt.Errorf("closing twice: %w", err)
	}
	_, err = model.Score(ctx, lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: k.text[:2], From: 1}}})
	errs := []error{kindError("score after close", err, lm.Invalid)}
	if stepper, ok := lm.As[lm.Stepper](model); ok {
		_, err := stepper.NewState(ctx)
		errs = append(errs, kindError("new state after close", err, lm.Invalid))
	}
	return figure{}, errors.Join(errs...)
}
