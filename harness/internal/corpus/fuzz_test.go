package corpus

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/harness/internal/text"
)

// FuzzLines reads any bytes as a .jsonl file. What it accepts is what encoding/json reads from the lines.
func FuzzLines(f *testing.F) {
	for _, s := range []string{`{"text": "a"}`, "\n\n{\"text\": \"\"}\r\n", `{"text": null}`, `{"text": 1}`, `[]`, `{"TEXT": "x"} {}`, "{\"text\": \"\xff\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		o := allTraining()
		o.Shares = [dataset.Splits]float64{1}
		source := &text.Corpus{Source: "fuzz", Documents: []text.Document{text.FromString("f.jsonl", content)}}
		c, err := Open(t.Context(), []Source{{Text: source}}, o)
		if err != nil {
			if !strings.Contains(err.Error(), "corpus fuzz: ") {
				t.Fatalf("the error does not name the corpus: %v", err)
			}
			return
		}
		var want []string
		for line := range strings.SplitSeq(content, "\n") {
			var document struct{ Text string }
			if json.Unmarshal([]byte(line), &document) == nil && document.Text != "" {
				want = append(want, document.Text)
			}
		}
		if diff := cmp.Diff(want, c.parts[0].written(dataset.Train)); diff != "" {
			t.Errorf("documents of %q (-want +got):\n%s", content, diff)
		}
		for _, d := range want {
			if !utf8.ValidString(d) {
				t.Errorf("%q is not UTF-8", d)
			}
		}
	})
}
