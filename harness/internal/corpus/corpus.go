// Package corpus makes training data of text. Documents are put on a side of the split by the hash of their contents before
// anything else happens to them, so a document never is on two sides, and copies of it are on the same. Then they are
// encoded by the model's tokenizer and cut into windows, which [Batches] gives out in an order that can be repeated.
package corpus

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/harness/internal/text"
)

// Source is a part of a corpus. Files that end in .jsonl hold one document a line, {"text": "..."}; any other file is one
// document.
type Source struct {
	Text *text.Corpus
	// Weight sets the source's share of the training windows: its weight over the sum of all. If all weights are 0, each source
	// counts by its number of windows.
	Weight float64
}

// Options say how to split and encode a corpus.
type Options struct {
	Tokenizer text.Tokenizer
	Start     int32 // precedes each document; negative: none
	Vocab     int   // of the model
	// Shares of the sides, in proportion to each other; zero: 90 % training, 5 % validation, 5 % test.
	Shares [dataset.Splits]float64
	// Cut, if above 0, cuts documents of more bytes at ends of lines into documents of about that many. A few long documents
	// can be split only that way; their pieces are on several sides.
	Cut int
}

// Corpus is a split and encoded corpus, in memory.
type Corpus struct {
	name      string
	parts     []part
	sha256    string
	tokenizer text.Tokenizer
}

// part is what a source holds.
type part struct {
	name   string
	weight float64
	sides  [dataset.Splits]side
}

// side is one side of a source.
type side struct {
	Side
	ids    tokens
	starts []int   // of the documents in ids
	bytes  []int64 // of the documents
	lead   int     // tokens before the text of each document: 1 with a start token, else 0
}

// Side counts what is on one side of the split.
type Side struct {
	Documents int
	Bytes     int64
	Tokens    int // with the start tokens
}

// Open reads, splits and encodes a corpus. Errors name the file and say what to do.
func Open(ctx context.Context, sources []Source, o Options) (*Corpus, error) {
	if o.Shares == [dataset.Splits]float64{} {
		o.Shares = [dataset.Splits]float64{0.90, 0.05, 0.05}
	}
	r := reader{Options: o, sha256: sha256.New(), corpus: Corpus{tokenizer: o.Tokenizer}}
	if err := r.open(ctx, sources); err != nil {
		return nil, err
	}
	r.corpus.sha256 = hex.EncodeToString(r.sha256.Sum(nil))
	return &r.corpus, r.corpus.check(r.Shares)
}

// Sides counts what the corpus has on each side.
func (c *Corpus) Sides() (all [dataset.Splits]Side) {
	for _, p := range c.parts {
		for i, s := range p.sides {
			all[i].Documents += s.Documents
			all[i].Bytes += s.Bytes
			all[i].Tokens += s.Tokens
		}
	}
	return all
}

// SHA256 identifies the documents, their order and their sides; not the tokenizer.
func (c *Corpus) SHA256() string { return c.sha256 }

// check finds sides without documents.
func (c *Corpus) check(shares [dataset.Splits]float64) error {
	total, sides := 0, c.Sides()
	for _, s := range sides {
		total += s.Documents
	}
	for i, s := range sides {
		if s.Documents == 0 && shares[i] > 0 {
			return fmt.Errorf("corpus %s: none of its documents (%d) falls on the side of the %s: name more text, "+
				"or cut it into more documents (a .jsonl file has one {\"text\": ...} a line)", c.name, total, dataset.Split(i))
		}
	}
	for _, p := range c.parts {
		if p.sides[dataset.Train].Documents == 0 {
			return fmt.Errorf("corpus %s: none of its documents is for training: name more text", p.name)
		}
	}
	return nil
}

// reader makes a corpus.
type reader struct {
	Options
	corpus Corpus
	sha256 hash.Hash
	part   *part // being read
}

func (r *reader) open(ctx context.Context, sources []Source) error {
	if err := checkShares(r.Shares); err != nil {
		return err
	}
	if err := checkWeights(sources); err != nil {
		return err
	}
	var names []string
	for _, s := range sources {
		names = append(names, s.Text.Source)
		if err := checkLeftOut(s.Text); err != nil {
			return err
		}
		r.part = &part{name: s.Text.Source, weight: s.Weight}
		for i := range r.part.sides {
			r.part.sides[i].ids = newTokens(r.Vocab)
		}
		for _, d := range s.Text.Documents {
			if err := r.file(ctx, d); err != nil {
				return fmt.Errorf("corpus %s: %w", s.Text.Source, err)
			}
		}
		r.corpus.parts = append(r.corpus.parts, *r.part)
	}
	r.corpus.name = strings.Join(names, " + ")
	return nil
}

func checkShares(shares [dataset.Splits]float64) error {
	for i, s := range shares {
		if !(s >= 0) || math.IsInf(s, 0) || shares[dataset.Train] == 0 {
			return fmt.Errorf("the shares of the split are %v: want numbers of at least 0, and more than 0 for training", shares[:i+1])
		}
	}
	return nil
}

func checkWeights(sources []Source) error {
	zero := 0
	for _, s := range sources {
		if !(s.Weight >= 0) || math.IsInf(s.Weight, 0) {
			return fmt.Errorf("corpus %s: its weight is %v, want at least 0", s.Text.Source, s.Weight)
		}
		if s.Weight == 0 {
			zero++
		}
	}
	switch {
	case len(sources) == 0:
		return errors.New("there is no corpus: name one with --corpus")
	case zero > 0 && zero < len(sources):
		return errors.New("some of the corpora have a weight and some have none: give all of them one, or none")
	}
	return nil
}

// checkLeftOut refuses a corpus that lacks files that were meant as text.
func checkLeftOut(c *text.Corpus) error {
	for _, l := range c.LeftOut {
		if strings.HasSuffix(l.Name, ".txt") || strings.HasSuffix(l.Name, jsonLines) {
			return fmt.Errorf("corpus %s: %s %s: mend it (iconv -t UTF-8 -f ENCODING converts text), or take it out of the folder", c.Source, l.Name, l.Reason)
		}
	}
	return nil
}

// add puts a document on its side and encodes it.
func (r *reader) add(ctx context.Context, d text.Document) error {
	sum, err := sumOf(ctx, d)
	if err != nil {
		return err
	}
	split := sideOf(sum, r.Shares)
	fmt.Fprintf(r.sha256, "%d %x\n", split, sum)
	s := &r.part.sides[split]
	s.starts = append(s.starts, s.ids.len())
	s.bytes = append(s.bytes, d.Bytes)
	if r.Start >= 0 {
		s.ids.add(r.Start)
		s.lead = 1
	}
	all := text.NewTokens(&text.Corpus{Source: r.part.name}, r.Tokenizer, r.Start, r.Vocab)
	for ids, err := range all.Encode(d) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		s.ids.add(ids...)
	}
	s.Documents, s.Bytes, s.Tokens = s.Documents+1, s.Bytes+d.Bytes, s.ids.len()
	return nil
}

// sumOf is the hash of a document's text.
func sumOf(ctx context.Context, d text.Document) ([]byte, error) {
	h := sha256.New()
	err := d.CopyTo(ctx, h)
	return h.Sum(nil), err
}

// sideOf is the side of a document: the first 53 bits of its hash are its place in [0, 1), which the shares divide.
func sideOf(sum []byte, shares [dataset.Splits]float64) dataset.Split {
	place := float64(binary.BigEndian.Uint64(sum)>>11) / (1 << 53) * (shares[0] + shares[1] + shares[2])
	last := dataset.Train
	for i, share := range shares {
		if share > 0 {
			last = dataset.Split(i)
		}
		if place < share {
			return dataset.Split(i)
		}
		place -= share
	}
	return last // of rounding
}

// tokens are ids, in two bytes each if the vocabulary allows it.
type tokens struct {
	narrow []uint16
	wide   []uint32 // used instead if not nil
}

func newTokens(vocab int) tokens {
	if vocab > math.MaxUint16+1 {
		return tokens{wide: []uint32{}}
	}
	return tokens{}
}

func (t *tokens) len() int { return max(len(t.narrow), len(t.wide)) }

// add appends ids, which are below the vocabulary.
func (t *tokens) add(ids ...int32) {
	if t.wide == nil {
		t.narrow = slices.Grow(t.narrow, len(ids))
		for _, id := range ids {
			t.narrow = append(t.narrow, uint16(id))
		}
		return
	}
	t.wide = slices.Grow(t.wide, len(ids))
	for _, id := range ids {
		t.wide = append(t.wide, uint32(id))
	}
}

// between returns the ids from lo to hi-1.
func (t *tokens) between(lo, hi int) []int32 {
	ids := make([]int32, hi-lo)
	for i := range ids {
		if t.wide != nil {
			ids[i] = int32(t.wide[lo+i])
		} else {
			ids[i] = int32(t.narrow[lo+i])
		}
	}
	return ids
}
