package lm

import (
	"cmp"
	"fmt"
	"math"
	"time"
)

// ReplyError reports a reply that does not answer its request or cannot be true.
type ReplyError struct {
	Fault   Fault
	Message string
}

// Fault classifies a [ReplyError].
type Fault string

// The faults of replies.
const (
	Malformed     Fault = "protocol"      // shape or range does not fit the request
	NonFinite     Fault = "non-finite"    // a NaN or infinity
	Contradiction Fault = "contradiction" // contradicts another reply or the host's clock
	Unsteady      Fault = "non-deterministic"
)

// Error returns the message.
func (e *ReplyError) Error() string { return e.Message }

// Faultf returns a [*ReplyError].
func Faultf(f Fault, format string, args ...any) error {
	return &ReplyError{f, fmt.Sprintf(format, args...)}
}

// roundingBelow is how far rounding may bring a non-negative value below 0, in nats: a few units in the last place of
// float32 logits around 100.
const roundingBelow = 1e-4

// clampNonNegative checks losses or divergences and sets those that rounding has brought below 0 to 0.
func clampNonNegative(what string, values []float64) error {
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

func checkLogits(values []float32) error {
	for i, v := range values {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return Faultf(NonFinite, "logit %d is %v", i, v)
		}
	}
	return nil
}

// checkNumber checks that a reply has as many values as were requested.
func checkNumber(what string, got, want int) error {
	if got != want {
		return Faultf(Malformed, "asked for %d %s, got %d", want, what, got)
	}
	return nil
}

// clockSkew is how much a time measured inside a call may exceed the time of the call.
const clockSkew = time.Millisecond

// CheckClock checks that a time measured within a call is no longer than the call.
func CheckClock(what string, within, call time.Duration) error {
	switch {
	case within < 0:
		return Faultf(Malformed, "%s is %v, below 0", what, within)
	case within-clockSkew > call:
		return Faultf(Contradiction, "%s is %v, in a call that took %v", what, within, call)
	}
	return nil
}

// Check checks a reply of a model of vocab tokens against the request: it must have exactly the requested values, all
// finite. Losses and divergences must not be negative; those that are so by rounding are set to 0.
func (r ScoreRequest) Check(vocab int, reply ScoreReply) error {
	if err := checkNumber("sequences", len(reply.Scores), len(r.Sequences)); err != nil {
		return err
	}
	for i, seq := range r.Sequences {
		if err := cmp.Or(r.check(vocab, seq, reply.Scores[i]), r.checkRanks(vocab, seq, reply.Scores[i])); err != nil {
			return fmt.Errorf("sequence %d: %w", i, err)
		}
	}
	return nil
}

func (r ScoreRequest) check(vocab int, seq Sequence, s Scores) error {
	want := r.Size(vocab, seq)
	return cmp.Or(
		checkNumber("losses", len(s.NLL), want.NLL), checkNumber("logits", len(s.Logits), want.Logits),
		checkNumber("divergences", len(s.KL), want.KL), checkNumber("agreements", len(s.Top1), want.KL),
		clampNonNegative("loss", s.NLL), checkLogits(s.Logits), clampNonNegative("divergence", s.KL),
	)
}

// checkRanks checks that a token has rank 0 exactly if it is the best one.
func (r ScoreRequest) checkRanks(vocab int, seq Sequence, s Scores) error {
	n := r.Size(vocab, seq).Ranks
	if err := cmp.Or(checkNumber("best tokens", len(s.Best), n), checkNumber("ranks", len(s.Rank), n)); err != nil || n == 0 {
		return err
	}
	for i, token := range seq.Scored() {
		if err := cmp.Or(checkRange(fmt.Sprintf("best token %d", i), int64(s.Best[i]), 0, int64(vocab)-1),
			checkRange(fmt.Sprintf("rank %d", i), int64(s.Rank[i]), 0, int64(vocab)-1)); err != nil {
			return err
		}
		if (s.Rank[i] == 0) != (s.Best[i] == token) {
			return Faultf(Contradiction, "token %d has rank %d, and the best one is %d", token, s.Rank[i], s.Best[i])
		}
	}
	return nil
}

// Size holds the numbers of values that a reply has for one input.
type Size struct{ NLL, Logits, KL, Ranks, Sampled int }

// Size returns how many values the reply has for a sequence.
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

// Size returns how many values the reply has for an input whose state had seen before tokens.
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

// Check checks a reply against the request as [ScoreRequest.Check] does. State i had seen before[i] tokens.
func (r StepRequest) Check(vocab int, before []int, reply StepReply) error {
	if err := checkNumber("outputs", len(reply.Outputs), len(r.Inputs)); err != nil {
		return err
	}
	for i, in := range r.Inputs {
		out, want := reply.Outputs[i], r.Size(vocab, before[i], in)
		if err := cmp.Or(checkNumber("losses", len(out.NLL), want.NLL), checkNumber("logits", len(out.Logits), want.Logits),
			checkNumber("sampled tokens", len(out.Sampled), want.Sampled), clampNonNegative("loss", out.NLL), checkLogits(out.Logits)); err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
		for _, t := range out.Sampled {
			if err := checkRange("a sampled token", int64(t), 0, int64(vocab)-1); err != nil {
				return fmt.Errorf("input %d: %w", i, err)
			}
		}
	}
	return nil
}
