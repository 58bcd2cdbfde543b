package engine

import (
	"context"
	"slices"
	"time"

	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// Score implements lm.Model. Sequences run side by side through the same Forward that serves decoding.
func (m *Model) Score(ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
	var versus *Model
	if req.Versus != nil {
		other, ok := req.Versus.(*Model)
		if !ok || other.arch != m.arch {
			return lm.ScoreReply{}, lm.Errorf(lm.Invalid, "score", "versus is not a model of this plugin process")
		}
		if other.info.Vocab != m.info.Vocab {
			return lm.ScoreReply{}, lm.Errorf(lm.Invalid, "score", "vocabularies differ: %d and %d", m.info.Vocab, other.info.Vocab)
		}
		versus = other
	}
	var reply lm.ScoreReply
	err := m.compute(ctx, "score", func(l *lane) error {
		start := time.Now()
		docs, err := m.scoreDocuments(req)
		if err != nil {
			return err
		}
		reply.Scores = make([]lm.Scores, len(docs))
		s := scorer{model: m, pass: &l.pass, req: req, docs: docs, out: reply.Scores}
		if versus != nil {
			if err := s.scoreVersus(ctx, l, versus); err != nil {
				return err
			}
		} else if err := m.feed(ctx, l, docs, s.visit); err != nil {
			return err
		}
		reply.Compute = time.Since(start)
		return nil
	})
	return reply, err
}

// scoreDocuments checks the request. The last token of a sequence is only fed if something depends on it: its own
// logits, or, in a model that is not causal, everything.
func (m *Model) scoreDocuments(req lm.ScoreRequest) ([]document, error) {
	if len(req.Sequences) == 0 {
		return nil, lm.Errorf(lm.Invalid, "", "no sequences")
	}
	docs := make([]document, len(req.Sequences))
	for i, seq := range req.Sequences {
		if seq.From < 1 || seq.From > len(seq.Tokens) {
			return nil, lm.Errorf(lm.Invalid, "", "sequence %d: from %d is outside [1, %d]: a position is predicted from those before it",
				i, seq.From, len(seq.Tokens))
		}
		if err := m.checkTokens(seq.Tokens); err != nil {
			return nil, err
		}
		n := len(seq.Tokens)
		if m.info.Causal && !req.Logits {
			n--
		}
		docs[i] = document{tokens: seq.Tokens[:n], state: m.net.NewState()}
	}
	return docs, nil
}

// scorer collects the scores of one request.
type scorer struct {
	model *Model
	pass  *nn.Pass
	req   lm.ScoreRequest
	docs  []document
	out   []lm.Scores
}

// rows returns which of n hidden rows, the first of which belongs to position at, predict something asked for.
func (s *scorer) rows(doc, at, n int) (lo, hi int) {
	seq := s.req.Sequences[doc]
	last := len(seq.Tokens) - 1 // the row of the last token predicts nothing, but has logits
	if s.req.Logits {
		last++
	}
	return min(n, max(0, seq.From-1-at)), max(0, min(n, last-at))
}

// visit scores the tokens that the hidden rows of one chunk predict.
func (s *scorer) visit(doc int, hidden nn.Mat) error {
	at := s.docs[doc].fed
	lo, hi := s.rows(doc, at, hidden.Rows)
	if s.req.Logits {
		s.model.eachLogits(s.pass, hidden, lo, hi, func(first int, logits nn.Mat) { s.take(doc, at+first, logits) })
	} else if out := &s.out[doc]; lo < hi {
		out.NLL = s.model.appendNLL(out.NLL, s.pass, hidden.Slice(lo, hi), s.req.Sequences[doc].Tokens[at+lo+1:])
	}
	return nil
}

// take adds what the logits of positions at, at+1, ... say; it returns how many of them predict a scored token.
func (s *scorer) take(doc, at int, logits nn.Mat) int {
	seq, out := s.req.Sequences[doc], &s.out[doc]
	scored := min(logits.Rows, len(seq.Tokens)-1-at)
	if scored > 0 {
		out.NLL = appendNLLOf(out.NLL, s.pass.Pool, logits.Slice(0, scored), seq.Tokens[at+1:])
	}
	if s.req.Logits {
		out.Logits = append(out.Logits, logits.Data...)
	}
	return scored
}

// scoreVersus runs both models over the same chunks and adds divergence and agreement.
func (s *scorer) scoreVersus(ctx context.Context, l *lane, versus *Model) error {
	if versus.closed.Load() {
		return lm.Errorf(lm.Invalid, "", "the versus model is closed")
	}
	defer versus.second.pass.Reset()
	theirs := slices.Clone(s.docs)
	for i := range theirs {
		theirs[i].state = versus.net.NewState()
	}
	return s.model.feed(ctx, l, s.docs, func(doc int, hidden nn.Mat) error {
		at := s.docs[doc].fed
		d := &theirs[doc]
		chunk := []document{{tokens: d.tokens[at : at+hidden.Rows], state: d.state}}
		return versus.feed(ctx, &versus.second, chunk, func(_ int, other nn.Mat) error {
			s.compare(doc, hidden, versus, other)
			return nil
		})
	})
}

// compare scores the rows of hidden and adds how they differ from what other, of the versus model, predicts.
func (s *scorer) compare(doc int, hidden nn.Mat, versus *Model, other nn.Mat) {
	at, out := s.docs[doc].fed, &s.out[doc]
	lo, hi := s.rows(doc, at, hidden.Rows)
	s.model.eachLogits(s.pass, hidden, lo, hi, func(first int, logits nn.Mat) {
		scored := s.take(doc, at+first, logits)
		if scored <= 0 {
			return
		}
		p := &versus.second.pass
		mark := p.Mark()
		theirs := versus.logits(p, other.Slice(first, first+scored))
		for r := range scored {
			kl, same := divergence(theirs.Row(r), logits.Row(r))
			out.KL, out.Top1 = append(out.KL, kl), append(out.Top1, same)
		}
		p.Release(mark)
	})
}
