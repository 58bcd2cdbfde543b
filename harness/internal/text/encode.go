package text

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// How documents are encoded. A document of one piece is encoded whole.
const (
	pieceBytes = 4 << 20 // read and encoded at a time
	sightBytes = 4 << 10 // context on each side of a border that decides whether it is one
)

// encoder encodes a document piece by piece, with the ids of the whole. A piece ends where the tokenizer is seen to
// separate the text before from the text after. Each piece is encoded together with the text before it, whose ids are
// then removed, so whatever a tokenizer does at the start or end of a text (a prefix, stripped blanks) happens only at
// those of the document.
type encoder struct {
	document  Document
	tokenizer Tokenizer
	vocab     int   // of the model
	piece     int64 // bytes per piece
	at        int64 // bytes encoded so far
	before    string
	changed   *bool // set if ids do not decode to their text; nil: not needed
}

// all yields the document's pieces in order.
func (e encoder) all(yield func([]int32, error) bool) {
	for {
		ids, err := e.next()
		if errors.Is(err, io.EOF) || !yield(ids, err) || err != nil {
			return
		}
	}
}

// next returns the ids of the next piece, or io.EOF.
func (e *encoder) next() ([]int32, error) {
	left := e.document.Bytes - e.at
	if left == 0 {
		return nil, io.EOF
	}
	text, err := e.document.read(e.at, min(left, e.piece))
	if err != nil {
		return nil, err
	}
	end, next := len(text), ""
	if left > e.piece {
		end, next, err = border(e.tokenizer, text)
	}
	var ids []int32
	if err == nil {
		ids, err = e.behind(text[:end])
	}
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", e.document.Name, err)
	}
	if err := e.check(ids); err != nil {
		return nil, err
	}
	if e.changed != nil && !*e.changed {
		*e.changed = !decodesTo(e.tokenizer, ids, text[:end])
	}
	e.at, e.before = e.at+int64(end), next
	return ids, nil
}

// check refuses ids that the model lacks; a tokenizer may have more tokens than the model.
func (e *encoder) check(ids []int32) error {
	for _, id := range ids {
		if int(id) >= e.vocab {
			return unsuitable("document %s holds the token %q, whose id %d is beyond the model's %d ids: "+
				"the tokenizer is of another model (name the right one with --tokenizer), or the embedding was not resized for it",
				e.document.Name, e.tokenizer.Token(id), id, e.vocab)
		}
	}
	return nil
}

// decodesTo reports whether ids decode to their text. Blanks at its ends may differ, because some tokenizers add and
// strip one there.
func decodesTo(t Tokenizer, ids []int32, text string) bool {
	decoded, err := t.Decode(ids)
	return err == nil && strings.Trim(decoded, " ") == strings.Trim(text, " ")
}

// behind returns the ids of text as the continuation of the text before it.
func (e *encoder) behind(text string) ([]int32, error) {
	if e.before != "" {
		ids, apart, err := cut(e.tokenizer, e.before, text)
		if apart || err != nil {
			return ids, err
		}
	}
	return e.tokenizer.Encode(text)
}

// cut encodes two texts together and returns the ids of the second, if they separate from those of the first.
func cut(t Tokenizer, before, after string) (ids []int32, apart bool, err error) {
	first, err := t.Encode(before)
	if err != nil {
		return nil, false, err
	}
	both, err := t.Encode(before + after)
	if err != nil || len(both) < len(first) || !slices.Equal(both[:len(first)], first) {
		return nil, false, err
	}
	return both[len(first):], true, nil
}

// border finds the last place in text where a piece can end, and returns the text before it with which the next piece
// is encoded. If the tokenizer joins text across every place tried, the piece ends at the last line and the next one is
// encoded on its own.
func border(t Tokenizer, text string) (end int, before string, err error) {
	for at := range places(text) {
		before := text[runeStart(text, max(0, at-sightBytes)):at]
		after := text[at:runeStart(text, min(len(text), at+sightBytes))]
		if _, apart, err := cut(t, before, after); apart || err != nil {
			return at, before, err
		}
		if end == 0 {
			end = at
		}
	}
	return end, "", nil
}

// places yields possible borders, best first: the ends of the last lines, else the starts of the last runes. Each has
// text after it to look at.
func places(text string) iter.Seq[int] {
	const most = 64 // of each kind
	return func(yield func(int) bool) {
		last := runeStart(text, len(text)-min(sightBytes, len(text)/4))
		at := last
		for range most {
			at = strings.LastIndexByte(text[:at], '\n')
			if at <= 0 {
				break
			}
			if !yield(at + 1) {
				return
			}
		}
		for at, n := last, 0; at > 0 && n < most; n++ {
			if !yield(at) {
				return
			}
			at = runeStart(text, at-1)
		}
	}
}

// runeStart is the start of the rune that contains at.
func runeStart(text string, at int) int {
	for at > 0 && at < len(text) && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}
