package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// wordPiece encodes a word greedily as its longest pieces from the left (Schuster and Nakajima 2012, as in BERT).
type wordPiece struct {
	lexicon
	prefix   string // on pieces that do not begin a word
	maxChars int    // longer words are unknown
	longest  int    // longest piece, in bytes
	unk      unknown
}

// unknown is the piece for unknown words.
type unknown struct {
	id   int32
	name string
	ok   bool
}

// append appends the piece's id, or fails if the vocabulary lacks it.
func (u unknown) append(ids []int32, word string) ([]int32, error) {
	if !u.ok {
		return nil, fmt.Errorf("%.40q has no piece, and unk_token %q is not in vocab", word, u.name)
	}
	return append(ids, u.id), nil
}

// wordModelFile holds the members of WordPiece and WordLevel models.
type wordModelFile struct {
	Type     string          `json:"type"`
	UnkToken *string         `json:"unk_token"`
	Prefix   *string         `json:"continuing_subword_prefix"`
	MaxChars *int            `json:"max_input_chars_per_word"`
	Vocab    json.RawMessage `json:"vocab"`
}

// read reads the file and looks up the unknown piece.
func (f *wordModelFile) read(raw json.RawMessage) (vocab map[string]int32, unk unknown, err error) {
	if err := decode(raw, f); err != nil {
		return nil, unk, err
	}
	if vocab, err = parseVocab(f.Vocab); err != nil {
		return nil, unk, fmt.Errorf("vocab: %w", err)
	}
	if f.UnkToken == nil {
		return nil, unk, errors.New("unk_token is missing")
	}
	unk.name = *f.UnkToken
	unk.id, unk.ok = vocab[unk.name]
	return vocab, unk, nil
}

// parseWordPiece reads a WordPiece model.
func parseWordPiece(raw json.RawMessage) (model, error) {
	var f wordModelFile
	vocab, unk, err := f.read(raw)
	if err != nil {
		return nil, err
	}
	if f.Prefix == nil || f.MaxChars == nil || *f.MaxChars < 0 {
		return nil, errors.New("continuing_subword_prefix or max_input_chars_per_word is missing or negative")
	}
	m := &wordPiece{lexicon: lexicon{vocab: vocab}, prefix: *f.Prefix, maxChars: *f.MaxChars, unk: unk}
	for piece := range vocab {
		m.longest = max(m.longest, len(piece))
	}
	return m, nil
}

// encode implements model. If any part of a word has no piece, the whole word is unknown.
func (m *wordPiece) encode(ids []int32, word string, special bool) ([]int32, error) {
	if utf8.RuneCountInString(word) > m.maxChars {
		return m.unk.append(ids, word)
	}
	start := len(ids)
	for at := 0; at < len(word); {
		id, n := m.longestPiece(word[at:], at > 0, special)
		if n == 0 {
			return m.unk.append(ids[:start], word)
		}
		ids = append(ids, id)
		at += n
	}
	return ids, nil
}

// longestPiece finds the longest piece that begins rest; length 0 if there is none.
func (m *wordPiece) longestPiece(rest string, inside, special bool) (id int32, n int) {
	prefix := ""
	if inside {
		prefix = m.prefix
	}
	n = min(len(rest), m.longest)
	for n > 0 && n < len(rest) && !utf8.RuneStart(rest[n]) {
		n--
	}
	key := prefix + rest[:n]
	for len(key) > len(prefix) {
		if id, ok := m.lookup(key, special); ok {
			return id, len(key) - len(prefix)
		}
		_, last := utf8.DecodeLastRuneInString(key)
		key = key[:len(key)-last]
	}
	return 0, 0
}

// wordLevel has one piece for each word it knows.
type wordLevel struct {
	lexicon
	unk unknown
}

// parseWordLevel reads a WordLevel model.
func parseWordLevel(raw json.RawMessage) (model, error) {
	var f wordModelFile
	vocab, unk, err := f.read(raw)
	if err != nil {
		return nil, err
	}
	if f.Prefix != nil || f.MaxChars != nil {
		return nil, errors.New("continuing_subword_prefix and max_input_chars_per_word belong to WordPiece")
	}
	return &wordLevel{lexicon{vocab: vocab}, unk}, nil
}

// encode implements model.
func (m *wordLevel) encode(ids []int32, word string, special bool) ([]int32, error) {
	if id, ok := m.lookup(word, special); ok {
		return append(ids, id), nil
	}
	return m.unk.append(ids, word)
}
