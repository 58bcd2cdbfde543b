package run

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/internal/tokenizer"
	"github.com/archbench/archbench/lm"
)

// texts are the corpora of a run.
type texts struct {
	stream, heldOut *text.Corpus
	streamSHA       string
	heldOutSHA      string
}

// loadTexts reads the user's corpus for everything, or the Go source tree for length and the packages of it that
// models have not seen for quality.
func loadTexts(ctx context.Context, corpus string) (*texts, error) {
	var t texts
	var err error
	if corpus != "" {
		if t.stream, err = text.Load(corpus); err != nil {
			return nil, err
		}
		t.heldOut = t.stream
	} else {
		src, err := text.GoRoot(ctx)
		if err != nil {
			return nil, err
		}
		if t.stream, err = text.GoSource(src); err != nil {
			return nil, err
		}
		if t.heldOut, err = text.HeldOut(src); err != nil {
			return nil, err
		}
	}
	t.streamSHA, t.heldOutSHA = t.stream.SHA256(), t.heldOut.SHA256()
	return &t, nil
}

// facts describe the corpora.
func (t *texts) facts() []store.Fact {
	describe := func(c *text.Corpus, sha string) string {
		return fmt.Sprintf("%s: %d documents, %d bytes, sha256 %s", c.Source, len(c.Documents), c.Bytes(), sha)
	}
	return []store.Fact{
		{Name: "text for speed and length", Value: describe(t.stream, t.streamSHA)},
		{Name: "text for quality", Value: describe(t.heldOut, t.heldOutSHA)},
	}
}

// openTokenizer returns the tokenizer of a model's checkpoint, else one token a byte.
func openTokenizer(checkpoint string) (tokenizer.Tokenizer, error) {
	if checkpoint != "" {
		if _, err := os.Stat(filepath.Join(checkpoint, "tokenizer.json")); err == nil {
			return tokenizer.Open(checkpoint)
		}
	}
	return tokenizer.Bytes(), nil
}

// byteIDs is how many ids plain text has under one token a byte.
const byteIDs = 256

// fits says why a tokenizer's ids are no tokens of a model, "" if they are.
func fits(t tokenizer.Tokenizer, info lm.ModelInfo) string {
	need := t.Vocab()
	if t.SHA256() == tokenizer.Bytes().SHA256() {
		need = byteIDs
	}
	if need > info.Vocab {
		return fmt.Sprintf("the tokenizer has %d tokens, the model %d; name a checkpoint with its own tokenizer.json", need, info.Vocab)
	}
	return ""
}
