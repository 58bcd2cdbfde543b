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

// spot is a part of a text whose losses a model has told.
type spot struct {
	sequence lm.Sequence
	nll      []float64
}

// anySpot picks what a model could not know to be held against its logits when it told the losses: some positions of some
// sequence. A model that sees the future needs the text after them too.
func anySpot(sequences []lm.Sequence, scores []lm.Scores, causal bool) spot {
	i := rand.IntN(len(sequences))
	s, nll := sequences[i], scores[i].NLL
	at := rand.IntN(max(1, len(nll)-verified+1))
	if !causal {
		at = max(0, len(nll)-verified)
	}
	nll = nll[at:min(at+verified, len(nll))]
	from := s.From + at
	return spot{lm.Sequence{Tokens: s.Tokens[:from+len(nll)], From: from}, nll}
}

// Audit holds some losses of a text, here and there, against the model's own logits. The zero value is ready.
type Audit struct {
	seen  int
	spots []spot
}

// audited is how many spots of a text are checked: a model that lies in half of the text gets away with it once in 16 times.
const audited = 4

// Add takes a document into account, each with the same probability.
func (a *Audit) Add(d DocumentScore) {
	if d.spot.nll == nil {
		return
	}
	a.seen++
	if len(a.spots) < audited {
		a.spots = append(a.spots, d.spot)
	} else if i := rand.IntN(a.seen); i < audited {
		a.spots[i] = d.spot
	}
}

// Check asks for the logits; note says that the model has none.
func (a *Audit) Check(ctx context.Context, m lm.Model) (note string, err error) {
	for _, s := range a.spots {
		if err := s.verify(ctx, m); err != nil && lm.KindOf(err) == lm.Unsupported {
			return "losses not verified: the model gives no logits", nil
		} else if err != nil {
			return "", err
		}
	}
	return "", nil
}

// Verify asks for the last losses of a text, then for the logits that they must follow from. A model without logits cannot
// be verified: the error is of kind Unsupported.
func Verify(ctx context.Context, m lm.Model, tokens []int32) error {
	sequence := lm.Sequence{Tokens: tokens, From: max(1, len(tokens)-verified)}
	reply, err := score(ctx, m, lm.ScoreRequest{Sequences: []lm.Sequence{sequence}})
	if err != nil {
		return err
	}
	return spot{sequence, reply.Scores[0].NLL}.verify(ctx, m)
}

// verify holds the losses against logits.
func (s spot) verify(ctx context.Context, m lm.Model) error {
	req := lm.ScoreRequest{Logits: true, Sequences: []lm.Sequence{s.sequence}}
	reply, err := score(ctx, m, req)
	if err != nil {
		return err
	}
	info := m.Info()
	for i, token := range s.sequence.Tokens[s.sequence.From:] {
		want := loss(reply.Scores[0].Logits[i*info.Vocab:(i+1)*info.Vocab], token)
		if math.Abs(s.nll[i]-want) > lossTolerance(info)*max(1, want) {
			return contradiction(ctx, m, req, reply, "the loss of token %d is said to be %.6g, by the model's own logits it is %.6g",
				s.sequence.From+i, s.nll[i], want)
		}
	}
	return nil
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
func loss(logits []float32, token int32) float64 {
	largest := float64(slices.Max(logits))
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(float64(x) - largest)
	}
	return largest + math.Log(sum) - float64(logits[token])
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

// verifyChoices checks that new tokens are the likeliest ones by the logits of scoring.
func (s *Subject) verifyChoices(ctx context.Context, document, made []int32) error {
	made = made[:min(4, len(made))]
	req, reply, ok, err := s.predictions(ctx, slices.Concat(document, made[:len(made)-1]), len(document))
	if !ok {
		return err
	}
	for i, token := range made {
		row := reply.Scores[0].Logits[i*s.Info.Vocab : (i+1)*s.Info.Vocab]
		best, scale := slices.Max(row), 1.0
		for _, x := range row {
			scale = max(scale, math.Abs(float64(x)))
		}
		if float64(best-row[token]) > logitTolerance(s.Info)*scale {
			return contradiction(ctx, s.Model, req, reply, "new token %d after %d others is %d with a logit of %.4g; by scoring, the likeliest has %.4g",
				i, len(document), token, row[token], best)
		}
	}
	return nil
}
