package engine

import (
	"context"

	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// chunkRows is the largest number of tokens per Forward. It bounds the memory of activations; apart from rounding, results
// do not depend on it.
const chunkRows = 512

// document is a sequence being fed to the model.
type document struct {
	tokens []int32
	state  *state.Document
	fed    int // tokens already fed
}

// lane is the memory of one execution: activations and the batch being fed. It belongs to the model, so that feeding
// allocates nothing in a steady state.
type lane struct {
	pass  nn.Pass
	batch nn.Batch
	owner []int // document of each span
}

// feed runs the documents through the network in chunks, which may hold several documents. visit gets the hidden states of
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

// fill sets the next batch, of at most chunkRows tokens, and reports whether there is one. If the model is not causal, a
// batch is one whole document.
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

// checkTokens returns an error for ids outside the vocabulary.
func (m *Model) checkTokens(tokens []int32) error {
	for i, t := range tokens {
		if t < 0 || int(t) >= m.info.Vocab {
			return lm.Errorf(lm.Invalid, "", "token %d at position %d is outside the vocabulary of %d", t, i, m.info.Vocab)
		}
	}
	return nil
}

// eachLogits computes the logits of hidden in tiles, which bound memory, and calls tile with each and the index of its
// first row.
func (m *Model) eachLogits(p *nn.Pass, hidden nn.Mat, tile func(first int, logits nn.Mat)) {
	rows := max(1, logitsTile/m.info.Vocab)
	for lo := 0; lo < hidden.Rows; lo += rows {
		mark := p.Mark()
		tile(lo, m.logits(p, hidden.Slice(lo, min(hidden.Rows, lo+rows))))
		p.Release(mark)
	}
}

// logits applies the output layer to hidden states.
func (m *Model) logits(p *nn.Pass, hidden nn.Mat) nn.Mat {
	p.Component("head")
	return m.net.Output().Forward(p, hidden)
}

// logitsTile is the number of logits computed at a time.
const logitsTile = 1 << 21
