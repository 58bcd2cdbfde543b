package lmtest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/archbench/archbench/lm"
)

// clearGap is the lead of the most likely token, in logits, above which rounding cannot decide.
const clearGap = 1e-3

// continuation is the output of a Generate.
type continuation struct {
	tokens [][]int32
	chunks int
	done   bool
}

// generate runs a Generate on new states and checks the order of its chunks and the final states.
func (k *kit) generate(ctx context.Context, req lm.GenerateRequest, prompts ...[]int32) (continuation, error) {
	generator, ok := lm.As[lm.Generator](k.model)
	if !ok {
		return continuation{}, notImplemented(lm.AbilityGenerate)
	}
	for _, prompt := range prompts {
		state, _, err := k.newState(ctx)
		if err != nil {
			return continuation{}, err
		}
		defer state.Close()
		req.Inputs = append(req.Inputs, lm.StepInput{State: state, Tokens: prompt})
	}
	c := continuation{tokens: make([][]int32, len(prompts))}
	var late bool
	err := generator.Generate(ctx, req, func(chunk lm.GenerateChunk) bool {
		late = late || c.done || len(chunk.Tokens) != len(prompts)
		for i, tokens := range chunk.Tokens {
			c.tokens[min(i, len(prompts)-1)] = append(c.tokens[min(i, len(prompts)-1)], tokens...)
		}
		c.chunks++
		c.done = chunk.Done
		return true
	})
	if err != nil {
		return c, err
	}
	if late || !c.done {
		return c, errors.New("only the last chunk must be marked done, and each must have the tokens of every input")
	}
	if len(req.Stop) == 0 {
		for i, in := range req.Inputs {
			if want := len(prompts[i]) + req.MaxNew - 1; in.State.Len() != want || len(c.tokens[i]) != req.MaxNew {
				return c, fmt.Errorf("input %d: %d of %d new tokens, and the state has seen %d, want %d",
					i, len(c.tokens[i]), req.MaxNew, in.State.Len(), want)
			}
		}
	}
	return c, nil
}

// next returns the most likely token after a text, by scoring it from scratch, and its lead over the second.
func (k *kit) next(ctx context.Context, text []int32) (token int32, gap float64, err error) {
	req := lm.ScoreRequest{Logits: true, Sequences: []lm.Sequence{{Tokens: text, From: len(text)}}}
	reply, err := k.checkedScore(ctx, k.model, req)
	if err != nil {
		return 0, 0, err
	}
	token, gap = argmax(reply.Scores[0].Logits)
	return token, gap, nil
}

// checkGreedy checks that greedy generation picks the most likely token by scoring, at every step.
func checkGreedy(ctx context.Context, k *kit) (figure, error) {
	const tokens = 12
	f := figure{unit: "tokens compared"}
	prompts := [][]int32{k.text[:min(8, len(k.text)/2)], k.document(2, 3)}
	fits := len(k.text) - len(prompts[0])
	got, err := k.generate(ctx, lm.GenerateRequest{MaxNew: min(tokens, fits)}, prompts...)
	if err != nil {
		return f, err
	}
	for i, prompt := range prompts {
		text := slices.Clone(prompt)
		for n, token := range got.tokens[i] {
			want, gap, err := k.next(ctx, text)
			if err != nil {
				return f, err
			}
			if token != want && gap > clearGap {
				return f, fmt.Errorf("input %d, new token %d is %d, but scoring prefers %d by %.3g", i, n, token, want, gap)
			}
			if token == want {
				f.value++
			}
			text = append(text, token)
		}
	}
	return f, nil
}

// checkGeneration checks that the chunk size changes nothing, that a seed repeats the output, that a stop token ends it, and
// that the caller can stop early.
func checkGeneration(ctx context.Context, k *kit) (figure, error) {
	prompt := k.text[:min(5, len(k.text)/2)]
	greedy := lm.GenerateRequest{MaxNew: min(7, len(k.text)-len(prompt))}
	whole, err := k.generate(ctx, greedy, prompt)
	if err != nil {
		return figure{}, err
	}
	chunked := greedy
	chunked.Every = 3
	if c, err := k.generate(ctx, chunked, prompt); err != nil || !slices.Equal(c.tokens[0], whole.tokens[0]) || c.chunks > whole.chunks {
		return figure{}, errors.Join(err, fmt.Errorf("chunks of %d tokens: %v in %d chunks, of one token: %v in %d",
			chunked.Every, c.tokens, c.chunks, whole.tokens, whole.chunks))
	}
	stopping := greedy
	stopping.Stop = whole.tokens[0][2:3]
	want := whole.tokens[0][:slices.Index(whole.tokens[0], stopping.Stop[0])]
	if c, err := k.generate(ctx, stopping, prompt); err != nil || !slices.Equal(c.tokens[0], want) {
		return figure{}, errors.Join(err, fmt.Errorf("stopping at %d: %v, want %v", stopping.Stop[0], c.tokens[0], want))
	}
	if err := k.stopEarly(ctx, greedy, prompt); err != nil {
		return figure{}, err
	}
	sampled := greedy
	sampled.Sampling = lm.Sampling{Temperature: 1, Seed: 11}
	a, err := k.generate(ctx, sampled, prompt)
	if err != nil {
		return figure{}, err
	}
	b, err := k.generate(ctx, sampled, prompt)
	if err == nil && !slices.Equal(a.tokens[0], b.tokens[0]) {
		err = fmt.Errorf("the same seed gives %v and %v", a.tokens[0], b.tokens[0])
	}
	return figure{}, err
}

// stopEarly checks a generation that the caller stops after the first chunk.
func (k *kit) stopEarly(ctx context.Context, req lm.GenerateRequest, prompt []int32) error {
	state, _, err := k.newState(ctx)
	if err != nil {
		return err
	}
	defer state.Close()
	req.Inputs = []lm.StepInput{{State: state, Tokens: prompt}}
	chunks := 0
	err = k.model.(lm.Generator).Generate(ctx, req, func(lm.GenerateChunk) bool {
		chunks++
		return false
	})
	if err != nil {
		return fmt.Errorf("stopping early must not be an error: %w", err)
	}
	return expect(chunks == 1 && state.Len() >= len(prompt) && state.Len() <= len(prompt)+req.MaxNew-1,
		"stopped after the first chunk: got %d chunks and a state of %d tokens, the prompt has %d", chunks, state.Len(), len(prompt))
}
