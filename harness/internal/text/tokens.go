package text

import (
	"fmt"
	"sync"
)

// Tokenizer turns text into token ids without special tokens.
type Tokenizer interface {
	Encode(text string) []int32
}

// Tokens is a corpus in one tokenizer's ids. Documents are encoded when they are first needed.
type Tokens struct {
	corpus    *Corpus
	tokenizer Tokenizer
	start     int32 // precedes each document; negative: none

	mu     sync.Mutex
	stream []int32
	next   int // first document that is not in stream
}

// NewTokens encodes a corpus; in a stream, each document follows the token start, unless that is negative.
func NewTokens(c *Corpus, t Tokenizer, start int32) *Tokens {
	return &Tokens{corpus: c, tokenizer: t, start: start}
}

// Stream returns the first n tokens of all documents in a row.
func (t *Tokens) Stream(n int) ([]int32, error) {
	tokens := t.AtMost(n)
	if len(tokens) < n {
		return nil, fmt.Errorf("the text (%s) has %d tokens, %d are needed; name a longer one with --corpus",
			t.corpus.Source, len(tokens), n)
	}
	return tokens, nil
}

// AtMost returns the first n tokens of all documents in a row, or as many as there are.
func (t *Tokens) AtMost(n int) []int32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ; len(t.stream) < n && t.next < len(t.corpus.Documents); t.next++ {
		if t.start >= 0 {
			t.stream = append(t.stream, t.start)
		}
		t.stream = append(t.stream, t.tokenizer.Encode(t.corpus.Documents[t.next].Text)...)
	}
	n = min(n, len(t.stream))
	return t.stream[:n:n]
}

// Encoded is a document with its token ids.
type Encoded struct {
	Name   string
	Bytes  int
	Tokens []int32
}

// Excerpt encodes about total bytes of the corpus, see [Corpus.Excerpt].
func (t *Tokens) Excerpt(total int) []Encoded {
	var all []Encoded
	for _, d := range t.corpus.Excerpt(total).Documents {
		all = append(all, Encoded{d.Name, len(d.Text), t.tokenizer.Encode(d.Text)})
	}
	return all
}
