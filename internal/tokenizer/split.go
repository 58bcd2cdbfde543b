package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// class is a character's class in GPT-2's splitter.
type class uint8

const (
	other class = iota
	letter
	number
	space
)

// asciiClass holds the classes of ASCII characters.
var asciiClass = func() (table [utf8.RuneSelf]class) {
	for r := range table {
		table[r] = classOf(rune(r))
	}
	return table
}()

// classOf looks a character up in the Unicode tables.
func classOf(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// next returns the class and length of the first character. An invalid UTF-8 byte is a character of its own.
func next(s string) (class, int) {
	if s[0] < utf8.RuneSelf {
		return asciiClass[s[0]], 1
	}
	r, n := utf8.DecodeRuneInString(s)
	return classOf(r), n
}

// splitGPT2 splits text as GPT-2's regular expression does:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func splitGPT2(text string, first bool, emit func(word string, first bool)) error {
	for text != "" {
		n := wordLen(text)
		emit(text[:n], first)
		text, first = text[n:], false
	}
	return nil
}

// wordLen is the length of the first word. It tries the alternatives in the order of the expression.
func wordLen(s string) int {
	if n := contractionLen(s); n > 0 {
		return n
	}
	skip := 0
	if s[0] == ' ' && len(s) > 1 {
		skip = 1
	}
	c, n := next(s[skip:])
	if c != space {
		return skip + n + runLen(s[skip+n:], c)
	}
	return blankLen(s)
}

// contractionLen is the length of a leading English contraction, lower-case only, or 0.
func contractionLen(s string) int {
	if s[0] != '\'' || len(s) < 2 {
		return 0
	}
	switch s[1] {
	case 's', 't', 'm', 'd':
		return 2
	}
	if rest := s[1:]; strings.HasPrefix(rest, "re") || strings.HasPrefix(rest, "ve") || strings.HasPrefix(rest, "ll") {
		return 3
	}
	return 0
}

// runLen is the length of the leading run of class c.
func runLen(s string, c class) int {
	total := 0
	for total < len(s) {
		d, n := next(s[total:])
		if d != c {
			break
		}
		total += n
	}
	return total
}

// blankLen is the length of the word made of leading white space: the whole run at the end of the text, else all but
// its last character, which joins the next word. A single character stands alone.
func blankLen(s string) int {
	run := runLen(s, space)
	if run == len(s) {
		return run
	}
	_, last := utf8.DecodeLastRuneInString(s[:run])
	if last < run {
		return run - last
	}
	return run
}
