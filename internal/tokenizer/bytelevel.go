package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// GPT-2 spells each byte as a printable character: the printable bytes of Latin-1 as themselves, the other 68 in
// increasing order as U+0100, U+0101, ...
var (
	byteChar [256]rune
	charByte = map[rune]byte{}
)

func init() {
	next := rune(0x100)
	for b := range 256 {
		switch {
		case '!' <= b && b <= '~', 0xa1 <= b && b <= 0xac, 0xae <= b && b <= 0xff:
			byteChar[b] = rune(b)
		default:
			byteChar[b] = next
			next++
		}
		charByte[byteChar[b]] = byte(b)
	}
}

// spellBytes writes each byte of s as its character.
func spellBytes(s string) string {
	var b strings.Builder
	b.Grow(2 * len(s))
	for i := range len(s) {
		b.WriteRune(byteChar[s[i]])
	}
	return b.String()
}

// unspellBytes appends the bytes that a token spells. A token with any other character is appended as is.
func unspellBytes(dst []byte, token string) []byte {
	start := len(dst)
	for _, r := range token {
		b, ok := charByte[r]
		if !ok {
			return append(dst[:start], token...)
		}
		dst = append(dst, b)
	}
	return dst
}

// lossy returns b as a string in which each maximal ill-formed subsequence becomes one U+FFFD, as the Unicode standard
// recommends (chapter 3.9). Go's conversions replace each byte.
func lossy(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var s strings.Builder
	for len(b) > 0 {
		if r, n := utf8.DecodeRune(b); r != utf8.RuneError || n > 1 {
			s.Write(b[:n])
			b = b[n:]
			continue
		}
		s.WriteRune(utf8.RuneError)
		b = b[brokenLen(b):]
	}
	return s.String()
}

// brokenLen is the length of the ill-formed subsequence at the start of b: the most bytes that could begin a valid
// character.
func brokenLen(b []byte) int {
	n := 1
	for n < len(b) && !utf8.FullRune(b[:n]) && !utf8.FullRune(b[:n+1]) {
		n++
	}
	return n
}
