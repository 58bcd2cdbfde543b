package text

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
)

// Tokenizer turns text into token ids without special tokens.
type Tokenizer interface {
	Encode(text string) ([]int32, error)
	Decode(ids []int32) (string, error)
	// Token is the spelling of an id.
	Token(id int32) string
}

// UnsuitableError reports why a text cannot be given to a model.
type UnsuitableError struct{ Reason string }

// Error implements error.
func (e *UnsuitableError) Error() string { return e.Reason }

func unsuitable(format string, args ...any) error {
	return &UnsuitableError{fmt.Sprintf(format, args...)}
}

// Tokens are a model's input: a corpus in one tokenizer's ids, read and encoded on demand, or random ids.
type Tokens struct {
	source    string
	corpus    *Corpus
	tokenizer Tokenizer
	start     int32 // precedes each document; negative: none
	vocab     int   // of the model

	mu     sync.Mutex
	stream []int32
	more   func() ([]int32, error) // more ids of the stream; io.EOF at its end
	next   int                     // first document not in stream
	open   *encoder                // the document before next, until all of it is in stream
}

// NewTokens encodes a corpus for a model with vocab ids. In a stream, each document follows the token start, unless
// start is negative.
func NewTokens(c *Corpus, t Tokenizer, start int32, vocab int) *Tokens {
	all := &Tokens{source: c.Source, corpus: c, tokenizer: t, start: start, vocab: vocab}
	all.more = all.piece
	return all
}

// RandomTokens is an endless sequence of seeded random ids below vocab, none of them in avoid, for measurements that
// depend only on speed and length. It has no documents.
func RandomTokens(seed uint64, vocab int, avoid ...int32) *Tokens {
	avoid = slices.Compact(slices.Sorted(slices.Values(avoid)))
	avoid = slices.DeleteFunc(avoid, func(id int32) bool { return id < 0 || int(id) >= vocab })
	random := rand.New(rand.NewPCG(seed, uint64(vocab)))
	return &Tokens{source: "random ids", corpus: &Corpus{}, more: func() ([]int32, error) {
		if len(avoid) >= vocab {
			return nil, io.EOF
		}
		some := make([]int32, 0, 1<<12)
		for len(some) < cap(some) {
			if id := int32(random.IntN(vocab)); !slices.Contains(avoid, id) {
				some = append(some, id)
			}
		}
		return some, nil
	}}
}

// Stream returns the first n tokens of all documents in sequence, or an [UnsuitableError] if there are fewer.
func (t *Tokens) Stream(n int) ([]int32, error) {
	tokens, err := t.AtMost(n)
	if err == nil && len(tokens) < n {
		err = unsuitable("the text (%s) has %d tokens, %d are needed; name a longer one with --corpus", t.source, len(tokens), n)
	}
	return tokens, err
}

// AtMost returns the first n tokens of all documents in sequence, or as many as there are.
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

// piece returns the next piece of the stream.
func (t *Tokens) piece() ([]int32, error) {
	if t.open != nil {
		ids, err := t.open.next()
		if !errors.Is(err, io.EOF) {
			return ids, err
		}
		t.open = nil
	}
	if t.next == len(t.corpus.Documents) {
		return nil, io.EOF
	}
	t.open = t.encoder(t.corpus.Documents[t.next])
	t.next++
	if t.start >= 0 {
		return []int32{t.start}, nil
	}
	return nil, nil
}

// Encode yields the ids of a document in pieces, without a start token.
func (t *Tokens) Encode(d Document) iter.Seq2[[]int32, error] { return t.encoder(d).all }

func (t *Tokens) encoder(d Document) *encoder {
	return &encoder{document: d, tokenizer: t.tokenizer, vocab: t.vocab, piece: pieceBytes}
}

// Encoded is a document with its token ids, which are read in pieces.
type Encoded struct {
	Name   string
	Bytes  int64
	Tokens iter.Seq2[[]int32, error]
	// Changed is set once Tokens has yielded ids that do not decode to their text: the tokenizer drops characters, has
	// no token for them, or changes case or form. Bits per byte then refer to a different text than Bytes.
	Changed *bool
}

// Excerpt encodes about total bytes of the corpus; see [Corpus.Excerpt].
func (t *Tokens) Excerpt(total int64) ([]Encoded, error) {
	excerpt, err := t.corpus.Excerpt(total)
	if err != nil {
		return nil, err
	}
	all := make([]Encoded, len(excerpt.Documents))
	for i, d := range excerpt.Documents {
		e := t.encoder(d)
		e.changed = new(bool)
		all[i] = Encoded{d.Name, d.Bytes, e.all, e.changed}
	}
	return all, nil
}
