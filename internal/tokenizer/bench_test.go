package tokenizer

import (
	"os"
	"sync"
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
)

// BenchmarkEncode encodes whole corpora, 100 to 200 KB each, with empty caches.
func BenchmarkEncode(b *testing.B) {
	for _, name := range references {
		tok := open(b, referenceDir(b, name)).(*pipeline)
		for _, corpus := range []string{"en", "code", "ru"} {
			text, err := os.ReadFile(sharedtest.Dir(b, "corpora/"+corpus+".txt"))
			if err != nil {
				b.Fatal(err)
			}
			b.Run(name+"/"+corpus, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					tok.plainWords = sync.Pool{}
					encode(b, tok, string(text))
				}
			})
		}
	}
}
