package text

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
)

// Tokenizer turns text into token ids without special tokens.
type Tokenizer interface {
	Encode(text string) []int32
	// Token is the spelling of an id.
	Token(id int32) string
}

// Tokens are what a model reads: a corpus in one tokenizer's ids, whose documents are encoded when they are first
// needed, or random ids.
type Tokens struct {
	source    string
	corpus    *Corpus
	tokenizer Tokenizer
	start     int32 // precedes each document; negative: none
	vocab     int   // of the model

	mu     sync.Mutex
	stream []int32
	more   func() ([]int32, error) // further ids of the stream; io.EOF at its end
	next   int                     // first document that is not in stream
}

// NewTokens encodes a corpus for a model with vocab ids; in a stream, each document follows the token start, unless
// that is negative.
func NewTokens(c *Corpus, t Tokenizer, start int32, vocab int) *Tokens {
	all := &Tokens{source: c.Source, corpus: c, tokenizer: t, start: start, vocab: vocab}
	all.more = all.document
	return all
}

// RandomTokens are seeded ids below vocab, endlessly, none of them in avoid: for work in which only speed and length
// matter. They have no documents.
func RandomTokens(seed uint64, vocab int, avoid ...int32) *Tokens {
	var ids []int32
	for id := range int32(vocab) {
		if !slices.Contains(avoid, id) {
			ids = append(ids, id)
		}
	}
	random := rand.New(rand.NewPCG(seed, uint64(vocab)))
	return &Tokens{source: "random ids", corpus: &Corpus{}, more: func() ([]int32, error) {
		if len(ids) == 0 {
			return nil, io.EOF
		}
		some := make([]int32, 1<<12)
		for i := range some {
			some[i] = ids[random.IntN(len(ids))]
		}
		return some, nil
	}}
}

// Stream returns the first n tokens of all documents in a row.
func (t *Tokens) Stream(n int) ([]int32, error) {
	tokens, err := t.AtMost(n)
	if err == nil && len(tokens) < n {
		err = fmt.Errorf("the text (%s) has %d tokens, %d are needed; name a longer one with --corpus", t.source, len(tokens), n)
	}
	return tokens, err
}

// AtMost returns the first n tokens of all documents in a row, or as many as there are.
func (t *Tokens) AtMost(n int) ([]int32, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.stream) < n {
		some, err := t.more()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		t.stream = append(t.stream, some...)
	}
	n = min(n, len(t.stream))
	return t.stream[:n:n], nil
}

// document returns the next document of the stream.
func (t *Tokens) document() ([]int32, error) {
	if t.next == len(t.corpus.Documents) {
		return nil, io.EOF
	}
	ids, err := t.encode(t.corpus.Documents[t.next])
	if err != nil {
		return nil, err
	}
	t.next++
	if t.start >= 0 {
		ids = slices.Insert(ids, 0, t.start)
	}
	return ids, nil
}

// encode returns the ids of a document. A tokenizer may have more tokens than the model, which a document must not
// hold.
func (t *Tokens) encode(d Document) ([]int32, error) {
	ids := t.tokenizer.Encode(d.Text)
	for _, id := range ids {
		if int(id) >= t.vocab {
			return nil, fmt.Errorf("document %s holds the token %q, whose id %d is beyond the model's %d: "+
				"the tokenizer is of another model (name the right one with --tokenizer), or the embedding was not resized for it",
				d.Name, t.tokenizer.Token(id), id, t.vocab)
		}
	}
	return ids, nil
}

// Encoded is a document with its token ids.
type Encoded struct {
	Name   string
	Bytes  int
	Tokens []int32
}

// Excerpt encodes about total bytes of the corpus, see [Corpus.Excerpt].
func (t *Tokens) Excerpt(total int) ([]Encoded, error) {
	var all []Encoded
	for _, d := range t.corpus.Excerpt(total).Documents {
		ids, err := t.encode(d)
		if err != nil {
			return nil, err
		}
		all = append(all, Encoded{d.Name, len(d.Text), ids})
	}
	return all, nil
}
