package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/internal/tokenizer"
)

// folderWith writes a model folder, with file as its tokenizer.json unless it is "".
func folderWith(t *testing.T, file string) string {
	t.Helper()
	dir := t.TempDir()
	weights := []safetensors.Tensor{{Name: "w", DType: safetensors.F32, Shape: []int{1}, ReadRows: func(_, _ int, dst []float32) error {
		dst[0] = 1
		return nil
	}}}
	err := errors.Join(os.WriteFile(filepath.Join(dir, "config.json"), []byte("{}"), 0o644),
		safetensors.Write(filepath.Join(dir, "model.safetensors"), weights, nil))
	if err == nil && file != "" {
		err = os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(file), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// wordTokenizer returns a tokenizer.json of size tokens: digits, the space and words that no text contains, and after
// them a special token. The digit 9 has the id nine.
func wordTokenizer(nine, size int) string {
	vocab := map[string]int{"0": 0, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "6": 6, "7": 7, "8": 8, "9": nine, " ": 10}
	for id := 11; id < size; id++ {
		vocab[fmt.Sprint("word", id)] = id
	}
	text, err := json.Marshal(map[string]any{
		"model":        map[string]any{"type": "BPE", "vocab": vocab, "merges": []string{}},
		"added_tokens": []any{map[string]any{"id": len(vocab), "content": "[PAD]", "special": true}},
	})
	if err != nil {
		panic(err) // strings and numbers only
	}
	return string(text)
}

// TestReading checks what models read with every kind of tokenizer: text wherever the model has all its ids.
func TestReading(t *testing.T) {
	const random = "random token ids, no text: "
	for _, tc := range []struct {
		name, file, asked string
		tokenizer         string // name
		quality           string // reason; "": ok
		warning           string // of the timing cells
	}{
		{"none but bytes possible", "", "", "bytes", "", ""},
		{"sound", wordTokenizer(9, 11), "", "tokenizer.json BPE", "", ""},
		{"special token beyond the model", wordTokenizer(9, 257), "", "tokenizer.json BPE", "", ""},
		{"ids beyond the model", wordTokenizer(400, 11), "", "tokenizer.json BPE", `token "9", whose id 400 is beyond the model's 257 ids`,
			random + "the tokenizer (tokenizer.json BPE) has 401 tokens for plain text, the model 257"},
		{"unsupported", `{"model":{"type":"Novel"}}`, "", "", `type "Novel" is not supported`, random},
		{"unsupported, another asked for", `{"model":{"type":"Novel"}}`, "bytes", "bytes", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := options(t, honest(), mixed, "a")
			o.Models[0].Checkpoint, o.Models[0].Tokenizer = folderWith(t, tc.file), tc.asked
			r := execute(t, openDB(t), o)
			if got := r.Models[0].Tokenizer; got.Name != tc.tokenizer || got.Asked != tc.asked || (got.SHA256 == "") != (tc.tokenizer == "") {
				t.Errorf("tokenizer %+v", got)
			}
			for i := range r.Cells {
				c := &r.Cells[i]
				warned := strings.Contains(strings.Join(c.Warnings, "\n"), random)
				switch c.Probe {
				case "cost", "prefill", "decode", "memory", "causality":
					if c.Status != record.OK || (c.Probe != "cost") != warned && tc.warning != "" || warned && tc.warning == "" {
						t.Errorf("%s: %s, warnings %q", c.Probe, c.Status, c.Warnings)
					}
				default:
					if (c.Status == record.OK) != (tc.quality == "") || !strings.Contains(c.Reason, tc.quality) || warned {
						t.Errorf("%s: %s %s, warnings %q", c.Probe, c.Status, c.Reason, c.Warnings)
					}
				}
				if c.Probe == "prefill" && !strings.Contains(strings.Join(c.Warnings, "\n"), tc.warning) {
					t.Errorf("warnings %q, want %q", c.Warnings, tc.warning)
				}
			}
		})
	}
}

// TestTokenizerIsPartOfIdentity checks that another tokenizer changes the identity of exactly the cells that read text.
func TestTokenizerIsPartOfIdentity(t *testing.T) {
	o := options(t, honest(), mixed, "a")
	o.Models[0].Checkpoint = folderWith(t, wordTokenizer(9, 11))
	ids := map[string][]string{}
	for _, asked := range []string{"", tokenizer.BytesName} {
		o.Models[0].Tokenizer = asked
		p, err := Prepare(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Run.Cells {
			ids[c.Probe+c.Point.String()] = append(ids[c.Probe+c.Point.String()], c.ID)
		}
	}
	for cell, pair := range ids {
		if same := pair[0] == pair[1]; same != strings.HasPrefix(cell, "cost") {
			t.Errorf("%s: same identity: %v", cell, same)
		}
	}
}

// TestResumeRefusesAnotherTokenizer changes tokenizer.json under an interrupted run.
func TestResumeRefusesAnotherTokenizer(t *testing.T) {
	db, o := openDB(t), options(t, honest(), mixed, "a")
	o.Models[0].Checkpoint = folderWith(t, wordTokenizer(9, 11))
	ctx, cancel := context.WithCancel(context.Background())
	o.Observe = func(Event) { cancel() }
	p, err := Prepare(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := Execute(ctx, db, p); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.Models[0].Checkpoint, "tokenizer.json"), []byte(wordTokenizer(9, 12)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(context.Background(), db, p.Run.ID, o); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "the tokenizer of model a") {
		t.Errorf("another tokenizer: %v", err)
	}
}
