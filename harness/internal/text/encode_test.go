package text

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/internal/tokenizer"
)

// inPieces encodes a text in pieces of n bytes.
func inPieces(t testing.TB, k Tokenizer, text string, n int64) []int32 {
	t.Helper()
	return collect(t, encoder{document: FromString("d", text), tokenizer: k, vocab: math.MaxInt32, piece: n}.all)
}

// sentencePiece is a tokenizer without words that writes a mark before a text, as SentencePiece does.
const sentencePiece = `{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
	"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
		{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
	"pre_tokenizer": null, "post_processor": null, "decoder": null,
	"model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null, "end_of_word_suffix": null,
		"fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
		"vocab": {"<unk>": 0, "▁": 1, "a": 2, "b": 3, "\n": 4, "ab": 5, "▁a": 6, "▁ab": 7, "aa": 8, "\n\n": 9, "▁▁": 10},
		"merges": [["a", "b"], ["▁", "a"], ["▁", "ab"], ["a", "a"], ["\n", "\n"], ["▁", "▁"]]}}`

// encoded are the ids of a whole text.
func encoded(t rapid.TB, k Tokenizer, text string) []int32 {
	t.Helper()
	ids, err := k.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func tokenizers(t *testing.T) map[string]tokenizer.Tokenizer {
	t.Helper()
	all := map[string]tokenizer.Tokenizer{"bytes": tokenizer.Bytes()}
	k, err := tokenizer.Parse([]byte(sentencePiece))
	if err != nil {
		t.Fatal(err)
	}
	all["sentencepiece"] = k
	if all["bytelevel"], err = tokenizer.Open(filepath.Join(sharedtest.RepoRoot(t), "models", "gpt2-3m")); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPiecesAreTheWhole compares texts encoded in pieces with the same texts encoded whole.
func TestPiecesAreTheWhole(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(sharedtest.RepoRoot(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("text_test.go")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"prose": string(readme), "code": string(source), "no lines": strings.Repeat("Один два трёх ", 2000),
		"blank lines": strings.Repeat("\n\n\n  \n\ta b\n", 2000), "one line": strings.Repeat("ab a  b", 3000),
	}
	for kind, k := range tokenizers(t) {
		for name, text := range texts {
			for _, n := range []int64{1 << 11, 5000, 1 << 14} {
				t.Run(fmt.Sprint(kind, " ", name, " ", n), func(t *testing.T) {
					if !slices.Equal(inPieces(t, k, text, n), encoded(t, k, text)) {
						t.Error("the ids of the pieces are not those of the whole")
					}
				})
			}
		}
	}
}

// TestRandomPieces does the same for random text.
func TestRandomPieces(t *testing.T) {
	for kind, k := range tokenizers(t) {
		t.Run(kind, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				text := rapid.StringOfN(rapid.SampledFrom([]rune("ab \n\tж1'.")), 1, 3000, -1).Draw(t, "text")
				n := rapid.Int64Range(200, 2000).Draw(t, "piece")
				var got []int32
				e := encoder{document: FromString("d", text), tokenizer: k, vocab: math.MaxInt32, piece: n}
				for ids, err := range e.all {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, ids...)
				}
				if !slices.Equal(got, encoded(t, k, text)) {
					t.Fatal("the ids of the pieces are not those of the whole")
				}
			})
		})
	}
}

// TestNoBorder encodes text that the tokenizer never separates: nothing is lost.
func TestNoBorder(t *testing.T) {
	text := strings.Repeat("ж", 5000)
	total := 0
	for _, n := range inPieces(t, lengths{}, text, 300) {
		total += int(n)
	}
	if total != len(text) {
		t.Errorf("pieces of %d bytes, want %d", total, len(text))
	}
}

// lengths is a tokenizer with one token per text.
type lengths struct{}

func (lengths) Token(int32) string { return "" }

func (lengths) Decode([]int32) (string, error) { return "", nil }

func (lengths) Encode(text string) ([]int32, error) { return []int32{int32(len(text))}, nil }

// endless is a 5 GB text that exists only where it is read. It records the longest read and the total.
type endless struct{ longest, total int64 }

func (e *endless) ReadAt(p []byte, at int64) (int, error) {
	e.longest, e.total = max(e.longest, int64(len(p))), e.total+int64(len(p))
	for i := range p {
		p[i] = "some words\n"[(at+int64(i))%11]
	}
	return len(p), nil
}

func (*endless) Close() error { return nil }

// TestLargerThanMemory reads no more of a huge document than requested, one piece at a time.
func TestLargerThanMemory(t *testing.T) {
	e := &endless{}
	huge := Document{Name: "huge", Bytes: 5e9, open: func() (source, error) { return e, nil }}
	tokens := NewTokens(&Corpus{Documents: []Document{huge, FromString("small", "text")}}, tokenizer.Bytes(), -1, 256)
	if _, err := tokens.Stream(10_000_000); err != nil {
		t.Fatal(err)
	}
	documents, err := tokens.Excerpt(1 << 16)
	if err != nil || documents[0].Bytes > 1<<16 || documents[1].Bytes != 4 {
		t.Fatalf("excerpt %+v, %v", documents, err)
	}
	if got := len(collect(t, documents[0].Tokens)); int64(got) != documents[0].Bytes {
		t.Errorf("excerpt of %d bytes has %d tokens", documents[0].Bytes, got)
	}
	if e.longest > pieceBytes || e.total > 10_000_000+2*pieceBytes {
		t.Errorf("read %d bytes, up to %d at a time", e.total, e.longest)
	}
}
