package engine

import (
	"context"

	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// chunkRows is the number of tokens that one Forward takes at most where the input is longer. It bounds the memory
// of activations; results do not depend on it beyond rounding.
const chunkRows = 512

// document is one sequence on its way through the model.
type document struct {
	tokens []int32
	state  *state.Document
	fed    int // tokens already fed
}

// lane is the memory of one execution at a time: activations and the batch being fed. It lives with the model, so
// that feeding allocates nothing in a steady state.
type lane struct {
	pass  nn.Pass
	batch nn.Batch
	owner []int // document of each span
}

// feed runs the documents through the network, chunk by chunk, several at a time. visit sees the hidden states of
// tokens [doc.fed, doc.fed+hidden.Rows) of each document, in order; they are valid until it returns.
func (m *Model) feed(ctx context.Context, l *lane, docs []document, visit func(doc int, hidden nn.Mat) error) error {
	for _, d := range docs {
		if err := m.checkTokens(d.tokens); err != nil {
			return err
		}
	}
	for l.fill(docs, m.info.Causal) {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.pass.Reset()
		hidden, err := m.forward(&l.pass, l.batch)
		if err != nil {
			return err
		}
		for i, span := range l.batch.Spans {
			d := &docs[l.owner[i]]
			if err := visit(l.owner[i], hidden.Slice(span.Start, span.Start+span.Len)); err != nil {
				return err
			}
			d.fed += span.Len
		}
	}
	return nil
}

// forward runs one batch through the network.
func (m *Model) forward(p *nn.Pass, b nn.Batch) (nn.Mat, error) {
	hidden, err := m.net.Forward(p, b)
	if err == nil {
		b.Advance()
	}
	return hidden, err
}

// fill makes the next batch of at most chunkRows tokens and reports whether there is one. A model that is not causal
// needs each document whole and alone.
func (l *lane) fill(docs []document, causal bool) bool {
	l.batch.Tokens, l.batch.Spans, l.owner = l.batch.Tokens[:0], l.batch.Spans[:0], l.owner[:0]
	for i := range docs {
		d := &docs[i]
		left := d.tokens[d.fed:]
		if room := chunkRows - len(l.batch.Tokens); causal && len(left) > room {
			left = left[:room]
		}
		if len(left) == 0 {
			continue
		}
		l.batch.Spans = append(l.batch.Spans, nn.Span{Start: len(l.batch.Tokens), Len: len(left), State: d.state})
		l.batch.Tokens = append(l.batch.Tokens, left...)
		l.owner = append(l.owner, i)
		if !causal || len(l.batch.Tokens) == chunkRows {
			break
		}
	}
	return len(l.batch.Spans) > 0
}

// checkTokens refuses ids outside the vocabulary.
func (m *Model) checkTokens(tokens []int32) error {
	for i, t := range tokens {
		if t < 0 || int(t) >= m.info.Vocab {
			return lm.Errorf(lm.Invalid, "", "token %d at position %d is outside the vocabulary of %d", t, i, m.info.Vocab)
		}
	}
	return nil
}

// eachLogits computes the logits of rows [lo, hi) of hidden in tiles that bound memory, and hands each tile over with
// the index of its first row.
func (m *Model) eachLogits(p *nn.Pass, hidden nn.Mat, lo, hi int, tile func(first int, logits nn.Mat)) {
	rows := max(1, logitsTile/m.info.Vocab)
	for ; lo < hi; lo += rows {
		mark := p.Mark()
		end := min(hi, lo+rows)
		tile(lo, m.logits(p, hidden.Slice(lo, end)))
		p.Release(mark)
	}
}

// logits applies the output layer to rows of the hidden state.
func (m *Model) logits(p *nn.Pass, hidden nn.Mat) nn.Mat {
	p.Component("head")
	return m.net.Output().Forward(p, hidden)
}

// logitsTile is the number of logits computed at a time.
const logitsTile = 1 << 21
