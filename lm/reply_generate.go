package lm

import (
	"slices"
	"time"
)

// Continuation holds the chunks of a Generate against its request as they come.
type Continuation struct {
	req   GenerateRequest
	vocab int
	made  []int // tokens per input
	steps int
	some  bool
	done  bool
}

// NewContinuation starts the check of a Generate on a model of vocab tokens.
func NewContinuation(req GenerateRequest, vocab int) *Continuation {
	return &Continuation{req: req, vocab: vocab, made: make([]int, len(req.Inputs))}
}

// Chunk checks the next chunk, that came so long after the request.
func (c *Continuation) Chunk(chunk GenerateChunk, since time.Duration) error {
	if c.done {
		return Faultf(Malformed, "a chunk after the last one")
	}
	if err := firstOf(number("inputs in a chunk", len(chunk.Tokens), len(c.made)),
		CheckClock("the time of the prompts", chunk.Prefill, since), CheckClock("the time of a chunk", chunk.Compute, since)); err != nil {
		return err
	}
	if c.some && chunk.Prefill != 0 {
		return Faultf(Malformed, "a time of the prompts after the first chunk")
	}
	if err := c.times(chunk); err != nil {
		return err
	}
	n := 0
	for i, tokens := range chunk.Tokens {
		if err := c.add(i, tokens); err != nil {
			return err
		}
		n += len(tokens)
	}
	if n == 0 && !chunk.Done {
		return Faultf(Malformed, "a chunk without tokens that is not the last")
	}
	c.some, c.done = true, chunk.Done
	return nil
}

// times checks the times of single steps: they are part of the chunk's, and of no more steps than there can be.
func (c *Continuation) times(chunk GenerateChunk) error {
	if c.steps += len(chunk.Steps); c.steps > max(0, c.req.MaxNew) {
		return Faultf(Malformed, "times of %d steps, at most %d were asked for", c.steps, c.req.MaxNew)
	}
	left := chunk.Compute
	for _, d := range chunk.Steps {
		if err := CheckClock("the time of a step", d, left); err != nil {
			return err
		}
		left -= d
	}
	return nil
}

// add checks new tokens of one input.
func (c *Continuation) add(input int, tokens []int32) error {
	if c.made[input] += len(tokens); c.made[input] > c.req.MaxNew {
		return Faultf(Malformed, "input %d: %d new tokens, at most %d were asked for", input, c.made[input], c.req.MaxNew)
	}
	for _, t := range tokens {
		switch {
		case t < 0 || int(t) >= c.vocab:
			return Faultf(Malformed, "input %d: the new token %d is outside the vocabulary of %d", input, t, c.vocab)
		case slices.Contains(c.req.Stop, t):
			return Faultf(Malformed, "input %d: the new token %d should have ended it", input, t)
		}
	}
	return nil
}

// End checks that nothing is missing.
func (c *Continuation) End() error {
	if !c.done {
		return Faultf(Malformed, "the answer ended without a last chunk")
	}
	for i, n := range c.made {
		if n < c.req.MaxNew && len(c.req.Stop) == 0 {
			return Faultf(Malformed, "input %d: asked for %d new tokens, got %d", i, c.req.MaxNew, n)
		}
	}
	return nil
}

// Made is how many tokens of an input have come.
func (c *Continuation) Made(input int) int { return c.made[input] }
