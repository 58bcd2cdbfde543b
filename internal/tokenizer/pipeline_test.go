package tokenizer

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/sharedtest"
)

// parse reads a tokenizer with a BPE model of the letters a to e and space, ids 0 to 5, plus further sections.
func parse(t testing.TB, sections string) (Tokenizer, error) {
	t.Helper()
	return Parse([]byte(`{"model":{"type":"BPE","vocab":{"a":0,"b":1,"c":2,"d":3,"e":4," ":5},"merges":[]}` + sections + `}`))
}

func TestAddedTokens(t *testing.T) {
	cases := []struct {
		name, tokens, text string
		plain, special     []int32
	}{
		{"special", `{"id":6,"content":"<s>","special":true}`, "a<s>b", []int32{0, 1}, []int32{0, 6, 1}},
		{"ordinary", `{"id":6,"content":"cd"}`, "acdb", []int32{0, 6, 1}, []int32{0, 6, 1}},
		{"in the vocabulary", `{"id":4,"content":"e"}`, "aeb", []int32{0, 4, 1}, []int32{0, 4, 1}},
		{"longest first", `{"id":6,"content":"ab"},{"id":7,"content":"abc"}`, "abcab", []int32{7, 6}, []int32{7, 6}},
		{"leftmost first", `{"id":6,"content":"bcd"},{"id":7,"content":"ab"}`, "abcd", []int32{7, 2, 3}, []int32{7, 2, 3}},
		{"stripping", `{"id":6,"content":"x","lstrip":true,"rstrip":true}`, "a  x  b", []int32{0, 6, 1}, []int32{0, 6, 1}},
		{"stripping twice", `{"id":6,"content":"x","lstrip":true,"rstrip":true}`, "x x", []int32{6, 6}, []int32{6, 6}},
		{"whole words", `{"id":6,"content":"cd","single_word":true}`, "cd acd cd.cda", []int32{6, 5, 0, 2, 3, 5, 6, 2, 3, 0}, []int32{6, 5, 0, 2, 3, 5, 6, 2, 3, 0}},
	}
	for _, c := range cases {
		tok, err := parse(t, `,"added_tokens":[`+c.tokens+`]`)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.plain, encode(t, tok, c.text)); diff != "" {
			t.Errorf("%s, plain (-want +got):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(c.special, encodeSpecial(t, tok, c.text)); diff != "" {
			t.Errorf("%s, special (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestNormalizedAddedTokens finds a token in normalized text; its spelling is normalized, too.
func TestNormalizedAddedTokens(t *testing.T) {
	tok, err := parse(t, `,"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"String":"z"},"content":"d"},null]},
		"added_tokens":[{"id":6,"content":"e\u0301","normalized":true},{"id":7,"content":"zz","normalized":true},{"id":8,"content":"zc"}]`)
	if err != nil {
		t.Fatal(err)
	}
	want := []int32{0, 6, 1, 7, 3, 8, 7}
	if diff := cmp.Diff(want, encode(t, tok, "a\u00e9bddzzcdz")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWrap(t *testing.T) {
	const template = `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
		"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[9],"tokens":["<s>"]}}}`
	for sections, want := range map[string][]int32{
		``: {0, 1}, `,"post_processor":null`: {0, 1}, `,"post_processor":{"type":"ByteLevel"}`: {0, 1},
		`,"post_processor":` + template: {9, 0, 1},
		`,"post_processor":{"type":"Sequence","processors":[{"type":"ByteLevel"},` + template + `]}`: {9, 0, 1},
	} {
		tok, err := parse(t, sections)
		if err != nil {
			t.Errorf("%s: %v", sections, err)
			continue
		}
		if diff := cmp.Diff(want, tok.Wrap(encode(t, tok, "ab"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sections, diff)
		}
	}
}

func TestDecoders(t *testing.T) {
	cases := []struct {
		name, json string
		tokens     []string
		want       string
	}{
		{"none", `null`, []string{"a", "b"}, "a b"},
		{"byte level", `{"type":"ByteLevel"}`, []string{"Ġa", "Ã", "©", "<two words>"}, " aé<two words>"},
		{"broken bytes", `{"type":"ByteLevel"}`, []string{"aâĤ", "b", "Ã", "ð"}, "a\uFFFDb\uFFFD\uFFFD"},
		{"byte fallback", `{"type":"ByteFallback"}`, []string{"<0xD0>", "<0x96>", "x", "<0xD0>", "<0x41>", "<0xZZ>"}, "Жx\uFFFD\uFFFD<0xZZ>"},
		{"strip", `{"type":"Strip","content":" ","start":1,"stop":2}`, []string{"  a   ", " ", ""}, " a "},
		{"metaspace", `{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}`, []string{"▁a", "▁b▁"}, "a b "},
		{"metaspace never", `{"type":"Metaspace","replacement":"▁","prepend_scheme":"never"}`, []string{"▁a", "▁b"}, " a b"},
		{"sequence", `{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}`, []string{"▁a", "▁b"}, "a b"},
	}
	for _, c := range cases {
		decode, err := parseDecoder([]byte(c.json))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		p := &pipeline{decode: decode, pieces: map[int32]string{}}
		var ids []int32
		for i, token := range c.tokens {
			p.pieces[int32(i)], ids = token, append(ids, int32(i))
		}
		if got := decodeIDs(t, p, append(ids, 1000, -1)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestLossy(t *testing.T) {
	for in, want := range map[string]string{
		"abc": "abc", "\xff": "?", "\xe2\x82": "?", "\xe2\x82a": "?a", "\xe2\xe2": "??", "\xf0\x9f\x92": "?", "\xf0\x9f\x92\xf0": "??",
		"\xed\xa0\x80": "???", "\xc0\x80": "??", "\xf4\x90\x80\x80": "????", "é\x80é": "é?é",
	} {
		if want = strings.ReplaceAll(want, "?", "\uFFFD"); lossy([]byte(in)) != want {
			t.Errorf("%q: %q, want %q", in, lossy([]byte(in)), want)
		}
	}
}

func TestLookups(t *testing.T) {
	tok, err := parse(t, `,"added_tokens":[{"id":6,"content":"</s>","special":true}]`)
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := tok.ID("</s>"); !ok || id != 6 {
		t.Errorf("</s> is %d, %v", id, ok)
	}
	if _, ok := tok.ID("none"); ok {
		t.Error("an unknown token has an id")
	}
	if tok.Vocab() != 7 || len(tok.SHA256()) != 64 {
		t.Errorf("vocab %d, sha256 %q", tok.Vocab(), tok.SHA256())
	}
}

func TestBytes(t *testing.T) {
	tok := Bytes()
	text := "a\xff\x00Ж<|endoftext|>"
	if got := decodeIDs(t, tok, encode(t, tok, text)); got != text {
		t.Errorf("%q came back as %q", text, got)
	}
	ids := encodeSpecial(t, tok, "<|endoftext|>a<|endoftext|>")
	if diff := cmp.Diff([]int32{256, 97, 256}, ids); diff != "" {
		t.Error(diff)
	}
	if got := decodeIDs(t, tok, append(ids, -1, 257)); got != "<|endoftext|>a<|endoftext|>" {
		t.Errorf("decoded %q", got)
	}
	if id, ok := tok.ID(EndOfText); !ok || id != 256 || tok.Vocab() != 257 || len(tok.SHA256()) != 64 {
		t.Errorf("%d %v %d %s", id, ok, tok.Vocab(), tok.SHA256())
	}
	if diff := cmp.Diff([]int32{1, 2}, tok.Wrap([]int32{1, 2})); diff != "" {
		t.Error(diff)
	}
}

// TestConcurrentEncode shares one tokenizer among goroutines, for the race detector.
func TestConcurrentEncode(t *testing.T) {
	tok := open(t, filepath.Join("testdata", "bytelevel-bpe-1k"))
	texts := []string{"one two three", "func main() { println(1) }", "<|endoftext|>x", "мир труд май"}
	var want [][]int32
	for _, text := range texts {
		want = append(want, encodeSpecial(t, tok, text))
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				k := (g + i) % len(texts)
				ids, err := tok.EncodeSpecial(texts[k])
				if diff := cmp.Diff(want[k], ids); diff != "" || err != nil {
					t.Error(diff, err)
				}
				if _, err := tok.Decode(ids); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// TestOpenCheckpoint opens a model folder's tokenizer by folder and by file.
func TestOpenCheckpoint(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/gpt2-3m")
	a, b := open(t, dir), open(t, filepath.Join(dir, "tokenizer.json"))
	if a.SHA256() != b.SHA256() || a.Vocab() != 4096 {
		t.Errorf("%s, %s, vocab %d", a.SHA256(), b.SHA256(), a.Vocab())
	}
}
