package lmtest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/archbench/archbench/lm"
)

// checkAnswers checks that targets are scored at their positions, with the same distribution as tokens, and that ranks
// follow from the logits.
func checkAnswers(ctx context.Context, k *kit) (figure, error) {
	targets := k.someTargets()
	requests := []lm.ScoreRequest{
		{Logits: true, Ranks: true, Sequences: []lm.Sequence{{Tokens: k.text, From: 1}, {Tokens: k.text, Targets: targets}}},
		{Ranks: true, Sequences: []lm.Sequence{{Tokens: k.text, From: len(k.text) / 2}}},
		{Sequences: []lm.Sequence{{Tokens: k.text, Targets: targets}, {Tokens: k.text, Targets: slices.Repeat([]int32{-1}, len(k.text))}}},
	}
	replies := make([]lm.ScoreReply, len(requests))
	for i, req := range requests {
		var err error
		if replies[i], err = k.checkedScore(ctx, k.model, req); err != nil {
			return figure{}, err
		}
	}
	f := figure{unit: nats, limit: 2e-5}
	for i, seq := range requests[0].Sequences {
		if err := k.compareRanks(&f, seq, replies[0].Scores[i]); err != nil {
			return f, fmt.Errorf("sequence %d: %w", i, err)
		}
	}
	if k.info.Precision == "f32" { // without logits the same sums may be rounded differently
		f.limit = k.options.Tolerance
		f.value = max(f.value, maxDiff(replies[0].Scores[1].NLL, replies[2].Scores[0].NLL))
	}
	return f, k.refusedTargets(ctx)
}

// someTargets returns targets at about a quarter of the text's positions, including the last.
func (k *kit) someTargets() []int32 {
	targets := k.document(12, len(k.text))
	for i := range targets {
		if i%7 > 1 && i < len(targets)-1 {
			targets[i] = -1
		}
	}
	return targets
}

// compareRanks compares losses, best tokens and ranks with the logits of the same reply.
func (k *kit) compareRanks(f *figure, seq lm.Sequence, s lm.Scores) error {
	want := make([]float64, len(s.NLL))
	for i, token := range seq.Scored() {
		row := k.row(s.Logits, i)
		want[i] = loss(row, token)
		best, _ := argmax(row)
		var rank int32
		for v, z := range row {
			if z > row[token] || z == row[token] && int32(v) < token {
				rank++
			}
		}
		if s.Best[i] != best || s.Rank[i] != rank {
			return fmt.Errorf("value %d: best token %d and rank %d of token %d, the logits give %d and %d", i, s.Best[i], s.Rank[i], token, best, rank)
		}
	}
	f.value = max(f.value, maxDiff(want, s.NLL))
	return nil
}

// refusedTargets checks that invalid targets are refused.
func (k *kit) refusedTargets(ctx context.Context) error {
	score := func(s lm.Sequence) error {
		_, err := k.model.Score(ctx, lm.ScoreRequest{Sequences: []lm.Sequence{s}})
		return err
	}
	three := k.text[:3]
	return errors.Join(
		kindError("a target equal to the vocabulary size", score(lm.Sequence{Tokens: three, Targets: []int32{-1, int32(k.info.Vocab), 0}}), lm.Invalid),
		kindError("target -2", score(lm.Sequence{Tokens: three, Targets: []int32{-1, -2, 0}}), lm.Invalid),
		kindError("one target too few", score(lm.Sequence{Tokens: three, Targets: []int32{0, 0}}), lm.Invalid),
		kindError("targets together with from", score(lm.Sequence{Tokens: three, From: 1, Targets: []int32{0, 0, 0}}), lm.Invalid),
	)
}

// checkSampledSteps checks that sampling steps continue documents as Generate does, greedily and at random, whatever else
// is in the batch.
func checkSampledSteps(ctx context.Context, k *kit) (figure, error) {
	f := figure{unit: "tokens compared"}
	prompts := [][]int32{k.text[:min(8, len(k.text)/2)], k.document(2, 3)}
	n := min(12, len(k.text)-len(prompts[0]))
	for _, sampling := range []lm.Sampling{{}, {Temperature: 1, Seed: 11}} {
		want, err := k.generate(ctx, lm.GenerateRequest{MaxNew: n, Sampling: sampling}, prompts...)
		if err != nil {
			return f, err
		}
		got, err := k.sampleSteps(ctx, sampling, n, prompts)
		if err != nil {
			return f, err
		}
		for i := range prompts {
			same, err := k.sameTokens(ctx, sampling, prompts[i], want.tokens[i], got[i])
			if err != nil {
				return f, fmt.Errorf("input %d at temperature %g: %w", i, sampling.Temperature, err)
			}
			f.value += float64(same)
		}
	}
	return f, k.forkedSampler(ctx, prompts[0])
}

// sampleSteps continues prompts by n tokens each. They join the batch one step apart and leave when they are done.
func (k *kit) sampleSteps(ctx context.Context, sampling lm.Sampling, n int, prompts [][]int32) ([][]int32, error) {
	made := make([][]int32, len(prompts))
	states := make([]lm.State, len(prompts))
	var stepper lm.Stepper
	for i := range prompts {
		var err error
		if states[i], stepper, err = k.newState(ctx); err != nil {
			return nil, err
		}
		defer states[i].Close()
	}
	for at := range n + len(prompts) - 1 {
		var req lm.StepRequest
		var who []int
		for i, prompt := range prompts {
			in := lm.StepInput{State: states[i], Tokens: prompt, Sample: true}
			switch {
			case at == i:
				in.Sampler = &lm.Sampler{Sampling: sampling, Stream: uint64(i)}
			case at < i || len(made[i]) == n:
				continue
			default:
				in.Tokens = made[i][len(made[i])-1:]
			}
			req.Inputs, who = append(req.Inputs, in), append(who, i)
		}
		reply, err := stepper.Step(ctx, req)
		if err != nil {
			return nil, err
		}
		if len(reply.Outputs) != len(who) {
			return nil, fmt.Errorf("%d outputs for %d inputs", len(reply.Outputs), len(who))
		}
		for o, i := range who {
			if len(reply.Outputs[o].Sampled) != 1 {
				return nil, fmt.Errorf("asked for one token, got %v", reply.Outputs[o].Sampled)
			}
			made[i] = append(made[i], reply.Outputs[o].Sampled[0])
		}
	}
	return made, nil
}

// sameTokens counts the equal tokens at the start. It ends without error where rounding may decide: greedily at a close
// choice, and at random in all precisions but f32, where steps may be rounded differently from a generation.
func (k *kit) sameTokens(ctx context.Context, sampling lm.Sampling, prompt, want, got []int32) (same int, err error) {
	for i := range want {
		if got[i] == want[i] {
			continue
		}
		if sampling.Temperature > 0 && k.info.Precision != "f32" {
			return i, nil
		}
		if _, gap, err := k.next(ctx, slices.Concat(prompt, want[:i])); err == nil && sampling.Temperature == 0 && gap <= clearGap {
			return i, nil
		}
		return i, fmt.Errorf("token %d is %d, Generate gives %d", i, got[i], want[i])
	}
	return len(want), nil
}

// forkedSampler checks that a fork draws what its original draws, and that sampling without a token is refused.
func (k *kit) forkedSampler(ctx context.Context, prompt []int32) error {
	state, stepper, err := k.newState(ctx)
	if err != nil {
		return err
	}
	defer state.Close()
	_, err = stepper.Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{{State: state, Sample: true}}})
	if err := kindError("sampling without a token", err, lm.Invalid); err != nil {
		return err
	}
	first := lm.StepInput{State: state, Tokens: prompt, Sample: true, Sampler: &lm.Sampler{Sampling: lm.Sampling{Temperature: 1, Seed: 3}}}
	if _, err := stepper.Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{first}}); err != nil {
		return err
	}
	fork, err := state.Fork(ctx)
	if err != nil {
		return err
	}
	defer fork.Close()
	for range 3 {
		var drawn []int32
		for _, s := range []lm.State{state, fork} {
			reply, err := stepper.Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{{State: s, Tokens: prompt[:1], Sample: true}}})
			if err != nil {
				return err
			}
			drawn = append(drawn, reply.Outputs[0].Sampled...)
		}
		if len(drawn) != 2 || drawn[0] != drawn[1] {
			return fmt.Errorf("a state and its fork draw %v", drawn)
		}
	}
	return nil
}
