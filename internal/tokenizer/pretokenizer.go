package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/archbench/archbench/internal/strictjson"
)

// preTokenizer splits a part of the text into words, none of them empty. first says that the part begins the text.
type preTokenizer func(part string, first bool, emit func(word string))

// parsePreTokenizer reads a pre_tokenizer; nil for null. byteLevel says that words are spelled in GPT-2's characters
// for bytes after the split.
func parsePreTokenizer(raw json.RawMessage) (split preTokenizer, byteLevel bool, err error) {
	what, err := kind(raw)
	if what == "" || err != nil {
		return nil, false, err
	}
	switch what {
	case "ByteLevel":
		split, err = parseByteLevel(raw)
		return split, true, err
	case "Metaspace":
		split, err = parseMetaspace(raw)
	case "Digits":
		split, err = parseDigits(raw)
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
			return nil, false, fmt.Errorf("pretokenizers[%d]: nothing may follow ByteLevel", i)
		}
		var step preTokenizer
		if step, byteLevel, err = parsePreTokenizer(sub); err != nil {
			return nil, false, fmt.Errorf("pretokenizers[%d]: %w", i, err)
		}
		split = then(split, step)
	}
	return split, byteLevel, nil
}

// then splits the words of a again by b; either may be nil.
func then(a, b preTokenizer) preTokenizer {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return func(part string, first bool, emit func(string)) {
		a(part, first, func(word string) {
			b(word, first, emit)
			first = false
		})
	}
}

// byteLevelFile is a ByteLevel component. Trimmed offsets concern positions, not ids.
type byteLevelFile struct {
	Type           string `json:"type"`
	AddPrefixSpace *bool  `json:"add_prefix_space"`
	TrimOffsets    *bool  `json:"trim_offsets"`
	UseRegex       *bool  `json:"use_regex"`
}

// parseByteLevel reads GPT-2's pre-tokeniser.
func parseByteLevel(raw json.RawMessage) (preTokenizer, error) {
	var f byteLevelFile
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	prefix, regex := orTrue(f.AddPrefixSpace), orTrue(f.UseRegex)
	return func(part string, _ bool, emit func(string)) {
		if prefix && !strings.HasPrefix(part, " ") {
			part = " " + part
		}
		if regex {
			splitGPT2(part, emit)
		} else {
			emit(part)
		}
	}, nil
}

// orTrue is the value of a flag that is on where a file says nothing.
func orTrue(flag *bool) bool { return flag == nil || *flag }

// metaspaceFile is a Metaspace component.
type metaspaceFile struct {
	Type           string `json:"type"`
	Replacement    string `json:"replacement"`
	AddPrefixSpace *bool  `json:"add_prefix_space"` // of older files
	StrRep         string `json:"str_rep"`          // of the oldest; the same as the replacement
	PrependScheme  string `json:"prepend_scheme"`
	Split          *bool  `json:"split"`
}

// parseMetaspaceFile reads what pre-tokeniser and decoder have in common.
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
		return f, fmt.Errorf("prepend_scheme %q is none of always, first, never", f.PrependScheme)
	}
	return f, nil
}

// parseMetaspace reads the pre-tokeniser of SentencePiece: spaces become a visible character, and a word begins at
// each.
func parseMetaspace(raw json.RawMessage) (preTokenizer, error) {
	f, err := parseMetaspaceFile(raw)
	if err != nil {
		return nil, err
	}
	mark, split := f.Replacement, orTrue(f.Split)
	return func(part string, first bool, emit func(string)) {
		part = strings.ReplaceAll(part, " ", mark)
		if (f.PrependScheme == "always" || f.PrependScheme == "first" && first) && !strings.HasPrefix(part, mark) {
			part = mark + part
		}
		for split && part != "" {
			n := strings.Index(part[1:], mark) + 1
			if n <= 0 {
				break
			}
			emit(part[:n])
			part = part[n:]
		}
		emit(part)
	}, nil
}

// parseDigits reads the pre-tokeniser that parts digits from the rest, or each digit from the next.
func parseDigits(raw json.RawMessage) (preTokenizer, error) {
	var f struct {
		Type             string `json:"type"`
		IndividualDigits *bool  `json:"individual_digits"`
	}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	if f.IndividualDigits == nil {
		return nil, errors.New("individual_digits is missing")
	}
	return func(part string, _ bool, emit func(string)) {
		start, inDigits := 0, false
		for i, r := range part {
			digit := unicode.IsNumber(r)
			if i > start && (digit != inDigits || digit && *f.IndividualDigits) {
				emit(part[start:i])
				start = i
			}
			inDigits = digit
		}
		emit(part[start:])
	}, nil
}
