package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/archbench/archbench/internal/strictjson"
)

// preTokenizer splits part of a text into non-empty words. first reports whether the part, or the word, begins the
// text.
type preTokenizer func(part string, first bool, emit func(word string, first bool)) error

// parsePreTokenizer reads a pre_tokenizer; nil for null. byteLevel reports whether words are spelled in GPT-2's byte
// characters after the split.
func parsePreTokenizer(raw json.RawMessage) (split preTokenizer, byteLevel bool, err error) {
	what, err := kind(raw)
	if what == "" || err != nil {
		return nil, false, err
	}
	if split, ok := bareSplitters[what]; ok {
		return split, false, strictjson.Unmarshal(raw, &bareFile{})
	}
	switch what {
	case "ByteLevel":
		split, err = parseByteLevel(raw)
		return split, true, err
	case "Metaspace":
		split, err = parseMetaspace(raw)
	case "Digits":
		split, err = parseDigits(raw)
	case "Punctuation":
		split, err = parsePunctuation(raw)
	case "CharDelimiterSplit":
		split, err = parseDelimiter(raw)
	case "FixedLength":
		split, err = parseFixedLength(raw)
	case "Split":
		split, err = parseSplit(raw)
	case "Sequence":
		return parsePreTokenizers(raw)
	default:
		err = unsupported(what)
	}
	return split, false, err
}

// parsePreTokenizers reads a sequence.
func parsePreTokenizers(raw json.RawMessage) (split preTokenizer, byteLevel bool, err error) {
	var f struct {
		Type          string            `json:"type"`
		PreTokenizers []json.RawMessage `json:"pretokenizers"`
	}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, false, err
	}
	for i, sub := range f.PreTokenizers {
		if byteLevel {
			split = then(split, spelled)
		}
		var step preTokenizer
		if step, byteLevel, err = parsePreTokenizer(sub); err != nil {
			return nil, false, fmt.Errorf("pretokenizers[%d]: %w", i, err)
		}
		split = then(split, step)
	}
	return split, byteLevel, nil
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

// parseByteLevel reads GPT-2's pre-tokenizer.
func parseByteLevel(raw json.RawMessage) (preTokenizer, error) {
	var f byteLevelFile
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	prefix, regex := orTrue(f.AddPrefixSpace), orTrue(f.UseRegex)
	return func(part string, first bool, emit func(string, bool)) error {
		if prefix && !strings.HasPrefix(part, " ") {
			part = " " + part
		}
		if regex {
			return splitGPT2(part, first, emit)
		}
		emit(part, first)
		return nil
	}, nil
}

// orTrue returns a flag that defaults to true.
func orTrue(flag *bool) bool { return flag == nil || *flag }

// metaspaceFile is a Metaspace component.
type metaspaceFile struct {
	Type           string `json:"type"`
	Replacement    string `json:"replacement"`
	AddPrefixSpace *bool  `json:"add_prefix_space"` // older files
	StrRep         string `json:"str_rep"`          // the oldest files; same as replacement
	PrependScheme  string `json:"prepend_scheme"`
	Split          *bool  `json:"split"`
}

// parseMetaspaceFile reads the settings shared by pre-tokenizer and decoder.
func parseMetaspaceFile(raw json.RawMessage) (metaspaceFile, error) {
	var f metaspaceFile
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return f, err
	}
	if utf8.RuneCountInString(f.Replacement) != 1 {
		return f, fmt.Errorf("replacement %q is not one character", f.Replacement)
	}
	switch f.PrependScheme {
	case "always", "first", "never":
	case "":
		f.PrependScheme = "never"
		if orTrue(f.AddPrefixSpace) {
			f.PrependScheme = "always"
		}
	default:
		return f, fmt.Errorf("prepend_scheme %q is not one of always, first, never", f.PrependScheme)
	}
	return f, nil
}

// parseMetaspace reads SentencePiece's pre-tokenizer: spaces become a visible character, and each one begins a word.
func parseMetaspace(raw json.RawMessage) (preTokenizer, error) {
	f, err := parseMetaspaceFile(raw)
	if err != nil {
		return nil, err
	}
	mark, split := f.Replacement, orTrue(f.Split)
	return func(part string, first bool, emit func(string, bool)) error {
		part = strings.ReplaceAll(part, " ", mark)
		if (f.PrependScheme == "always" || f.PrependScheme == "first" && first) && !strings.HasPrefix(part, mark) {
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
	}, nil
}
