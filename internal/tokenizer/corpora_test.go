package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
)

// TestCorpora encodes the held-out corpora with the checkpoints' tokenizer and compares the hash of all ids with the
// reference evaluation.
func TestCorpora(t *testing.T) {
	for _, checkpoint := range []string{"gpt2-3m", "bk-row-3m"} {
		dir := sharedtest.Dir(t, "checkpoints/"+checkpoint)
		var want struct {
			Tokenizer string `json:"tokenizer_sha256"`
			Sets      map[string]struct {
				Tokens   int     `json:"tokens"`
				Text     string  `json:"sha256"`
				IDs      string  `json:"ids_sha256"`
				FirstIDs []int32 `json:"first_ids"`
			} `json:"sets"`
		}
		text, err := os.ReadFile(filepath.Join(dir, "reference.json"))
		if err == nil {
			err = json.Unmarshal(text, &want)
		}
		if err != nil || len(want.Sets) != 3 {
			t.Fatalf("%s: reference.json: %v, %d sets", checkpoint, err, len(want.Sets))
		}
		tok, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if want.Tokenizer != "" && tok.SHA256() != want.Tokenizer {
			t.Errorf("%s: tokenizer is %s, want %s", checkpoint, tok.SHA256(), want.Tokenizer)
		}
		for name, set := range want.Sets {
			corpus, err := os.ReadFile(sharedtest.Dir(t, "corpora/"+name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(corpus); hex.EncodeToString(sum[:]) != set.Text {
				t.Fatalf("%s is not the text of the reference evaluation", name)
			}
			ids := encodeSpecial(t, tok, string(corpus))
			if len(ids) != set.Tokens || !slices.Equal(ids[:len(set.FirstIDs)], set.FirstIDs) || idsSHA256(ids) != set.IDs {
				t.Errorf("%s %s: %d ids, want %d; %s, want %s", checkpoint, name, len(ids), set.Tokens, idsSHA256(ids), set.IDs)
			}
			if decodeIDs(t, tok, ids) != string(corpus) {
				t.Errorf("%s %s: decoding does not give the text back", checkpoint, name)
			}
			if !slices.Equal(encode(t, tok, string(corpus)), ids) {
				t.Errorf("%s %s: ids differ where special tokens are plain text", checkpoint, name)
			}
		}
	}
}

// idsSHA256 hashes ids as comma-separated decimal numbers.
func idsSHA256(ids []int32) string {
	var text []byte
	for i, id := range ids {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(id), 10)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
