package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// preTokenizer splits part of a text into non-empty words. first reports whether the part, or the word, begins the
// text.
type preTokenizer func(part string, first bool, emit func(word string, first bool)) error

// splitting is a parsed pre_tokenizer.
type splitting struct {
	split     preTokenizer // nil: each part is one word
	byteLevel bool         // words are spelled in GPT-2's byte characters after the split
}

// parsePreTokenizer reads a pre_tokenizer; the zero splitting for null.
func parsePreTokenizer(raw json.RawMessage) (splitting, error) {
	removed := behaviours["Removed"]
	return parseComponent(raw, map[string]parser[splitting]{
		"Whitespace":         bare(splitting{split: splitter(wordRuns, removed, true)}),
		"WhitespaceSplit":    bare(splitting{split: splitter(each(unicode.IsSpace), removed, false)}),
		"BertPreTokenizer":   bare(splitting{split: then(splitter(each(unicode.IsSpace), removed, false), splitter(each(isPunctuation), behaviours["Isolated"], false))}),
		"ByteLevel":          configured(byteLevelSplit),
		"Metaspace":          configured(metaspaceSplit),
		"Digits":             configured(digitSplit),
		"Punctuation":        configured(punctuationSplit),
		"CharDelimiterSplit": configured(delimiterSplit),
		"FixedLength":        configured(fixedLengthSplit),
		"Split":              configured(patternSplit),
		"Sequence":           configured(sequenceSplit),
	})
}

func sequenceSplit(f struct {
	Type          string            `json:"type"`
	PreTokenizers []json.RawMessage `json:"pretokenizers"`
}) (all splitting, err error) {
	steps, err := members("pretokenizers", f.PreTokenizers, parsePreTokenizer)
	for _, step := range steps {
		if all.byteLevel {
			all.split = then(all.split, spelled)
		}
		all = splitting{then(all.split, step.split), step.byteLevel}
	}
	return all, err
}

// spelled spells words in byte characters for pre-tokenizers that split them further.
func spelled(part string, first bool, emit func(string, bool)) error {
	emit(spellBytes(part), first)
	return nil
}

// then splits the words of a by b; either may be nil.
func then(a, b preTokenizer) preTokenizer {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return func(part string, first bool, emit func(string, bool)) error {
		var failed error
		err := a(part, first, func(word string, first bool) {
			if failed == nil {
				failed = b(word, first, emit)
			}
		})
		return errors.Join(err, failed)
	}
}

// byteLevelFile is a ByteLevel component. trim_offsets affects positions, not ids.
type byteLevelFile struct {
	Type           string `json:"type"`
	AddPrefixSpace *bool  `json:"add_prefix_space"`
	TrimOffsets    *bool  `json:"trim_offsets"`
	UseRegex       *bool  `json:"use_regex"`
}

// byteLevelSplit is GPT-2's pre-tokenizer.
func byteLevelSplit(f byteLevelFile) (splitting, error) {
	prefix, regex := or(f.AddPrefixSpace, true), or(f.UseRegex, true)
	return splitting{byteLevel: true, split: func(part string, first bool, emit func(string, bool)) error {
		if prefix && !strings.HasPrefix(part, " ") {
			part = " " + part
		}
		if regex {
			return splitGPT2(part, first, emit)
		}
		emit(part, first)
		return nil
	}}, nil
}

// metaspaceFile is a Metaspace component.
type metaspaceFile struct {
	Type           string `json:"type"`
	Replacement    string `json:"replacement"`
	AddPrefixSpace *bool  `json:"add_prefix_space"` // older files
	StrRep         string `json:"str_rep"`          // the oldest files; same as replacement
	PrependScheme  string `json:"prepend_scheme"`
	Split          *bool  `json:"split"`
}

// scheme checks the settings and returns the prepend_scheme.
func (f metaspaceFile) scheme() (string, error) {
	if utf8.RuneCountInString(f.Replacement) != 1 {
		return "", fmt.Errorf("replacement %q is not one character", f.Replacement)
	}
	switch {
	case f.PrependScheme == "" && or(f.AddPrefixSpace, true):
		return "always", nil
	case f.PrependScheme == "":
		return "never", nil
	case !slices.Contains([]string{"always", "first", "never"}, f.PrependScheme):
		return "", fmt.Errorf("prepend_scheme %q is not one of always, first, never", f.PrependScheme)
	}
	return f.PrependScheme, nil
}

// metaspaceSplit is SentencePiece's pre-tokenizer: spaces become a visible character, and each one begins a word.
func metaspaceSplit(f metaspaceFile) (splitting, error) {
	scheme, err := f.scheme()
	mark, split := f.Replacement, or(f.Split, true)
	return splitting{split: func(part string, first bool, emit func(string, bool)) error {
		part = strings.ReplaceAll(part, " ", mark)
		if (scheme == "always" || scheme == "first" && first) && !strings.HasPrefix(part, mark) {
			part = mark + part
		}
		for split && part != "" {
			n := strings.Index(part[1:], mark) + 1
			if n <= 0 {
				break
			}
			emit(part[:n], first)
			part, first = part[n:], false
		}
		emit(part, first)
		return nil
	}}, err
}
