package tokenizer

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// bertNormalizer is BERT's normalizer, whose steps are all optional.
func bertNormalizer(f struct {
	Type         string `json:"type"`
	CleanText    *bool  `json:"clean_text"`
	ChineseChars *bool  `json:"handle_chinese_chars"`
	StripAccents *bool  `json:"strip_accents"` // null: same as lowercase
	Lowercase    *bool  `json:"lowercase"`
}) (normalizer, error) {
	if f.StripAccents == nil {
		f.StripAccents = f.Lowercase
	}
	var steps []normalizer
	for _, step := range []struct {
		on  *bool
		run normalizer
	}{
		{f.CleanText, mapping(cleanText)},
		{f.ChineseChars, rewriting(spaceChinese)},
		{f.StripAccents, rewriting(norm.NFD.String)},
		{f.StripAccents, mapping(func(r rune) rune { return dropIf(unicode.Is(unicode.Mn, r), r) })},
		{f.Lowercase, rewriting(lowercase)},
	} {
		if or(step.on, true) {
			steps = append(steps, step.run)
		}
	}
	return inTurn(steps), nil
}

// cleanText removes control, format and private-use characters and U+FFFD, and turns each white-space character into a
// space.
func cleanText(r rune) rune {
	switch {
	case r == '\t', r == '\n', r == '\r':
		return ' '
	case r == unicode.ReplacementChar, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
		return drop
	case unicode.IsSpace(r):
		return ' '
	}
	return r
}

// spaceChinese puts spaces around each Chinese character.
func spaceChinese(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if unicode.Is(chinese, r) {
			b.WriteByte(' ')
			b.WriteRune(r)
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// chinese holds the blocks that BERT treats as Chinese.
var chinese = &unicode.RangeTable{
	R16: []unicode.Range16{{0x3400, 0x4dbf, 1}, {0x4e00, 0x9fff, 1}, {0xf900, 0xfaff, 1}},
	R32: []unicode.Range32{{0x20000, 0x2a6df, 1}, {0x2a700, 0x2b81f, 1}, {0x2b920, 0x2ceaf, 1}, {0x2f800, 0x2fa1f, 1}},
}
