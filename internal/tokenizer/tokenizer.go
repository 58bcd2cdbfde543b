// Package tokenizer turns text into token ids and back, exactly as the Hugging Face tokenizers library does with the
// same files: tokenizer.json, or the older vocab.json with merges.txt, tokenizer.model (SentencePiece) and vocab.txt, of
// which it makes the tokenizer.json that transformers would. It reads BPE, Unigram, WordPiece and WordLevel models, with
// the normalisers, pre-tokenisers, post-processors and decoders that go with them; a file that uses anything else is
// refused with an error that names the field. [Choose] decides which tokenizer a model has; for models of bytes there is
// [Bytes].
//
// The way of a text: added tokens are cut out; each part between them is normalised, split into words by the
// pre-tokeniser, and each word is encoded by the model on its own. Truncation and padding, which a file may ask for,
// are matters of a batch and not applied.
package tokenizer

import "github.com/archbench/archbench/internal/strictjson"

// Tokenizer converts between text and ids. It may be used by several goroutines.
type Tokenizer interface {
	// Encode returns the ids of text, taken as text throughout: the spelling of a special token gets no special id.
	// Nothing is added around it. It fails where the file says what to do with the text but that cannot be done: a
	// regular expression does not come to an end, or a word is unknown and there is no token for that.
	Encode(text string) ([]int32, error)
	// EncodeSpecial is Encode with special tokens in the text recognised.
	EncodeSpecial(text string) ([]int32, error)
	// Wrap returns ids with what the file's post-processor puts around a document, such as a token that begins it.
	Wrap(ids []int32) []int32
	// Decode returns the text of ids. Ids that mean nothing are left out, bytes that are not UTF-8 become U+FFFD.
	// It fails where a regular expression does not come to an end.
	Decode(ids []int32) (string, error)
	// Vocab is the largest id plus one.
	Vocab() int
	// PlainVocab is the largest id that Encode may return, plus one: special tokens may have larger ones.
	PlainVocab() int
	// ID looks up a token by its spelling, for example "<|endoftext|>" or "</s>".
	ID(token string) (int32, bool)
	// Token is the spelling of an id, "" if it has none.
	Token(id int32) string
	// Name says where the tokenizer comes from and what it is, for example "vocab.json + merges.txt BPE" or "bytes".
	Name() string
	// SHA256 identifies the tokenizer: the hash of its file in hexadecimal, or for several files the hash of the lines
	// that sha256sum prints for them in order of name.
	SHA256() string
}

// Parse reads the contents of a tokenizer.json.
func Parse(data []byte) (Tokenizer, error) {
	p, err := parseFile(data)
	if err != nil {
		if why := strictjson.Explain(data); why != nil {
			err = why
		}
		return nil, err
	}
	p.name, p.sha256 = "tokenizer.json "+p.name, hashOf(map[string][]byte{"tokenizer.json": data})
	return p, nil
}
