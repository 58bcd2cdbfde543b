package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/archbench/archbench/internal/signature"
)

// byteOrderMark begins files that some editors save as UTF-8.
var byteOrderMark = []byte("\ufeff")

// Standard returns data as standard JSON. It removes a byte order mark, and replaces Python's bare Infinity, -Infinity
// and NaN by the objects that newer programs write, for example {"__float__":"Infinity"}. If data is not JSON, the
// error says why with line and column, or what it is instead.
func Standard(data []byte) ([]byte, error) {
	text := bytes.TrimPrefix(data, byteOrderMark)
	bare := bareFloats(text)
	digits := text
	if len(bare) > 0 {
		digits = bytes.Clone(text)
	}
	for _, s := range bare { // same-length numbers keep every position
		word := bytes.TrimPrefix(digits[s[0]:s[1]], []byte("-"))
		copy(word, bytes.Repeat([]byte("1"), len(word)))
	}
	if err := Explain(digits); err != nil {
		return nil, err
	}
	return spellOut(text, bare), nil
}

// Explain returns why data is not standard JSON, with line and column, or what it is instead; nil if it is JSON.
func Explain(data []byte) error {
	var value json.RawMessage
	err := json.Unmarshal(data, &value)
	if err == nil && utf8.Valid(data) {
		return nil
	}
	if is := signature.Describe(data, "JSON"); is != "" && !looksLikeJSON(data) {
		return errors.New(is)
	}
	if !utf8.Valid(data) {
		return fmt.Errorf("%s: not valid UTF-8", place(data, int64(validPrefix(data))))
	}
	return position(data, err)
}

// looksLikeJSON reports whether data begins like JSON, so that a syntax error says more than what else it may be.
func looksLikeJSON(data []byte) bool {
	trimmed := bytes.TrimSpace(data)
	return len(data) > 0 && (len(trimmed) == 0 || strings.ContainsRune("{[", rune(trimmed[0])))
}

// validPrefix is the length of data's longest valid UTF-8 prefix.
func validPrefix(data []byte) int {
	n := 0
	for {
		r, size := utf8.DecodeRune(data[n:])
		if r == utf8.RuneError && size <= 1 {
			return n
		}
		n += size
	}
}

// bareOrString matches Python's bare words for non-finite numbers, and strings, in which they do not count.
var bareOrString = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*"?|-?Infinity|NaN`)

// bareFloats returns the ranges of bare words in value position.
func bareFloats(text []byte) (found [][]int) {
	if !bytes.Contains(text, []byte("Infinity")) && !bytes.Contains(text, []byte("NaN")) {
		return nil
	}
	for _, at := range bareOrString.FindAllIndex(text, -1) {
		if text[at[0]] != '"' && ends(text[:at[0]]) && begins(text[at[1]:]) {
			found = append(found, at)
		}
	}
	return found
}

// ends reports whether a value may follow text; begins reports whether text may follow a value.
func ends(text []byte) bool {
	return len(text) == 0 || bytes.IndexByte([]byte(" \t\r\n:,["), text[len(text)-1]) >= 0
}

func begins(text []byte) bool {
	return len(text) == 0 || bytes.IndexByte([]byte(" \t\r\n,]}"), text[0]) >= 0
}

// spellOut replaces the bare words by objects.
func spellOut(text []byte, bare [][]int) []byte {
	if len(bare) == 0 {
		return text
	}
	var b bytes.Buffer
	at := 0
	for _, s := range bare {
		fmt.Fprintf(&b, `%s{"__float__":"%s"}`, text[at:s[0]], text[s[0]:s[1]])
		at = s[1]
	}
	b.Write(text[at:])
	return b.Bytes()
}
