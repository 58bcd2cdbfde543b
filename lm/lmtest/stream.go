package lmtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/archbench/archbench/lm"
)

// checkChunks checks that feeding a text in chunks of any size gives the same results as the whole text.
func checkChunks(ctx context.Context, k *kit) (figure, error) {
	whole, err := k.score(ctx, true, k.text)
	if err != nil {
		return figure{}, err
	}
	f, err := k.agreement(ctx)
	if err != nil {
		return f, err
	}
	for _, size := range append([]int{0, 1, 3, 7, 64}, k.options.Chunks...) {
		out, err := k.fresh(ctx, k.text, size, lm.WantAllLogits)
		if err != nil {
			return f, fmt.Errorf("chunks of %d: %w", size, err)
		}
		before := f.value
		k.compare(&f, k.text, whole.Scores[0].Logits, out.Logits)
		if f.value > before {
			f.note = fmt.Sprintf("largest with chunks of %d", size)
		}
	}
	return f, nil
}

// fresh feeds tokens to a new state in pieces of that size, and checks the length and bytes that the state reports.
func (k *kit) fresh(ctx context.Context, tokens []int32, size int, want lm.Want) (lm.StepOutput, error) {
	state, stepper, err := k.newState(ctx)
	if err != nil {
		return lm.StepOutput{}, err
	}
	defer state.Close()
	if state.Len() != 0 {
		return lm.StepOutput{}, fmt.Errorf("a new state has seen %d tokens", state.Len())
	}
	out, err := feed(ctx, stepper, state, tokens, size, want)
	if err != nil {
		return out, err
	}
	return out, cmp.Or(
		expect(state.Len() == len(tokens), "the state has seen %d tokens, but reports %d", len(tokens), state.Len()),
		expect(state.Bytes() > 0, "the state reports %d bytes", state.Bytes()),
	)
}

// checkStepLoss checks that steps have the losses of scoring, and that last logits are the last of all logits.
func checkStepLoss(ctx context.Context, k *kit) (figure, error) {
	whole, err := k.score(ctx, true, k.text)
	if err != nil {
		return figure{}, err
	}
	f := figure{unit: nats, limit: k.options.Tolerance}
	for _, size := range []int{0, 1, 7} {
		out, err := k.fresh(ctx, k.text, size, lm.WantNLL)
		if err != nil {
			return f, err
		}
		if len(out.NLL) != len(whole.Scores[0].NLL) {
			return f, fmt.Errorf("chunks of %d: %d losses for %d tokens", size, len(out.NLL), len(k.text))
		}
		if k.info.Precision == "f32" {
			f.value = max(f.value, maxDiff(whole.Scores[0].NLL, out.NLL))
		} else if f, err = k.agreement(ctx); err == nil {
			f.value = max(f.value, meanDiff(whole.Scores[0].NLL, out.NLL))
		}
		if err != nil {
			return f, err
		}
	}
	return f, k.lastLogits(ctx, whole.Scores[0].Logits)
}

// lastLogits compares WantLastLogits with the last row of all logits.
func (k *kit) lastLogits(ctx context.Context, all []float32) error {
	last, err := k.fresh(ctx, k.text, 0, lm.WantLastLogits)
	if err != nil {
		return err
	}
	f, err := k.agreement(ctx)
	if err != nil {
		return err
	}
	n := len(k.text)
	if d := maxDiff(k.row(all, n-1), last.Logits); k.info.Precision == "f32" && d > f.limit || len(last.Logits) != k.info.Vocab {
		return fmt.Errorf("%d logits after the last token differ by %.3g from the last of all", len(last.Logits), d)
	}
	nothing, err := k.fresh(ctx, k.text, 0, lm.WantNothing)
	if err == nil && len(nothing.NLL)+len(nothing.Logits) > 0 {
		err = errors.New("a step that wants nothing returns values")
	}
	return err
}

// checkBatchedStep checks that documents of different lengths give the same results in one call as alone.
func checkBatchedStep(ctx context.Context, k *kit) (figure, error) {
	documents := [][]int32{k.text, k.document(2, len(k.text)/2), k.document(3, len(k.text)-1)}
	f, err := k.agreement(ctx)
	if err != nil {
		return f, err
	}
	together, err := k.stepTogether(ctx, documents)
	if err != nil {
		return f, err
	}
	for i, d := range documents {
		alone, err := k.fresh(ctx, d, 0, lm.WantAllLogits)
		if err != nil {
			return f, err
		}
		k.compare(&f, d, alone.Logits, together[i])
	}
	return f, nil
}

// stepTogether feeds all documents in two calls: their first tokens, then the rest.
func (k *kit) stepTogether(ctx context.Context, documents [][]int32) (logits [][]float32, err error) {
	logits = make([][]float32, len(documents))
	first, rest := lm.StepRequest{Want: lm.WantAllLogits}, lm.StepRequest{Want: lm.WantAllLogits}
	var stepper lm.Stepper
	for i, d := range documents {
		var state lm.State
		if state, stepper, err = k.newState(ctx); err != nil {
			return nil, err
		}
		defer state.Close()
		first.Inputs = append(first.Inputs, lm.StepInput{State: state, Tokens: d[:i+1]})
		rest.Inputs = append(rest.Inputs, lm.StepInput{State: state, Tokens: d[i+1:]})
	}
	for _, req := range []lm.StepRequest{first, rest} {
		reply, err := stepper.Step(ctx, req)
		if err != nil {
			return nil, err
		}
		if len(reply.Outputs) != len(documents) {
			return nil, fmt.Errorf("%d outputs for %d inputs", len(reply.Outputs), len(documents))
		}
		for i, o := range reply.Outputs {
			logits[i] = append(logits[i], o.Logits...)
		}
	}
	return logits, nil
}

// checkFork checks that a fork and its original do not affect each other.
func checkFork(ctx context.Context, k *kit) (figure, error) {
	half := len(k.text) / 2
	other := slices.Concat(k.text[:half], k.document(5, len(k.text)-half))
	whole, err := k.score(ctx, true, k.text, other)
	if err != nil {
		return figure{}, err
	}
	f, err := k.agreement(ctx)
	if err != nil {
		return f, err
	}
	state, stepper, err := k.stateAfter(ctx, k.text[:half])
	if err != nil {
		return f, err
	}
	defer state.Close()
	fork, err := state.Fork(ctx)
	if err != nil {
		return f, err
	}
	if fork.Len() != half {
		return f, fmt.Errorf("the fork of a state of %d tokens has %d", half, fork.Len())
	}
	forked, err := feed(ctx, stepper, fork, other[half:], 7, lm.WantAllLogits)
	if err = errors.Join(err, fork.Close()); err != nil {
		return f, err
	}
	own, err := feed(ctx, stepper, state, k.text[half:], 7, lm.WantAllLogits)
	if err != nil {
		return f, err
	}
	k.compare(&f, k.text[half:], whole.Scores[0].Logits[half*k.info.Vocab:], own.Logits)
	k.compare(&f, other[half:], whole.Scores[1].Logits[half*k.info.Vocab:], forked.Logits)
	return f, nil
}

// checkReset checks that a state retains nothing after a reset.
func checkReset(ctx context.Context, k *kit) (figure, error) {
	f, err := k.agreement(ctx)
	if err != nil {
		return f, err
	}
	state, stepper, err := k.stateAfter(ctx, k.document(6, len(k.text)))
	if err != nil {
		return f, err
	}
	defer state.Close()
	if err := state.Reset(ctx); err != nil {
		return f, err
	}
	if state.Len() != 0 {
		return f, fmt.Errorf("after reset the state has seen %d tokens", state.Len())
	}
	after, err := feed(ctx, stepper, state, k.text, 0, lm.WantAllLogits)
	if err != nil {
		return f, err
	}
	fresh, err := k.fresh(ctx, k.text, 0, lm.WantAllLogits)
	if err != nil {
		return f, err
	}
	k.compare(&f, k.text, fresh.Logits, after.Logits)
	return f, nil
}
