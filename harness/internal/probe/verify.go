package probe

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/lm"
)

// How far two answers of one model about the same prediction may be apart: in nats, as a share of a loss above 1, and
// as a share of the largest logit where the ways to feed the text differ too.
func lossTolerance(info lm.ModelInfo) float64 {
	if info.Precision == "f32" {
		return 1e-3
	}
	return 0.02
}

func logitTolerance(info lm.ModelInfo) float64 {
	if info.Precision == "f32" {
		return shapeTolerance
	}
	return 0.1
}

// verified is how many positions of a text are compared.
const verified = 16

// spot is a part of a text and what a model has told about it.
type spot struct {
	shown   lm.Sequence // what the logits are asked for
	targets []int32     // the tokens that the told losses are of
	told    lm.Scores
}

// anySpot picks some positions of a sequence that a model could not know to be held against its logits when it told the
// losses. The last target is not shown again, so that no logits can be bent towards it; only a model that sees the future
// needs the text after them too.
func anySpot(s lm.Sequence, told lm.Scores, causal bool) spot {
	at := rand.IntN(max(1, len(told.NLL)-verified+1))
	if !causal {
		at = max(0, len(told.NLL)-verified)
	}
	end := min(at+verified, len(told.NLL))
	shown := s.Tokens[:s.From+end]
	if causal {
		shown = s.Tokens[:s.From+end-1]
	}
	out := spot{shown: lm.Sequence{Tokens: shown, From: s.From + at}, targets: s.Tokens[s.From+at : s.From+end], told: lm.Scores{NLL: told.NLL[at:end]}}
	if len(told.KL) > 0 {
		out.told.KL, out.told.Top1 = told.KL[at:end], told.Top1[at:end]
	}
	return out
}

// Audit holds what a model tells about a text, here and there, against its own logits. The zero value is ready.
type Audit struct {
	seen  int
	spots []spot
}

// audited is how many spots of a text are checked: a model that lies in a quarter of the text gets away with it once in ten
// times.
const audited = 8

// add takes scored sequences into account, each with the same probability.
func (a *Audit) add(sequences []lm.Sequence, scores []lm.Scores, causal bool) {
	for i, s := range sequences {
		if len(scores[i].NLL) == 0 {
			continue
		}
		a.seen++
		if len(a.spots) < audited {
			a.spots = append(a.spots, anySpot(s, scores[i], causal))
		} else if at := rand.IntN(a.seen); at < audited {
			a.spots[at] = anySpot(s, scores[i], causal)
		}
	}
}

// Check asks for the logits, also those of the model that divergences were told from; note says that there are none.
func (a *Audit) Check(ctx context.Context, m, versus lm.Model) (note string, err error) {
	var d drift
	for _, s := range a.spots {
		req, reply, err := s.verify(ctx, m)
		if err == nil && versus != nil && len(s.told.KL) > 0 {
			err = d.add(ctx, s, versus, req, reply, m.Info().Vocab)
		}
		switch {
		case lm.KindOf(err) == lm.Unsupported:
			return "losses not verified: the model gives no logits", nil
		case err != nil:
			return "", err
		}
	}
	return "", d.err()
}

// Verify asks for the last losses of a text, then for the logits that they must follow from. A model without logits cannot
// be verified: the error is of kind Unsupported.
func Verify(ctx context.Context, m lm.Model, tokens []int32) error {
	sequence := lm.Sequence{Tokens: tokens, From: max(1, len(tokens)-verified)}
	reply, err := score(ctx, m, lm.ScoreRequest{Sequences: []lm.Sequence{sequence}})
	if err != nil {
		return err
	}
	_, _, err = spot{sequence, tokens[sequence.From:], reply.Scores[0]}.verify(ctx, m)
	return err
}

// verify holds the losses against logits, and returns how those were asked for.
func (s spot) verify(ctx context.Context, m lm.Model) (req lm.ScoreRequest, reply lm.ScoreReply, err error) {
	req = lm.ScoreRequest{Logits: true, Sequences: []lm.Sequence{s.shown}}
	reply, err = score(ctx, m, req)
	if err != nil {
		return req, reply, err
	}
	logits := rows(reply.Scores[0].Logits, m.Info().Vocab)
	for i, token := range s.targets {
		want := loss(logits[i], token)
		if math.Abs(s.told.NLL[i]-want) > lossTolerance(m.Info())*max(1, want) {
			hidden := ""
			if s.shown.From+i == len(s.shown.Tokens) {
				hidden = ", asked for without showing the token (archbench run causality tells whether the model sees the future)"
			}
			return req, reply, contradiction(ctx, m, req, reply, "the loss of token %d is said to be %.6g, by the model's own logits it is %.6g%s",
				s.shown.From+i, s.told.NLL[i], want, hidden)
		}
	}
	return req, reply, nil
}

// drift sums the divergences from f32 that a model tells, and those by the logits of both.
type drift struct {
	told, found float64
	tokens      int
}

// How far told divergences may be from those by logits: as if logits moved by so many nats from call to call, which moves
// a divergence with its root, and a first choice where the lead of either model is no larger.
const (
	movedOnAverage = 0.005
	movedOnce      = 0.1
)

// add compares a spot with the logits of the model that it diverges from. First choices must agree at each token, the
// divergences on average.
func (d *drift) add(ctx context.Context, s spot, versus lm.Model, req lm.ScoreRequest, own lm.ScoreReply, vocab int) error {
	base, err := score(ctx, versus, req)
	if err != nil {
		return err
	}
	ours, theirs := rows(own.Scores[0].Logits, vocab), rows(base.Scores[0].Logits, vocab)
	for i := range s.targets {
		d.told, d.found, d.tokens = d.told+s.told.KL[i], d.found+divergence(theirs[i], ours[i]), d.tokens+1
		if same, clear := sameFirst(theirs[i], ours[i]); clear && same != s.told.Top1[i] {
			return lm.Faultf(lm.Contradiction, "token %d: that it ranks the same token first as f32 is said to be %v; by the logits of both it is %v",
				s.shown.From+i, s.told.Top1[i], same)
		}
	}
	return nil
}

// err says that divergences contradict the logits.
func (d *drift) err() error {
	n := float64(max(1, d.tokens))
	told, found := d.told/n, d.found/n
	if math.Abs(told-found) <= movedOnAverage*(movedOnAverage+math.Sqrt(2*found)) {
		return nil
	}
	return lm.Faultf(lm.Contradiction, "the divergence from f32 of %d tokens is said to be %.4g nats on average; by the logits of both models it is %.4g", d.tokens, told, found)
}

// divergence is KL(base || own) of two sets of logits, in nats.
func divergence(base, own []float32) float64 {
	zp, zq, sum := normaliser(base), normaliser(own), 0.0
	for v := range base {
		logP, logQ := float64(base[v])-zp, float64(own[v])-zq
		sum += math.Exp(logP) * (logP - logQ)
	}
	return sum
}

// sameFirst reports whether both rank the same token first, and whether that is clear.
func sameFirst(base, own []float32) (same, clear bool) {
	b, o := firstChoice(base), firstChoice(own)
	if b != o {
		return false, min(base[b]-base[o], own[o]-own[b]) > movedOnce
	}
	return true, min(lead(base, b), lead(own, o)) > movedOnce
}

// firstChoice is the index of the largest logit.
func firstChoice(logits []float32) int { return slices.Index(logits, slices.Max(logits)) }

// lead is how far a logit is above all others.
func lead(logits []float32, first int) float32 {
	second := float32(math.Inf(-1))
	for v, x := range logits {
		if v != first {
			second = max(second, x)
		}
	}
	return logits[first] - second
}

// rows cuts logits into those of each position.
func rows(logits []float32, vocab int) [][]float32 {
	return slices.Collect(slices.Chunk(logits, vocab))
}

// contradiction is the error of an answer that another one contradicts, unless that one is another at each request.
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

// loss is -log softmax(logits)[token].
func loss(logits []float32, token int32) float64 { return normaliser(logits) - float64(logits[token]) }

// normaliser is the logarithm of the sum of the exponentials.
func normaliser(logits []float32) float64 {
	largest, sum := float64(slices.Max(logits)), 0.0
	for _, x := range logits {
		sum += math.Exp(float64(x) - largest)
	}
	return largest + math.Log(sum)
}

// predictions asks for the logits that scoring a text gives, from the token before position from on. ok is false for a
// model that gives none or is not to be asked: one that sees the future predicts otherwise when it scores.
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

// verifyLast holds the logits after a document that was read in steps against those of scoring it.
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

// verifyLoss holds what scoring a document has told against its logits.
func (s *Subject) verifyLoss(ctx context.Context, document lm.Sequence, told lm.Scores) error {
	if s.Unfit != "" {
		return nil
	}
	_, _, err := anySpot(document, told, s.Info.Causal).verify(ctx, s.Model)
	if lm.KindOf(err) == lm.Unsupported {
		return nil
	}
	return err
}

// verifyChoices checks that some of the new tokens, anywhere, are the likeliest ones by the logits of scoring.
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
			return contradiction(ctx, s.Model, req, reply, "new token %d after %d others is %d with a logit of %.4g; by scoring, the likeliest has %.4g",
				at+i, len(document), chosen[i], row[chosen[i]], best)
		}
	}
	return nil
}
