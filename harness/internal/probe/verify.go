package probe

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/lm"
)

// lossTolerance is the largest difference of two answers about the same loss: in nats, or relative to a loss above 1.
func lossTolerance(info lm.ModelInfo) float64 {
	if info.Precision == "f32" {
		return 1e-3
	}
	return 0.02
}

// logitTolerance is the largest difference of logits, relative to the largest, between two ways of feeding the text.
func logitTolerance(info lm.ModelInfo) float64 {
	if info.Precision == "f32" {
		return shapeTolerance
	}
	return 0.1
}

// verified is the number of positions that are compared.
const verified = 16

// spot is a part of a text with the scores that a model reported for it.
type spot struct {
	prompt   lm.Sequence // sequence whose logits are requested
	targets  []int32     // tokens of the reported losses
	reported lm.Scores
}

// randomSpot picks random positions of a scored sequence, so that the model could not know which losses would be verified.
// The prompt omits the last target, so that the model cannot bend its logits towards it. Only a model that declares itself
// not causal gets the whole text.
func randomSpot(s lm.Sequence, reported lm.Scores, causal bool) spot {
	at := rand.IntN(max(1, len(reported.NLL)-verified+1))
	if !causal {
		at = max(0, len(reported.NLL)-verified)
	}
	end := min(at+verified, len(reported.NLL))
	prompt := s.Tokens[:s.From+end]
	if causal {
		prompt = s.Tokens[:s.From+end-1]
	}
	out := spot{prompt: lm.Sequence{Tokens: prompt, From: s.From + at}, targets: s.Tokens[s.From+at : s.From+end], reported: lm.Scores{NLL: reported.NLL[at:end]}}
	if len(reported.KL) > 0 {
		out.reported.KL, out.reported.Top1 = reported.KL[at:end], reported.Top1[at:end]
	}
	return out
}

// Audit checks samples of the scores that a model reports against its own logits. The zero value is ready.
type Audit struct {
	seen  int
	spots []spot
}

// audited is the number of spots of a text that are checked. A model that lies in a quarter of a text escapes one time in
// ten.
const audited = 8

// add samples scored sequences, each with the same probability.
func (a *Audit) add(sequences []lm.Sequence, scores []lm.Scores, causal bool) {
	for i, s := range sequences {
		if len(scores[i].NLL) == 0 {
			continue
		}
		if a.seen++; a.seen <= audited {
			a.spots = append(a.spots, randomSpot(s, scores[i], causal))
		} else if at := rand.IntN(a.seen); at < audited {
			a.spots[at] = randomSpot(s, scores[i], causal)
		}
	}
}

// NotVerified is the note on a model whose losses cannot be verified.
const NotVerified = "losses not verified: the model gives no logits"

// Check verifies the samples, including divergences from versus. If the model has no logits, note says so.
func (a *Audit) Check(ctx context.Context, m, versus lm.Model) (note string, err error) {
	var d divergences
	for _, s := range a.spots {
		req, reply, err := s.verify(ctx, m)
		if err == nil && versus != nil && len(s.reported.KL) > 0 {
			err = d.add(ctx, s, versus, req, reply, m.Info().Vocab)
		}
		switch {
		case lm.KindOf(err) == lm.Unsupported:
			return NotVerified, nil
		case err != nil:
			return "", err
		}
	}
	return "", d.err()
}

// Verify asks for the last losses of a text and checks them against the model's logits. For a model without logits the
// error is of kind Unsupported.
func Verify(ctx context.Context, m lm.Model, tokens []int32) error {
	sequence := lm.Sequence{Tokens: tokens, From: max(1, len(tokens)-verified)}
	reply, err := score(ctx, m, lm.ScoreRequest{Sequences: []lm.Sequence{sequence}})
	if err != nil {
		return err
	}
	_, _, err = spot{sequence, tokens[sequence.From:], reply.Scores[0]}.verify(ctx, m)
	return err
}

// verify checks the losses against the logits, and returns the request for them and its reply.
func (s spot) verify(ctx context.Context, m lm.Model) (req lm.ScoreRequest, reply lm.ScoreReply, err error) {
	req = lm.ScoreRequest{Logits: true, Sequences: []lm.Sequence{s.prompt}}
	reply, err = score(ctx, m, req)
	if err != nil {
		return req, reply, err
	}
	logits := rows(reply.Scores[0].Logits, m.Info().Vocab)
	for i, token := range s.targets {
		want := loss(logits[i], token)
		if math.Abs(s.reported.NLL[i]-want) > lossTolerance(m.Info())*max(1, want) {
			hidden := ""
			if s.prompt.From+i == len(s.prompt.Tokens) {
				hidden = " if the token is not shown (run archbench run causality to see whether the model sees the future)"
			}
			return req, reply, contradiction(ctx, m, req, reply, "the reported loss of token %d is %.6g, but the model's own logits give %.6g%s",
				s.prompt.From+i, s.reported.NLL[i], want, hidden)
		}
	}
	return req, reply, nil
}

// divergences sums the divergences from f32 that a model reports, and those computed from the logits of both models.
type divergences struct {
	reported, found float64
	tokens          int
}

// Reported divergences may differ from computed ones as if logits moved by meanTolerance nats between calls; this moves a
// divergence in proportion to its square root. A top token may differ if its lead is at most leadTolerance.
const (
	meanTolerance = 0.005
	leadTolerance = 0.1
)

// add compares a spot with the logits of versus. Top tokens must agree at each position, divergences on average.
func (d *divergences) add(ctx context.Context, s spot, versus lm.Model, req lm.ScoreRequest, own lm.ScoreReply, vocab int) error {
	base, err := score(ctx, versus, req)
	if err != nil {
		return err
	}
	ours, theirs := rows(own.Scores[0].Logits, vocab), rows(base.Scores[0].Logits, vocab)
	for i := range s.targets {
		d.reported, d.found, d.tokens = d.reported+s.reported.KL[i], d.found+divergence(theirs[i], ours[i]), d.tokens+1
		if same, clear := sameFirst(theirs[i], ours[i]); clear && same != s.reported.Top1[i] {
			return lm.Faultf(lm.Contradiction, "token %d: the model reports %v for having the same top token as f32, but the logits of both give %v",
				s.prompt.From+i, s.reported.Top1[i], same)
		}
	}
	return nil
}

// err returns an error if the reported divergences contradict the logits.
func (d *divergences) err() error {
	n := float64(max(1, d.tokens))
	reported, found := d.reported/n, d.found/n
	if math.Abs(reported-found) <= meanTolerance*(meanTolerance+math.Sqrt(2*found)) {
		return nil
	}
	return lm.Faultf(lm.Contradiction, "the reported divergence of %d tokens from f32 is %.4g nats on average, but the logits of both models give %.4g", d.tokens, reported, found)
}

// divergence returns KL(base || own) of two sets of logits, in nats.
func divergence(base, own []float32) float64 {
	zp, zq, sum := normaliser(base), normaliser(own), 0.0
	for v := range base {
		logP, logQ := float64(base[v])-zp, float64(own[v])-zq
		sum += math.Exp(logP) * (logP - logQ)
	}
	return sum
}

// sameFirst reports whether both models have the same top token, and whether rounding cannot change that.
func sameFirst(base, own []float32) (same, clear bool) {
	b, baseLead := top(base)
	o, ownLead := top(own)
	if b != o {
		return false, min(base[b]-base[o], own[o]-own[b]) > leadTolerance
	}
	return true, min(baseLead, ownLead) > leadTolerance
}

// top returns the index of the largest logit, and its lead over the second largest.
func top(logits []float32) (first int, lead float32) {
	first = slices.Index(logits, slices.Max(logits))
	second := float32(math.Inf(-1))
	for v, x := range logits {
		if v != first {
			second = max(second, x)
		}
	}
	return first, logits[first] - second
}

// rows splits logits by position.
func rows(logits []float32, vocab int) [][]float32 {
	return slices.Collect(slices.Chunk(logits, vocab))
}

// contradiction returns the error of two contradictory answers, or that of a non-deterministic model if repeating the
// request changes the reply.
func contradiction(ctx context.Context, m lm.Model, req lm.ScoreRequest, reply lm.ScoreReply, format string, args ...any) error {
	again, err := score(ctx, m, req)
	if err != nil {
		return err
	}
	logits := reply.Scores[0].Logits
	if err := unsteady("logits", difference(logits, again.Scores[0].Logits, len(logits))); err != nil {
		return err
	}
	return lm.Faultf(lm.Contradiction, format, args...)
}

// loss returns -log softmax(logits)[token].
func loss(logits []float32, token int32) float64 { return normaliser(logits) - float64(logits[token]) }

// normaliser returns the logarithm of the sum of the exponentials.
func normaliser(logits []float32) float64 {
	largest, sum := float64(slices.Max(logits)), 0.0
	for _, x := range logits {
		sum += math.Exp(float64(x) - largest)
	}
	return largest + math.Log(sum)
}

// predictions scores a text and returns its logits from the token before position from on. ok is false for a model without
// logits, or whose predictions when scoring a longer text differ because it sees the future.
func (s *Subject) predictions(ctx context.Context, tokens []int32, from int) (req lm.ScoreRequest, reply lm.ScoreReply, ok bool, err error) {
	req = lm.ScoreRequest{Logits: true, Sequences: []lm.Sequence{{Tokens: tokens, From: from}}}
	if s.Unfit != "" {
		return req, reply, false, nil
	}
	reply, err = score(ctx, s.Model, req)
	if err != nil && lm.KindOf(err) == lm.Unsupported {
		return req, reply, false, nil
	}
	return req, reply, err == nil, err
}

// verifyLast checks the logits after a document that was read in steps against those of scoring it.
func (s *Subject) verifyLast(ctx context.Context, document []int32, logits []float32) error {
	req, reply, ok, err := s.predictions(ctx, document, len(document))
	if !ok {
		return err
	}
	if d := difference(reply.Scores[0].Logits, logits, len(logits)); d > logitTolerance(s.Info) {
		return contradiction(ctx, s.Model, req, reply,
			"the logits after a document of %d tokens differ by %.3g of the largest between reading and scoring it", len(document), d)
	}
	return nil
}

// verifyLoss checks the reported losses of a document against its logits.
func (s *Subject) verifyLoss(ctx context.Context, document lm.Sequence, reported lm.Scores) error {
	if s.Unfit != "" {
		return nil
	}
	_, _, err := randomSpot(document, reported, s.Info.Causal).verify(ctx, s.Model)
	if lm.KindOf(err) == lm.Unsupported {
		return nil
	}
	return err
}

// verifyChoices checks that a few consecutive new tokens at a random place are the likeliest by the logits of scoring.
func (s *Subject) verifyChoices(ctx context.Context, document, made []int32) error {
	const some = 4
	at := rand.IntN(max(1, len(made)-some+1))
	chosen := made[at:min(at+some, len(made))]
	text := slices.Concat(document, made[:at+len(chosen)-1])
	req, reply, ok, err := s.predictions(ctx, text, len(document)+at)
	if !ok {
		return err
	}
	for i, row := range rows(reply.Scores[0].Logits, s.Info.Vocab) {
		best, scale := slices.Max(row), 1.0
		for _, x := range row {
			scale = max(scale, math.Abs(float64(x)))
		}
		if float64(best-row[chosen[i]]) > logitTolerance(s.Info)*scale {
			return contradiction(ctx, s.Model, req, reply, "new token %d after %d others is %d with a logit of %.4g, but the likeliest has %.4g when scoring",
				at+i, len(document), chosen[i], row[chosen[i]], best)
		}
	}
	return nil
}
