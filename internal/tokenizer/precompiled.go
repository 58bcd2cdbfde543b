package tokenizer

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// charsmap is SentencePiece's compiled replacement table: a trie over UTF-8 in the layout of darts-clone, whose leaves
// point into a string of zero-terminated texts.
type charsmap struct {
	trie  []uint32
	texts string
}

// maxGrapheme is the length from which a grapheme is replaced character by character only.
const maxGrapheme = 6

// precompiledNormalizer replaces characters by a base64-encoded table.
func precompiledNormalizer(f struct {
	Type string  `json:"type"`
	Map  *string `json:"precompiled_charsmap"`
}) (normalizer, error) {
	if f.Map == nil {
		return nil, errors.New("precompiled_charsmap is missing")
	}
	data, err := base64.StdEncoding.DecodeString(*f.Map)
	if err != nil {
		return nil, fmt.Errorf("precompiled_charsmap: %w", err)
	}
	normalize, err := newPrecompiled(data)
	if err != nil {
		return nil, fmt.Errorf("precompiled_charsmap: %w", err)
	}
	return normalize, nil
}

// newPrecompiled reads a table: the trie's length in bytes, the trie, and the texts.
func newPrecompiled(data []byte) (normalizer, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("%d bytes hold no table", len(data))
	}
	size := int(binary.LittleEndian.Uint32(data))
	if data = data[4:]; size < 4 || size > len(data) {
		return nil, fmt.Errorf("a trie of %d bytes in a table of %d", size, len(data))
	}
	size -= size % 4
	m := &charsmap{trie: make([]uint32, size/4), texts: string(data[size:])}
	for i := range m.trie {
		m.trie[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	if !utf8.ValidString(m.texts) {
		return nil, errors.New("the texts are not valid UTF-8")
	}
	return m.normalize, nil
}

// normalize replaces each short grapheme as a whole, and otherwise each of its characters.
func (m *charsmap) normalize(text normal) (normal, error) {
	var b strings.Builder
	b.Grow(len(text.text))
	for g := graphemes.FromString(text.text); g.Next(); {
		if err := m.grapheme(&b, g.Value()); err != nil {
			return text, err
		}
	}
	return normal{b.String(), text.moved}, nil
}

// grapheme appends the normalized form of a grapheme.
func (m *charsmap) grapheme(b *strings.Builder, grapheme string) error {
	if len(grapheme) < maxGrapheme {
		with, ok, err := m.lookup(grapheme)
		if err != nil {
			return err
		}
		if ok {
			b.WriteString(with)
			return nil
		}
	}
	for grapheme != "" {
		_, n := utf8.DecodeRuneInString(grapheme)
		char := grapheme[:n]
		grapheme = grapheme[n:]
		with, ok, err := m.lookup(char)
		if err != nil {
			return err
		}
		if !ok {
			with = char
		}
		b.WriteString(with)
	}
	return nil
}

// errCharsmap reports a malformed table.
var errCharsmap = errors.New("precompiled_charsmap points outside of itself")

// lookup finds the replacement for the shortest key that s begins with. It replaces all of s, as the reference library
// does.
func (m *charsmap) lookup(s string) (string, bool, error) {
	at := offset(m.trie[0])
	for i := 0; i < len(s) && s[i] != 0; i++ {
		at ^= uint32(s[i])
		if int64(at) >= int64(len(m.trie)) {
			return "", false, errCharsmap
		}
		unit := m.trie[at]
		if unit&(1<<31|0xff) != uint32(s[i]) {
			return "", false, nil
		}
		at ^= offset(unit)
		if hasLeaf := unit>>8&1 == 1; hasLeaf {
			text, err := m.text(at)
			return text, err == nil, err
		}
	}
	return "", false, nil
}

// text returns the text that a leaf of the trie points to.
func (m *charsmap) text(leaf uint32) (string, error) {
	if int64(leaf) >= int64(len(m.trie)) {
		return "", errCharsmap
	}
	start := int64(m.trie[leaf] &^ (1 << 31))
	if start > int64(len(m.texts)) || start < int64(len(m.texts)) && !utf8.RuneStart(m.texts[start]) {
		return "", errCharsmap
	}
	text, _, _ := strings.Cut(m.texts[start:], "\x00")
	return text, nil
}

// offset is the distance from a trie unit to its children, to be combined by exclusive or.
func offset(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }
