package run

import (
	"context"
	"fmt"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/text"
)

// corpora are the texts of a run.
type corpora struct {
	stream, heldOut *text.Corpus
	streamSHA       string
	heldOutSHA      string
}

// loadCorpora reads the user's corpus. Without one it takes the Go source tree for speed and length, and for quality the
// packages of it that the models were not trained on.
func loadCorpora(ctx context.Context, corpus string) (*corpora, error) {
	var t corpora
	var err error
	if corpus != "" {
		if t.stream, err = text.Load(ctx, corpus); err != nil {
			return nil, err
		}
		t.heldOut = t.stream
	} else {
		src, err := text.GoRoot(ctx)
		if err != nil {
			return nil, err
		}
		if t.stream, err = text.GoSource(ctx, src); err != nil {
			return nil, err
		}
		if t.heldOut, err = text.HeldOut(ctx, src); err != nil {
			return nil, err
		}
	}
	if t.streamSHA, err = t.stream.SHA256(ctx); err != nil {
		return nil, err
	}
	t.heldOutSHA, err = t.heldOut.SHA256(ctx)
	return &t, err
}

// facts describes the corpora.
func (t *corpora) facts() []record.Fact {
	describe := func(c *text.Corpus, sha string) string {
		return fmt.Sprintf("%s: %d documents, %d bytes, sha256 %s", c.Source, len(c.Documents), c.Bytes(), sha)
	}
	facts := []record.Fact{
		{Name: "text for speed and length", Value: describe(t.stream, t.streamSHA)},
		{Name: "text for quality", Value: describe(t.heldOut, t.heldOutSHA)},
	}
	if left := t.heldOut.Omissions(); left != "" {
		facts = append(facts, record.Fact{Name: "text left out", Value: left})
	}
	return facts
}
