package tokenizer

import (
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
)

func TestShared(t *testing.T) {
	for _, name := range []string{"gpt2", "bytelevel-bpe-1k", "spm-bpe-mistral", "unigram-ru"} {
		t.Run(name, func(t *testing.T) {
			dir := sharedtest.Dir(t, "fixtures/tokenizers/"+name)
			v, err := Verify(dir, dir+"/encodings.jsonl", 3)
			if err != nil {
				t.Fatal(err)
			}
			if !v.OK() {
				t.Errorf("%d lines, %d same ids, %d same text", v.Lines, v.SameIDs, v.SameText)
				for _, d := range v.Differences {
					t.Errorf("%+v", d)
				}
			}
		})
	}
}
