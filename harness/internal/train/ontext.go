package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/archbench/archbench/harness/internal/corpus"
	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// The measures of text.
const (
	BitsPerByte = "bits_per_byte"
	Loss        = "loss"
)

// onText is training on a corpus.
type onText struct {
	about About
	batch *corpus.Batches
	valid *corpus.Batches
	n     int // windows of the evaluation
}

// OnText returns the data of a corpus. It adds the hash of the corpus to about. An update trains on size packed windows of
// about.Length tokens. An evaluation scores about evalTokens tokens, in windows spread evenly over the validation side. Its bits per
// byte count the bytes of the targets that it scores.
func OnText(c *corpus.Corpus, about About, info lm.ModelInfo, size, evalTokens int, seed uint64) (Data, error) {
	length := about.Length
	if info.ContextLimit > 0 && length > info.ContextLimit {
		return nil, wrong{ErrRequest, fmt.Errorf("documents of %d tokens: the model reads at most %d; lower --length", length, info.ContextLimit)}
	}
	d := &onText{about: about}
	d.about.SHA256 = c.SHA256()
	var err error
	if d.batch, err = c.Batches(corpus.BatchOptions{Split: dataset.Train, Length: length, Size: size, Packed: true, Seed: seed}); err != nil {
		return nil, wrong{ErrRequest, err}
	}
	if d.valid, err = c.Batches(corpus.BatchOptions{Split: dataset.Valid, Length: length, Size: 1}); err != nil {
		return nil, wrong{ErrRequest, err}
	}
	targets := 0
	for i := range d.valid.Len() {
		w, _, err := d.valid.Window(i)
		if err != nil {
			return nil, err
		}
		targets += len(w.Targets)
	}
	d.n = min(d.valid.Len(), max(1, evalTokens*d.valid.Len()/targets))
	return d, nil
}

// About implements [Data].
func (d *onText) About() About { return d.about }

// Batch implements [Data].
func (d *onText) Batch(update int) ([]lm.TrainDocument, error) { return d.batch.Batch(update) }

// Evaluate implements [Data].
func (d *onText) Evaluate(ctx context.Context, m lm.Model) ([]Measure, error) {
	nats, bytes, targets := 0.0, 0.0, 0
	err := inCalls(d.n, func(lo, hi int) error {
		var req lm.ScoreRequest
		for i := lo; i < hi; i++ {
			w, length, err := d.valid.Window(i * d.valid.Len() / d.n)
			if err != nil {
				return err
			}
			bytes += length
			whole := slices.Concat(w.Tokens, w.Targets[len(w.Targets)-1:])
			req.Sequences = append(req.Sequences, lm.Sequence{Tokens: whole, From: 1})
		}
		reply, err := m.Score(ctx, req)
		if err != nil {
			return err
		}
		for _, s := range reply.Scores {
			targets += len(s.NLL)
			for _, v := range s.NLL {
				nats += v
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	loss := nats / float64(targets)
	return []Measure{
		{BitsPerByte, record.Real(nats / math.Ln2 / bytes), unit.BitsPerByte, -1},
		{Loss, record.Real(loss), unit.Nat, -1},
	}, nil
}

// documentsPerCall bounds the work of a call, so that an evaluation can be interrupted.
const documentsPerCall = 8

// inCalls calls do for the numbers below n, some at a time.
func inCalls(n int, do func(lo, hi int) error) error {
	for lo := 0; lo < n; lo += documentsPerCall {
		if err := do(lo, min(n, lo+documentsPerCall)); err != nil {
			return fmt.Errorf("documents %d to %d: %w", lo, min(n, lo+documentsPerCall)-1, err)
		}
	}
	return nil
}
