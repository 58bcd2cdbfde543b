package tokenizer

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// EndOfText is the only special token of [Bytes]. Its id is 256.
const EndOfText = "<|endoftext|>"

// endOfTextID follows the 256 bytes.
const endOfTextID = 256

// Bytes returns the byte tokenizer: each byte is its own id, and 256 ends a text. Decoding restores the encoded bytes
// exactly.
func Bytes() Tokenizer { return byteTokenizer{} }

type byteTokenizer struct{}

// Encode implements Tokenizer. It never fails.
func (byteTokenizer) Encode(text string) ([]int32, error) {
	return appendBytes(make([]int32, 0, len(text)), text), nil
}

// appendBytes appends the bytes of text.
func appendBytes(ids []int32, text string) []int32 {
	for i := range len(text) {
		ids = append(ids, int32(text[i]))
	}
	return ids
}

// EncodeSpecial implements Tokenizer. It never fails.
func (byteTokenizer) EncodeSpecial(text string) ([]int32, error) {
	var ids []int32
	for {
		before, after, found := strings.Cut(text, EndOfText)
		ids = appendBytes(ids, before)
		if !found {
			return ids, nil
		}
		ids, text = append(ids, endOfTextID), after
	}
}

// Wrap implements Tokenizer.
func (byteTokenizer) Wrap(ids []int32) []int32 { return slices.Clone(ids) }

// Decode implements Tokenizer. It never fails.
func (byteTokenizer) Decode(ids []int32) (string, error) { return textOfBytes(ids), nil }

// textOfBytes decodes ids.
func textOfBytes(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		switch {
		case 0 <= id && id < 256:
			b.WriteByte(byte(id))
		case id == endOfTextID:
			b.WriteString(EndOfText)
		}
	}
	return b.String()
}

// Vocab implements Tokenizer.
func (byteTokenizer) Vocab() int { return endOfTextID + 1 }

// PlainVocab implements Tokenizer.
func (byteTokenizer) PlainVocab() int { return endOfTextID }

// Token implements Tokenizer.
func (byteTokenizer) Token(id int32) string { return textOfBytes([]int32{id}) }

// Name implements Tokenizer.
func (byteTokenizer) Name() string { return BytesName }

// ID implements Tokenizer.
func (byteTokenizer) ID(token string) (int32, bool) {
	switch {
	case token == EndOfText:
		return endOfTextID, true
	case len(token) == 1:
		return int32(token[0]), true
	}
	return 0, false
}

// SHA256 implements Tokenizer. There is no file, so it hashes the scheme's name.
func (byteTokenizer) SHA256() string { return bytesSHA256 }

// bytesSHA256 identifies the scheme: change the name whenever the meaning of ids changes.
var bytesSHA256 = fmt.Sprintf("%x", sha256.Sum256([]byte("archbench byte tokenizer 1\n")))
