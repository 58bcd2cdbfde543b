package run

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/internal/tokenizer"
)

// reading is what a model is given to read.
type reading struct {
	stream  *text.Tokens // nil: the model cannot be given text
	heldOut *text.Tokens
	random  *text.Tokens // in place of text where only speed and length matter; nil: text is given
	noText  string       // why random ids are
}

// giveText encodes the corpora for a model, once per tokenizer, start token and number of ids. A model whose tokenizer
// is missing, cannot be read or may make ids that the model lacks gets random ids where only speed and length matter.
func (l *loader) giveText(e *entry) error {
	info, asked := e.info, e.model.Tokenizer.Asked
	t, err := tokenizer.Choose(asked, e.model.Checkpoint, info.Vocab)
	if err != nil && asked != "" {
		return err
	}
	r := reading{random: text.RandomTokens(l.seed, info.Vocab, append(slices.Clone(info.EOS), info.BOS)...)}
	switch {
	case err != nil:
		r.noText = cmp.Or(errors.Unwrap(err), err).Error() // without the folder, which is known to be the model's
	case t.PlainVocab() > info.Vocab:
		r.noText = fmt.Sprintf("the tokenizer (%s) has %d tokens for plain text, the model %d", t.Name(), t.PlainVocab(), info.Vocab)
	default:
		r.random = nil
	}
	if err == nil {
		e.model.Tokenizer.Name, e.model.Tokenizer.SHA256 = t.Name(), t.SHA256()
		r.stream, r.heldOut = l.encoded(t, e)
	}
	e.reading = r
	return nil
}

// encoded returns the corpora in a tokenizer's ids.
func (l *loader) encoded(t tokenizer.Tokenizer, e *entry) (stream, heldOut *text.Tokens) {
	key := fmt.Sprint(t.SHA256(), e.info.BOS, e.info.Vocab)
	if _, ok := l.tokens[key]; !ok {
		l.tokens[key] = [2]*text.Tokens{
			text.NewTokens(l.texts.stream, t, e.info.BOS, e.info.Vocab), text.NewTokens(l.texts.heldOut, t, e.info.BOS, e.info.Vocab),
		}
	}
	return l.tokens[key][0], l.tokens[key][1]
}

// readsRandom reports whether a probe gets random ids of a model in place of text.
func (e *entry) readsRandom(p *probe.Probe) bool {
	return p.Text == probe.StreamText && !p.Language && e.reading.random != nil
}

// ids are what a probe reads in a row.
func (e *entry) ids(p *probe.Probe) *text.Tokens {
	if e.readsRandom(p) {
		return e.reading.random
	}
	return e.reading.stream
}

// missing says why a model cannot be measured by a probe, "" if it can.
func (e *entry) missing(p *probe.Probe, settings record.Point) string {
	if e.unavailable != "" || e.failure != nil {
		return e.unavailable
	}
	if p.Text != probe.NoText && e.ids(p) == nil {
		return e.reading.noText
	}
	var u *probe.Unavailable
	if err := p.Available(e.description, e.info, settings); errors.As(err, &u) {
		return u.Reason
	}
	return ""
}
