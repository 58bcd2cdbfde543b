package lm

import (
	"cmp"
	"slices"
	"time"
)

// Continuation checks the chunks of a Generate against its request as they come.
type Continuation struct {
	req   GenerateRequest
	vocab int
	made  []int // tokens per input
	steps int
	begun bool
	done  bool
}

// NewContinuation starts the check of a Generate on a model of vocab tokens.
func NewContinuation(req GenerateRequest, vocab int) *Continuation {
	return &Continuation{req: req, vocab: vocab, made: make([]int, len(req.Inputs))}
}

// Chunk checks the next chunk, which came this long after the request.
func (c *Continuation) Chunk(chunk GenerateChunk, since time.Duration) error {
	if c.done {
		return Faultf(Malformed, "a chunk after the last one")
	}
	if err := cmp.Or(checkNumber("inputs in a chunk", len(chunk.Tokens), len(c.made)),
		CheckClock("the time of the prompts", chunk.Prefill, since), CheckClock("the time of a chunk", chunk.Compute, since),
		c.times(chunk)); err != nil {
		return err
	}
	if c.begun && chunk.Prefill != 0 {
		return Faultf(Malformed, "the time of the prompts comes after the first chunk")
	}
	n := 0
	for i, tokens := range chunk.Tokens {
		if err := c.add(i, tokens); err != nil {
			return err
		}
		n += len(tokens)
	}
	if n == 0 && !chunk.Done {
		return Faultf(Malformed, "a chunk without tokens is not the last")
	}
	c.begun, c.done = true, chunk.Done
	return nil
}

// times checks that the times of steps fit into the chunk's time, and that there are no more steps than requested.
func (c *Continuation) times(chunk GenerateChunk) error {
	if c.steps += len(chunk.Steps); c.steps > max(0, c.req.MaxNew) {
		return Faultf(Malformed, "times of %d steps, asked for at most %d", c.steps, c.req.MaxNew)
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

// add checks the new tokens of one input.
func (c *Continuation) add(input int, tokens []int32) error {
	if c.made[input] += len(tokens); c.made[input] > c.req.MaxNew {
		return Faultf(Malformed, "input %d: %d new tokens, asked for at most %d", input, c.made[input], c.req.MaxNew)
	}
	for _, t := range tokens {
		switch {
		case t < 0 || int(t) >= c.vocab:
			return Faultf(Malformed, "input %d: the new token %d is outside the vocabulary of %d", input, t, c.vocab)
		case slices.Contains(c.req.Stop, t):
			return Faultf(Malformed, "input %d: got stop token %d", input, t)
		}
	}
	return nil
}

// End checks that the reply is complete.
func (c *Continuation) End() error {
	if !c.done {
		return Faultf(Malformed, "the reply ended without a last chunk")
	}
	for i, n := range c.made {
		if n < c.req.MaxNew && len(c.req.Stop) == 0 {
			return Faultf(Malformed, "input %d: asked for %d new tokens, got %d", i, c.req.MaxNew, n)
		}
	}
	return nil
}

// Made returns how many tokens of an input have come.
func (c *Continuation) Made(input int) int { return c.made[input] }
