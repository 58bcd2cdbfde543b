package tokenizer

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestUnigramToy runs the example from the reference library's tests: the best total score wins, a tie goes to the
// first segmentation found, and unknown characters fuse.
func TestUnigramToy(t *testing.T) {
	m := newUnigram([]string{"<unk>", "a", "b", "c", "d", "cd", "ab", "abc", "abcd"}, []float64{0, 0, 0, 0, 0, 1, 2, 5, 10}, 0)
	for text, want := range map[string][]int32{
		"":           nil,
		"abcd":       {8},
		"abcc":       {7, 3},
		"abcdacdxx":  {8, 1, 5, 0},
		"xxabcaабcd": {0, 7, 1, 0, 5},
		"xy":         {0},
	} {
		if diff := cmp.Diff(want, word(t, m, text, true)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// word encodes a word and expects success.
func word(t testing.TB, m model, text string, special bool) []int32 {
	t.Helper()
	ids, err := m.encode(nil, text, special)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestUnigramByteFallback(t *testing.T) {
	pieces, scores := []string{"<unk>", "a"}, []float64{0, -1}
	for piece := range bytePieces() {
		pieces, scores = append(pieces, piece), append(scores, -5)
	}
	m := newUnigram(pieces, scores, 0)
	m.bytes = byteSymbols(m.vocab)
	want := []int32{1, m.vocab["<0xD0>"], m.vocab["<0x96>"], 1}
	if diff := cmp.Diff(want, word(t, m, "aЖa", false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m.bytes[0x96].id = -1
	if diff := cmp.Diff([]int32{1, 0, 1}, word(t, m, "aЖa", false)); diff != "" {
		t.Errorf("with a byte missing (-want +got):\n%s", diff)
	}
}

// bytePieces returns <0x00> to <0xFF> with ids from 100.
func bytePieces() map[string]int32 {
	vocab := map[string]int32{}
	for b, s := range byteSymbols(nil) {
		_ = s
		vocab["<0x"+string("0123456789ABCDEF"[b>>4])+string("0123456789ABCDEF"[b&15])+">"] = int32(100 + b)
	}
	return vocab
}

func TestBPEUnknown(t *testing.T) {
	vocab := map[string]int32{"a": 1, "b": 2, "ab": 3, "<unk>": 0}
	m, err := newBPE(vocab, []mergePair{{"a", "b"}}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	encode := func(s string) []int32 { return word(t, m, s, false) }
	if diff := cmp.Diff([]int32{1, 3, 2}, encode("axabyb")); diff != "" {
		t.Errorf("no unknown piece: %s", diff)
	}
	unk := newSymbol("<unk>", 0)
	m.unk = &unk
	if diff := cmp.Diff([]int32{0, 0, 3, 0}, encode("xyabz")); diff != "" {
		t.Errorf("an unknown piece each: %s", diff)
	}
	m.fuseUnk = true
	if diff := cmp.Diff([]int32{0, 3, 0}, encode("xyabz\xff")); diff != "" {
		t.Errorf("fused: %s", diff)
	}
	maps.Copy(vocab, bytePieces())
	m.bytes = byteSymbols(vocab)
	if diff := cmp.Diff([]int32{1, 100 + 0xd0, 100 + 0x96, 100 + 0xff, 2}, encode("aЖ\xffb")); diff != "" {
		t.Errorf("byte fallback: %s", diff)
	}
}

func TestBPEWholeWords(t *testing.T) {
	m, err := newBPE(map[string]int32{"a": 0, "b": 1, "c": 2, "bc": 3, "abc": 4, "<s>": 5}, []mergePair{{"b", "c"}}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int32{0, 3}, word(t, m, "abc", false)); diff != "" {
		t.Error(diff)
	}
	m.wholeWord = true
	m.exclude(map[int32]bool{5: true})
	if diff := cmp.Diff([]int32{4}, word(t, m, "abc", false)); diff != "" {
		t.Error(diff)
	}
	if got := word(t, m, "<s>", false); len(got) != 0 {
		t.Errorf("plain text became the special token: %v", got)
	}
}

// naive is byte-pair encoding straight from the definition.
func naive(ids []int32, merges map[[2]int32]merge) []int32 {
	for {
		best, at := merge{rank: 1 << 30}, -1
		for i := 1; i < len(ids); i++ {
			if to, ok := merges[[2]int32{ids[i-1], ids[i]}]; ok && to.rank < best.rank {
				best, at = to, i-1
			}
		}
		if at < 0 {
			return ids
		}
		ids = slices.Replace(ids, at, at+2, best.id)
	}
}

// TestBPEAgainstDefinition compares bpe with naive on random vocabularies and texts.
func TestBPEAgainstDefinition(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		vocab := map[string]int32{"a": 0, "b": 1, "c": 2}
		pieces := []string{"a", "b", "c"}
		var pairs []mergePair
		seen := map[[2]string]bool{}
		for range rapid.IntRange(0, 20).Draw(r, "merges") {
			pair := mergePair{rapid.SampledFrom(pieces).Draw(r, "left"), rapid.SampledFrom(pieces).Draw(r, "right")}
			joined := pair[0] + pair[1]
			if _, ok := vocab[joined]; !ok {
				vocab[joined] = int32(len(vocab))
				pieces = append(pieces, joined)
			}
			if !seen[pair] {
				pairs = append(pairs, pair)
			}
			seen[pair] = true
		}
		pairs = rapid.Permutation(pairs).Draw(r, "order")
		m, err := newBPE(vocab, pairs, "", "")
		if err != nil {
			r.Fatal(err)
		}
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abc")), 0, 60, -1).Draw(r, "text")
		var start []int32
		for _, c := range text {
			start = append(start, vocab[string(c)])
		}
		if diff := cmp.Diff(naive(start, m.merges), word(t, m, text, false)); diff != "" {
			r.Fatalf("%q with %v (-want +got):\n%s", text, pairs, diff)
		}
	})
}
