package tokenizer

import (
	"encoding/json"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normalizer rewrites part of the text before it is split.
type normalizer func(normal) (normal, error)

// normal is text passing through the normalizers.
type normal struct {
	text  string
	moved bool // the start of the text was removed
}

// parseNormalizer reads a normalizer; nil for null.
func parseNormalizer(raw json.RawMessage) (normalizer, error) {
	return parseComponent(raw, map[string]parser[normalizer]{
		"NFC":            bare(rewriting(norm.NFC.String)),
		"NFD":            bare(rewriting(norm.NFD.String)),
		"NFKC":           bare(rewriting(norm.NFKC.String)),
		"NFKD":           bare(rewriting(norm.NFKD.String)),
		"Lowercase":      bare(rewriting(lowercase)),
		"StripAccents":   bare(mapping(func(r rune) rune { return dropIf(unicode.IsMark(r), r) })),
		"Nmt":            bare(mapping(nmt)),
		"ByteLevel":      bare(rewriting(spellBytes)),
		"Prepend":        configured(prependNormalizer),
		"Replace":        configured(replaceNormalizer),
		"Strip":          configured(stripNormalizer),
		"BertNormalizer": configured(bertNormalizer),
		"Precompiled":    configured(precompiledNormalizer),
		"Sequence":       configured(sequenceNormalizer),
	})
}

func sequenceNormalizer(f struct {
	Type        string            `json:"type"`
	Normalizers []json.RawMessage `json:"normalizers"`
}) (normalizer, error) {
	steps, err := members("normalizers", f.Normalizers, parseNormalizer)
	return inTurn(steps), err
}

// rewriting makes a normalizer from a function that keeps the start of the text in place.
func rewriting(f func(string) string) normalizer {
	return func(n normal) (normal, error) { return normal{f(n.text), n.moved}, nil }
}

// drop tells mapping to remove a character.
const drop = -1

// dropIf returns drop or the character.
func dropIf(cond bool, r rune) rune {
	if cond {
		return drop
	}
	return r
}

// mapping makes a normalizer from a function on characters.
func mapping(f func(rune) rune) normalizer {
	return func(n normal) (normal, error) {
		for _, first := range n.text {
			n.moved = n.moved || f(first) == drop
			break
		}
		return normal{strings.Map(f, n.text), n.moved}, nil
	}
}

// lowercase maps each character on its own, with full case mapping: U+0130 becomes two characters.
func lowercase(s string) string {
	return strings.ReplaceAll(strings.Map(func(r rune) rune {
		if r == 'İ' {
			return r
		}
		return unicode.ToLower(r)
	}, s), "İ", "i\u0307")
}

// nmt removes some control characters and turns others into spaces, like SentencePiece's normalization for translation.
func nmt(r rune) rune {
	switch {
	case 1 <= r && r <= 8, r == 0x0b, 0x0e <= r && r <= 0x1f, r == 0x7f, r == 0x8f, r == 0x9f:
		return drop
	case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, 0x200b <= r && r <= 0x200f, r == 0x2028, r == 0x2029,
		r == 0x2581, r == 0xfeff, r == 0xfffd:
		return ' '
	}
	return r
}

// prependNormalizer prepends a string to non-empty text.
func prependNormalizer(f struct {
	Type    string `json:"type"`
	Prepend string `json:"prepend"`
}) (normalizer, error) {
	return rewriting(func(s string) string {
		if s == "" {
			return ""
		}
		return f.Prepend + s
	}), nil
}

// stripNormalizer strips white space from either end.
func stripNormalizer(f struct {
	Type  string `json:"type"`
	Left  bool   `json:"strip_left"`
	Right bool   `json:"strip_right"`
}) (normalizer, error) {
	return func(n normal) (normal, error) {
		before := len(n.text)
		if f.Left {
			n.text = strings.TrimLeftFunc(n.text, unicode.IsSpace)
		}
		n.moved = n.moved || len(n.text) < before
		if f.Right {
			n.text = strings.TrimRightFunc(n.text, unicode.IsSpace)
		}
		return n, nil
	}, nil
}

// replaceNormalizer replaces the matches of a pattern.
func replaceNormalizer(f replaceFile) (normalizer, error) {
	replace, err := f.replacement()
	return func(n normal) (normal, error) {
		text, moved, err := replace(n.text)
		return normal{text, n.moved || moved}, err
	}, err
}
