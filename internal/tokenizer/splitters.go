package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/archbench/archbench/internal/strictjson"
)

// bareSplitters are the pre-tokenizers without settings.
var bareSplitters = map[string]preTokenizer{
	"Whitespace":       splitter(wordRuns, behaviours["Removed"], true),
	"WhitespaceSplit":  splitter(each(unicode.IsSpace), behaviours["Removed"], false),
	"BertPreTokenizer": then(splitter(each(unicode.IsSpace), behaviours["Removed"], false), splitter(each(isPunctuation), behaviours["Isolated"], false)),
}

// each matches every character of a class on its own.
func each(is func(rune) bool) matcher {
	return func(text string, found func(start, end int)) error {
		for i, r := range text {
			if is(r) {
				_, n := utf8.DecodeRuneInString(text[i:])
				found(i, i+n)
			}
		}
		return nil
	}
}

// wordRuns matches runs of word characters, and runs of other characters except white space.
func wordRuns(text string, found func(start, end int)) error {
	start, last := 0, space
	for i, r := range text {
		c := wordClass(r)
		if c != last {
			if last != space {
				found(start, i)
			}
			start, last = i, c
		}
	}
	if last != space {
		found(start, len(text))
	}
	return nil
}

// wordClass is the class of a character for [wordRuns].
func wordClass(r rune) class {
	switch {
	case inWord(r):
		return letter
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// isPunctuation reports whether r is Unicode punctuation or an ASCII symbol.
func isPunctuation(r rune) bool {
	return unicode.IsPunct(r) || r <= unicode.MaxASCII && unicode.IsSymbol(r)
}

// parseSplit reads the pre-tokenizer that splits by a pattern.
func parseSplit(raw json.RawMessage) (preTokenizer, error) {
	var f struct {
		Type      string  `json:"type"`
		Pattern   pattern `json:"pattern"`
		Behaviour string  `json:"behavior"`
		Invert    bool    `json:"invert"`
	}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	find, err := f.Pattern.matcher()
	if err != nil {
		return nil, err
	}
	b, err := behaviourNamed(f.Behaviour)
	return splitter(find, b, f.Invert), err
}

// behaviourNamed looks a behaviour up.
func behaviourNamed(name string) (behaviour, error) {
	b, ok := behaviours[name]
	if !ok {
		return b, fmt.Errorf("behavior %q is not one of Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous", name)
	}
	return b, nil
}

// parsePunctuation reads the pre-tokenizer that splits at punctuation.
func parsePunctuation(raw json.RawMessage) (preTokenizer, error) {
	f := struct {
		Type      string `json:"type"`
		Behaviour string `json:"behavior"`
	}{Behaviour: "Isolated"}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	b, err := behaviourNamed(f.Behaviour)
	return splitter(each(isPunctuation), b, false), err
}

// parseDigits reads the pre-tokenizer that separates digits from other text, or each digit from the next.
func parseDigits(raw json.RawMessage) (preTokenizer, error) {
	var f struct {
		Type             string `json:"type"`
		IndividualDigits *bool  `json:"individual_digits"`
	}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	switch {
	case f.IndividualDigits == nil:
		return nil, errors.New("individual_digits is missing")
	case *f.IndividualDigits:
		return splitter(each(unicode.IsNumber), behaviours["Isolated"], false), nil
	}
	return splitter(each(unicode.IsNumber), behaviours["Contiguous"], false), nil
}

// parseDelimiter reads the pre-tokenizer that splits at a character and drops it.
func parseDelimiter(raw json.RawMessage) (preTokenizer, error) {
	var f struct {
		Type      string `json:"type"`
		Delimiter string `json:"delimiter"`
	}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(f.Delimiter) != 1 {
		return nil, fmt.Errorf("delimiter %q is not one character", f.Delimiter)
	}
	return splitter(literal(f.Delimiter), behaviours["Removed"], false), nil
}

// parseFixedLength reads the pre-tokenizer that splits after a fixed number of characters.
func parseFixedLength(raw json.RawMessage) (preTokenizer, error) {
	f := struct {
		Type   string `json:"type"`
		Length int    `json:"length"`
	}{Length: 5}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	if f.Length < 1 {
		return nil, fmt.Errorf("length %d is not positive", f.Length)
	}
	pieces := func(text string, found func(start, end int)) error {
		start, n := 0, 0
		for i := range text {
			if n == f.Length {
				found(start, i)
				start, n = i, 0
			}
			n++
		}
		found(start, len(text))
		return nil
	}
	return splitter(pieces, behaviours["Isolated"], false), nil
}
