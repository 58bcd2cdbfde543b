package run

import (
	"context"
	"fmt"

	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/text"
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
