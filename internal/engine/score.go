package engine

import (
	"context"
	"slices"
	"time"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// Score implements lm.Model. Sequences run in batches through the Forward that also serves decoding.
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

// scoreDocuments checks the request. The last token of a sequence is fed only if a result depends on it: its own logits or,
// in a model that is not causal, any.
func (m *Model) scoreDocuments(req lm.ScoreRequest) ([]document, error) {
	if len(req.Sequences) == 0 {
		return nil, lm.Errorf(lm.Invalid, "", "no sequences")
	}
	docs := make([]document, len(req.Sequences))
	for i, seq := range req.Sequences {
		if err := seq.Check(m.info.Vocab); err != nil {
			return nil, lm.Errorf(lm.Invalid, "", "sequence %d: %w", i, err)
		}
		n := len(seq.Tokens)
		switch {
		case !m.info.Causal:
		case seq.Targets != nil:
			for n > 0 && seq.Targets[n-1] < 0 {
				n--
			}
		case !req.Logits:
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

// asked returns the requested rows among n hidden rows, of which the first is at position at, and their targets. The row of
// the last token may be requested for its logits alone; then there is one target less.
func (s *scorer) asked(doc, at, n int) (rows []int, targets []int32) {
	seq := s.req.Sequences[doc]
	for r := range n {
		p := at + r
		switch {
		case seq.Targets != nil:
			if t := seq.Targets[p]; t >= 0 {
				rows, targets = append(rows, r), append(targets, t)
			}
		case p < seq.From-1:
		case p < len(seq.Tokens)-1:
			rows, targets = append(rows, r), append(targets, seq.Tokens[p+1])
		case s.req.Logits:
			rows = append(rows, r)
		}
	}
	return rows, targets
}

// gather returns the given rows of x, at least one. It copies them unless they are consecutive.
func gather(p *nn.Pass, x nn.Mat, rows []int) nn.Mat {
	if n := len(rows); rows[n-1]-rows[0] == n-1 {
		return x.Slice(rows[0], rows[0]+n)
	}
	some := p.New(len(rows), x.Cols)
	for i, r := range rows {
		copy(some.Row(i), x.Row(r))
	}
	return some
}

// visit scores the tokens that the hidden rows of one chunk predict.
func (s *scorer) visit(doc int, hidden nn.Mat) error {
	rows, targets := s.asked(doc, s.docs[doc].fed, hidden.Rows)
	if len(rows) == 0 {
		return nil
	}
	some := gather(s.pass, hidden, rows)
	if out := &s.out[doc]; !s.req.Logits && !s.req.Ranks {
		out.NLL = s.model.appendNLL(out.NLL, s.pass, some, targets)
		return nil
	}
	s.model.eachLogits(s.pass, some, func(first int, logits nn.Mat) { s.take(doc, logits, targets[min(first, len(targets)):]) })
	return nil
}

// take scores rows of logits, of which the first predict the targets, and returns how many do.
func (s *scorer) take(doc int, logits nn.Mat, targets []int32) int {
	out, scored := &s.out[doc], min(logits.Rows, len(targets))
	if scored > 0 {
		out.NLL = appendNLLOf(out.NLL, s.pass.Pool, logits.Slice(0, scored), targets)
	}
	for r := 0; s.req.Ranks && r < scored; r++ {
		best, rank := ranked(logits.Row(r), targets[r])
		out.Best, out.Rank = append(out.Best, best), append(out.Rank, rank)
	}
	if s.req.Logits {
		out.Logits = append(out.Logits, logits.Data...)
	}
	return scored
}

// ranked returns the token of the largest logit, the lowest id on ties, and the rank of token in that order, from 0.
func ranked(logits []float32, token int32) (best, rank int32) {
	own := logits[token]
	for v, z := range logits {
		if z > own || z == own && int32(v) < token {
			rank++
		}
	}
	return int32(kernel.ArgMax(logits)), rank
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

// compare scores the rows of hidden and adds their divergence from the predictions of other, of the versus model.
func (s *scorer) compare(doc int, hidden nn.Mat, versus *Model, other nn.Mat) {
	out := &s.out[doc]
	rows, targets := s.asked(doc, s.docs[doc].fed, hidden.Rows)
	if len(rows) == 0 {
		return
	}
	hidden, other = gather(s.pass, hidden, rows), gather(&versus.second.pass, other, rows)
	s.model.eachLogits(s.pass, hidden, func(first int, logits nn.Mat) {
		scored := s.take(doc, logits, targets[min(first, len(targets)):])
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
