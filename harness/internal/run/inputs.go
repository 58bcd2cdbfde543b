package run

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/internal/tokenizer"
	"github.com/archbench/archbench/lm"
)

// inputs are the tokens that a model reads.
type inputs struct {
	stream  *text.Tokens // nil: no usable tokenizer
	heldOut *text.Tokens
	random  *text.Tokens // replaces text where only speed and length matter; nil: text is used
	noText  string       // why random ids replace text
}

// recordText encodes the corpora for a model, once per tokenizer, start token and vocabulary size. A model whose
// tokenizer is missing, unreadable or too large for its vocabulary gets random ids where only speed and length matter.
func (l *loader) recordText(m *loadedModel, loaded *session.Model) error {
	info, asked := m.info, m.record.Tokenizer.Asked
	t, err := loaded.Tokenizer(asked)
	if err != nil && asked != "" {
		return err
	}
	in := inputs{random: text.RandomTokens(l.seed, info.Vocab, append(slices.Clone(info.EOS), info.BOS)...)}
	switch {
	case err != nil:
		in.noText = cmp.Or(errors.Unwrap(err), err).Error() // without the model's folder
	case t.PlainVocab() > info.Vocab:
		in.noText = fmt.Sprintf("the tokenizer (%s) has %d tokens for plain text, the model %d", t.Name(), t.PlainVocab(), info.Vocab)
	default:
		in.random = nil
	}
	if err == nil {
		m.record.Tokenizer.Name, m.record.Tokenizer.SHA256 = t.Name(), t.SHA256()
		in.stream, in.heldOut = l.encoded(t, info)
	}
	m.inputs = in
	return nil
}

// encoded returns the corpora as token ids.
func (l *loader) encoded(t tokenizer.Tokenizer, info lm.ModelInfo) (stream, heldOut *text.Tokens) {
	key := fmt.Sprint(t.SHA256(), info.BOS, info.Vocab)
	if _, ok := l.tokens[key]; !ok {
		l.tokens[key] = [2]*text.Tokens{
			text.NewTokens(l.corpora.stream, t, info.BOS, info.Vocab), text.NewTokens(l.corpora.heldOut, t, info.BOS, info.Vocab),
		}
	}
	return l.tokens[key][0], l.tokens[key][1]
}

// readsRandom reports whether a probe reads random ids instead of text with this model.
func (m *loadedModel) readsRandom(p *probe.Probe) bool {
	return p.Text == probe.StreamText && !p.Language && m.inputs.random != nil
}

// ids returns the tokens that a probe streams.
func (m *loadedModel) ids(p *probe.Probe) *text.Tokens {
	if m.readsRandom(p) {
		return m.inputs.random
	}
	return m.inputs.stream
}

// missing returns why a probe cannot measure a model, or "".
func (m *loadedModel) missing(p *probe.Probe, settings record.Point) string {
	if m.unavailable != "" || m.failure != nil {
		return m.unavailable
	}
	if p.Text != probe.NoText && m.ids(p) == nil {
		return m.inputs.noText
	}
	var u *probe.Unavailable
	if err := p.Available(m.info, settings); errors.As(err, &u) {
		return u.Reason
	}
	return ""
}
