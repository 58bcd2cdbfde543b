package corpus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/internal/tokenizer"
)

// folder writes files into a temporary folder and loads it.
func folder(t testing.TB, files map[string]string) *text.Corpus {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := text.Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// inMemory is a corpus of these documents.
func inMemory(documents ...string) *text.Corpus {
	c := &text.Corpus{Source: "memory"}
	for i, d := range documents {
		c.Documents = append(c.Documents, text.FromString(fmt.Sprint(i), d))
	}
	return c
}

// bytesOptions encode bytes, with 256 before each document.
var bytesOptions = Options{Tokenizer: tokenizer.Bytes(), Start: 256, Vocab: 257}

// allTraining has no other side.
func allTraining() Options {
	o := bytesOptions
	o.Shares = [dataset.Splits]float64{1}
	return o
}

func open(t testing.TB, o Options, sources ...Source) *Corpus {
	t.Helper()
	c, err := Open(t.Context(), sources, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// numbered are n different documents.
func numbered(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("document %d", i))
	}
	return all
}

// written returns a side's documents as text.
func (p *part) written(split dataset.Split) (all []string) {
	s := p.sides[split]
	for i, start := range s.starts {
		end := s.ids.len()
		if i+1 < len(s.starts) {
			end = s.starts[i+1]
		}
		var b strings.Builder
		for _, id := range s.ids.between(start+1, end) {
			b.WriteByte(byte(id))
		}
		all = append(all, b.String())
	}
	return all
}

// TestSplit checks that a document's side depends on its contents alone: on neither its name, its place, nor the others.
func TestSplit(t *testing.T) {
	documents := numbered(2000)
	all := open(t, bytesOptions, Source{Text: inMemory(documents...)})
	sides := all.Sides()
	for split, share := range []float64{0.90, 0.05, 0.05} {
		n, mean := float64(sides[split].Documents), 2000*share
		if math.Abs(n-mean) > 4*math.Sqrt(mean*(1-share)) {
			t.Errorf("%v of 2000 documents for %s, want about %v", n, dataset.Split(split), mean)
		}
	}
	slices.Reverse(documents)
	some := open(t, bytesOptions, Source{Text: inMemory(append(documents[:1000:1000], documents[:1000]...)...)})
	side := map[string]dataset.Split{}
	for split := range dataset.Split(dataset.Splits) {
		for _, d := range all.parts[0].written(split) {
			side[d] = split
		}
	}
	for split := range dataset.Split(dataset.Splits) {
		for _, d := range some.parts[0].written(split) {
			if want, known := side[d]; !known || want != split {
				t.Fatalf("%q is on the side of %s, was on that of %s", d, split, want)
			}
		}
	}
	if all.SHA256() == some.SHA256() || all.SHA256() != open(t, bytesOptions, Source{Text: inMemory(numbered(2000)...)}).SHA256() {
		t.Error("the hash does not identify the corpus")
	}
}

func TestSideOf(t *testing.T) {
	low, high := make([]byte, 32), slices.Repeat([]byte{0xff}, 32)
	for _, c := range []struct {
		shares    [dataset.Splits]float64
		low, high dataset.Split
	}{
		{[dataset.Splits]float64{0.9, 0.05, 0.05}, dataset.Train, dataset.Test},
		{[dataset.Splits]float64{18, 1, 1}, dataset.Train, dataset.Test},
		{[dataset.Splits]float64{1, 1, 0}, dataset.Train, dataset.Valid},
		{[dataset.Splits]float64{0.1, 0, 0}, dataset.Train, dataset.Train},
		{[dataset.Splits]float64{0, 1, 2}, dataset.Valid, dataset.Test},
	} {
		if l, h := sideOf(low, c.shares), sideOf(high, c.shares); l != c.low || h != c.high {
			t.Errorf("shares %v: %s and %s", c.shares, l, h)
		}
	}
}

// TestDocuments reads every kind of file.
func TestDocuments(t *testing.T) {
	c := folder(t, map[string]string{
		"a.txt": "one\ntwo\nthree\n", "b.go": "package b\n",
		"c.jsonl": `{"text": "first\n"}` + "\n\n" + `{"text": "", "id": 1}` + "\n" + `{"id": 2, "text": "sec\u00f6nd"}`,
	})
	got := open(t, allTraining(), Source{Text: c}).parts[0].written(dataset.Train)
	if diff := cmp.Diff([]string{"one\ntwo\nthree\n", "package b\n", "first\n", "secönd"}, got); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	o := allTraining()
	o.Cut = 6
	got = open(t, o, Source{Text: c}).parts[0].written(dataset.Train)
	if diff := cmp.Diff([]string{"one\ntwo\n", "three\n", "package b\n", "first\n", "secönd"}, got); diff != "" {
		t.Errorf("cut documents (-want +got):\n%s", diff)
	}
}

// TestAtLeast counts the lines of .jsonl files, which are documents, but for blank ones.
func TestAtLeast(t *testing.T) {
	sources := []Source{{Text: folder(t, map[string]string{"a.txt": "one\ntwo\n", "b.jsonl": `{"text": "1"}` + "\n\n" + `{"text": "2"}`})}, {Text: inMemory("a", "b")}}
	for n := range 8 {
		if got, err := AtLeast(t.Context(), sources, n); got != (n <= 5) || err != nil {
			t.Errorf("at least %d of 5 documents: %v, %v", n, got, err)
		}
	}
}

// TestCutLosesNothing cuts random text.
func TestCutLosesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		written := rapid.StringOfN(rapid.SampledFrom([]rune("abж\n")), 1, 300, -1).Draw(rt, "text")
		o := allTraining()
		o.Cut = rapid.IntRange(1, 50).Draw(rt, "cut")
		got := open(t, o, Source{Text: inMemory(written)}).parts[0].written(dataset.Train)
		if strings.Join(got, "") != written {
			rt.Fatalf("pieces %q", got)
		}
		for _, piece := range got[:len(got)-1] {
			if !strings.HasSuffix(piece, "\n") || len(piece) < o.Cut && len(written) > o.Cut {
				rt.Fatalf("piece %q", piece)
			}
		}
	})
}

func TestErrors(t *testing.T) {
	plain := Source{Text: inMemory("some text")}
	shares := func(s ...float64) Options {
		o := bytesOptions
		o.Shares = [dataset.Splits]float64(s)
		return o
	}
	small := bytesOptions
	small.Vocab = 100
	invalid := &text.Corpus{Source: "dir", LeftOut: []text.LeftOut{{Name: "image.png", Reason: "is not UTF-8"}, {Name: "x.txt", Reason: "is not UTF-8"}}}
	lines := func(content string) Source { return Source{Text: folder(t, map[string]string{"d.jsonl": content})} }
	for want, c := range map[string]struct {
		sources []Source
		options Options
	}{
		"no corpus: name one with --corpus":                                 {nil, bytesOptions},
		"corpus memory: none of its documents (1) falls on the side of the": {[]Source{plain}, bytesOptions},
		"corpus memory: none of its documents (1) falls":                    {[]Source{plain}, shares(1e-9, 1, 0)},
		"shares of the split are [-1]":                                      {[]Source{plain}, shares(-1, 1, 1)},
		"shares of the split are [0]: want":                                 {[]Source{plain}, shares(0, 1, 1)},
		"its weight is NaN":                                                 {[]Source{{plain.Text, math.NaN()}}, bytesOptions},
		"some of the corpora have a weight":                                 {[]Source{plain, {plain.Text, 1}}, bytesOptions},
		"corpus dir: x.txt is not UTF-8: mend it (iconv":                    {[]Source{{Text: invalid}}, bytesOptions},
		`d.jsonl:2: want {"text": "..."}`:                                   {[]Source{lines("\n{\"text\": 1}\n")}, bytesOptions},
		`d.jsonl:1: want {"text": "..."}: invalid character`:                {[]Source{lines("not JSON")}, bytesOptions},
		`d.jsonl:1: the object has no "text"`:                               {[]Source{lines("{}")}, bytesOptions},
		"beyond the model's 100 ids":                                        {[]Source{plain}, small},
	} {
		if _, err := Open(t.Context(), c.sources, c.options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(done, []Source{plain}, bytesOptions); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestLongLine(t *testing.T) {
	huge := &text.Corpus{Source: "huge", Documents: []text.Document{text.FromString("x.jsonl", strings.Repeat(" ", longestLine+1))}}
	if _, err := Open(t.Context(), []Source{{Text: huge}}, bytesOptions); err == nil || !strings.Contains(err.Error(), "x.jsonl:1: the line is longer than 64 MiB") {
		t.Errorf("error %v", err)
	}
}

// TestTokens keeps ids on both sides of two bytes.
func TestTokens(t *testing.T) {
	for _, vocab := range []int{1 << 16, 1<<16 + 1} {
		ids := newTokens(vocab)
		want := []int32{0, 1, 255, 65535, int32(vocab - 1)}
		ids.add(want[:2]...)
		ids.add(want[2:]...)
		if got := ids.between(0, 5); !slices.Equal(got, want) || ids.len() != 5 || (ids.wide != nil) != (vocab > 1<<16) {
			t.Errorf("vocab %d: %v", vocab, got)
		}
	}
}

// TestShakespeare splits a real corpus with a real tokenizer.
func TestShakespeare(t *testing.T) {
	loaded, err := text.Load(t.Context(), sharedtest.Dir(t, "corpora/train/shakespeare.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	bpe, err := tokenizer.Open(filepath.Join(sharedtest.RepoRoot(t), "models", "gpt2-3m"))
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, Options{Tokenizer: bpe, Start: -1, Vocab: bpe.Vocab(), Cut: 1 << 12}, Source{Text: loaded})
	var total Side
	for i, s := range c.Sides() {
		t.Logf("%s: %+v", dataset.Split(i), s)
		total.Documents, total.Bytes = total.Documents+s.Documents, total.Bytes+s.Bytes
	}
	if total.Documents < 250 || total.Bytes != 1_115_394 {
		t.Errorf("%+v, want about 270 documents and 1,115,394 bytes", total)
	}
}
