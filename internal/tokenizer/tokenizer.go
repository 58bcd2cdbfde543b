// Package tokenizer turns text into token ids and back, exactly as the Hugging Face tokenizers library does with the
// same files. It reads tokenizer.json, and the older forms vocab.json with merges.txt, tokenizer.model (SentencePiece)
// and vocab.txt, which it converts to the tokenizer.json that transformers would make. It supports BPE, Unigram,
// WordPiece and WordLevel models with their normalizers, pre-tokenizers, post-processors and decoders. A file that uses
// anything else is refused with an error that names the field. [Choose] decides which tokenizer a model has; [Bytes] is
// the tokenizer for byte models.
//
// Encoding cuts out the added tokens, normalizes each part between them, splits it into words with the pre-tokenizer,
// and encodes each word on its own with the model. Truncation and padding, which a file may ask for, concern batches
// and are not applied.
package tokenizer

import "github.com/archbench/archbench/internal/strictjson"

// Tokenizer converts between text and ids. It is safe for concurrent use.
type Tokenizer interface {
	// Encode returns the ids of text. A special token spelled out in text is encoded as plain text, and nothing is
	// added around it. Encode fails if a regular expression exceeds its limits, or if a word is unknown and the model
	// has no unknown token.
	Encode(text string) ([]int32, error)
	// EncodeSpecial is like Encode but recognises special tokens in the text.
	EncodeSpecial(text string) ([]int32, error)
	// Wrap returns ids with the tokens that the file's post-processor puts around a document, such as a start token.
	Wrap(ids []int32) []int32
	// Decode returns the text of ids. It skips unknown ids and turns invalid UTF-8 into U+FFFD. It fails if a regular
	// expression exceeds its limits.
	Decode(ids []int32) (string, error)
	// Vocab is the largest id plus one.
	Vocab() int
	// PlainVocab is the largest id that Encode may return, plus one. Special tokens may have larger ids.
	PlainVocab() int
	// ID looks up a token by its spelling, for example "<|endoftext|>" or "</s>".
	ID(token string) (int32, bool)
	// Token is the spelling of an id, or "" if the id is unknown.
	Token(id int32) string
	// Name says where the tokenizer comes from and what it is, for example "vocab.json + merges.txt BPE" or "bytes".
	Name() string
	// SHA256 identifies the tokenizer: the hex hash of its file, or for several files the hash of sha256sum's output
	// for them in name order.
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
