package lm

import (
	"fmt"
	"math"
	"time"
)

// ReplyError says why a reply is of no use: it is not what was asked for, or cannot be true.
type ReplyError struct {
	Fault   Fault
	Message string
}

// Fault classifies a [ReplyError].
type Fault string

// The faults of replies.
const (
	Malformed     Fault = "protocol"      // of another shape or range than the request leaves
	NonFinite     Fault = "non-finite"    // a value that is no number
	Contradiction Fault = "contradiction" // at odds with another reply, or with the host's clock
	Unsteady      Fault = "non-deterministic"
)

// Error returns what is wrong.
func (e *ReplyError) Error() string { return e.Message }

// Faultf returns a [*ReplyError].
func Faultf(f Fault, format string, args ...any) error {
	return &ReplyError{f, fmt.Sprintf(format, args...)}
}

// roundingBelow is how far below 0 rounding may bring what cannot be negative, in nats: a few units of the last place
// of float32 logits around 100. It counts as 0.
const roundingBelow = 1e-4

// nonNegative checks losses or divergences, and makes 0 of what rounding has brought below it.
func nonNegative(what string, values []float64) error {
	for i, v := range values {
		switch {
		case math.IsNaN(v) || math.IsInf(v, 0):
			return Faultf(NonFinite, "%s %d is %v", what, i, v)
		case v < -roundingBelow:
			return Faultf(Malformed, "%s %d is %g, below 0", what, i, v)
		}
		values[i] = max(0, v)
	}
	return nil
}

// finite checks logits.
func finite(values []float32) error {
	for i, v := range values {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return Faultf(NonFinite, "logit %d is %v", i, v)
		}
	}
	return nil
}

// number checks that as many values came as were asked for.
func number(what string, got, want int) error {
	if got != want {
		return Faultf(Malformed, "asked for %d %s, got %d", want, what, got)
	}
	return nil
}

// clockSkew is how much longer than the call that it was part of a work may be said to have taken.
const clockSkew = time.Millisecond

// CheckClock holds a time that was measured within a call against the time that the call took.
func CheckClock(what string, within, call time.Duration) error {
	switch {
	case within < 0:
		return Faultf(Malformed, "%s is %v, below 0", what, within)
	case within-clockSkew > call:
		return Faultf(Contradiction, "%s is %v, in a call that took %v", what, within, call)
	}
	return nil
}

// firstOf returns the first error.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Check holds a reply against the request, for a model of vocab tokens: exactly the values asked for, all of them
// finite and none below 0 by more than rounding, which counts as 0.
func (r ScoreRequest) Check(vocab int, reply ScoreReply) error {
	if err := number("sequences", len(reply.Scores), len(r.Sequences)); err != nil {
		return err
	}
	for i, seq := range r.Sequences {
		if err := firstOf(r.check(vocab, seq, reply.Scores[i]), r.checkRanks(vocab, seq, reply.Scores[i])); err != nil {
			return fmt.Errorf("sequence %d: %w", i, err)
		}
	}
	return nil
}

func (r ScoreRequest) check(vocab int, seq Sequence, s Scores) error {
	want := r.Size(vocab, seq)
	return firstOf(
		number("losses", len(s.NLL), want.NLL), number("logits", len(s.Logits), want.Logits),
		number("divergences", len(s.KL), want.KL), number("agreements", len(s.Top1), want.KL),
		nonNegative("loss", s.NLL), finite(s.Logits), nonNegative("divergence", s.KL),
	)
}

// checkRanks checks that a token is ranked first exactly where none is ranked before it.
func (r ScoreRequest) checkRanks(vocab int, seq Sequence, s Scores) error {
	n := r.Size(vocab, seq).Ranks
	if err := firstOf(number("best tokens", len(s.Best), n), number("ranks", len(s.Rank), n)); err != nil || n == 0 {
		return err
	}
	for i, token := range seq.Scored() {
		if err := firstOf(within(fmt.Sprintf("best token %d", i), int64(s.Best[i]), 0, int64(vocab)-1),
			within(fmt.Sprintf("rank %d", i), int64(s.Rank[i]), 0, int64(vocab)-1)); err != nil {
			return err
		}
		if (s.Rank[i] == 0) != (s.Best[i] == token) {
			return Faultf(Contradiction, "token %d has rank %d, and the best one is %d", token, s.Rank[i], s.Best[i])
		}
	}
	return nil
}

// Size is how many values a reply has for one input.
type Size struct{ NLL, Logits, KL, Ranks, Sampled int }

// Size is how many values the reply has for a sequence.
func (r ScoreRequest) Size(vocab int, s Sequence) (n Size) {
	n.NLL = len(s.Scored())
	rows := n.NLL
	if s.Targets == nil {
		rows++ // after the last token
	}
	if r.Logits {
		n.Logits = rows * vocab
	}
	if r.Versus != nil {
		n.KL = n.NLL
	}
	if r.Ranks {
		n.Ranks = n.NLL
	}
	return n
}

// Size is how many values the reply has for an input whose state has seen before tokens.
func (r StepRequest) Size(vocab, before int, in StepInput) (n Size) {
	switch r.Want {
	case WantNLL:
		n.NLL = len(in.Tokens)
		if before == 0 {
			n.NLL = max(0, n.NLL-1)
		}
	case WantLastLogits:
		n.Logits = min(1, len(in.Tokens)) * vocab
	case WantAllLogits:
		n.Logits = len(in.Tokens) * vocab
	}
	if in.Sample {
		n.Sampled = 1
	}
	return n
}

// Check holds a reply against the request as [ScoreRequest.Check] does. The states had seen before tokens each.
func (r StepRequest) Check(vocab int, before []int, reply StepReply) error {
	if err := number("outputs", len(reply.Outputs), len(r.Inputs)); err != nil {
		return err
	}
	for i, in := range r.Inputs {
		out, want := reply.Outputs[i], r.Size(vocab, before[i], in)
		if err := firstOf(number("losses", len(out.NLL), want.NLL), number("logits", len(out.Logits), want.Logits),
			number("sampled tokens", len(out.Sampled), want.Sampled), nonNegative("loss", out.NLL), finite(out.Logits)); err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
		for _, t := range out.Sampled {
			if err := within("a sampled token", int64(t), 0, int64(vocab)-1); err != nil {
				return fmt.Errorf("input %d: %w", i, err)
			}
		}
	}
	return nil
}
