package corpus

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/lm"
)

func batches(t testing.TB, c *Corpus, o BatchOptions) *Batches {
	t.Helper()
	b, err := c.Batches(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// window is a window from its tokens and the token after them.
func window(ids ...int32) lm.TrainDocument {
	return lm.TrainDocument{Tokens: ids[:len(ids)-1], Targets: ids[1:]}
}

func TestWindows(t *testing.T) {
	c := open(t, allTraining(), Source{Text: inMemory("abcde", "f", "gh")})
	for _, w := range []struct {
		packed bool
		want   []lm.TrainDocument
	}{
		{false, []lm.TrainDocument{window(256, 'a', 'b', 'c'), window('c', 'd', 'e'), window(256, 'f'), window(256, 'g', 'h')}},
		{true, []lm.TrainDocument{window(256, 'a', 'b', 'c'), window('c', 'd', 'e', 256), window(256, 'f', 256, 'g'), window('g', 'h')}},
	} {
		b := batches(t, c, BatchOptions{Length: 3, Size: 1, Packed: w.packed})
		var got []lm.TrainDocument
		for i := range b.Len() {
			d, _, err := b.Window(i)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, d)
		}
		if diff := cmp.Diff(w.want, got); diff != "" {
			t.Errorf("packed %v (-want +got):\n%s", w.packed, diff)
		}
		for _, i := range []int{-1, b.Len()} {
			if _, _, err := b.Window(i); err == nil {
				t.Errorf("there is a window %d", i)
			}
		}
	}
}

// plainer changes the text: it decodes every token to one letter.
type plainer struct{ text.Tokenizer }

// Decode implements text.Tokenizer.
func (s plainer) Decode(ids []int32) (string, error) { return strings.Repeat("x", len(ids)), nil }

// TestWindowBytes checks the bytes of windows' targets, among them characters that windows cut.
func TestWindowBytes(t *testing.T) {
	written := inMemory("abcde", "жж", "g")
	bare := allTraining()
	bare.Start = -1
	changing := allTraining()
	changing.Tokenizer = plainer{changing.Tokenizer}
	for _, c := range []struct {
		options Options
		want    []float64
	}{{allTraining(), []float64{3, 2, 3, 1, 1}}, {bare, []float64{3, 1, 3}}, {changing, []float64{3, 2, 3, 1, 1}}} {
		b := batches(t, open(t, c.options, Source{Text: written}), BatchOptions{Length: 3, Size: 1})
		var got []float64
		for i := range b.Len() {
			_, bytes, err := b.Window(i)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, bytes)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("start %d: bytes %v, want %v", c.options.Start, got, c.want)
		}
	}
	packed := batches(t, open(t, bare, Source{Text: written}), BatchOptions{Length: 3, Size: 1, Packed: true})
	if _, bytes, err := packed.Window(0); bytes != 0 || err != nil {
		t.Errorf("a packed window has %v bytes, %v", bytes, err)
	}
}

// TestEveryTargetOnce checks, for random corpora, that the windows of one pass over each source hold each target once, in
// whatever order the updates are asked for.
func TestEveryTargetOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := allTraining()
		if rapid.Bool().Draw(rt, "without start") {
			o.Start = -1
		}
		documents := rapid.SliceOfN(rapid.StringMatching("[a-e]{1,20}"), 3, 20).Draw(rt, "documents")
		c := open(t, o, Source{Text: inMemory(append(documents, "abc")...)})
		b := batches(t, c, BatchOptions{
			Length: rapid.IntRange(1, 30).Draw(rt, "length"), Size: 1,
			Packed: rapid.Bool().Draw(rt, "packed"), Seed: rapid.Uint64().Draw(rt, "seed"),
		})
		epoch := rapid.IntRange(0, 3).Draw(rt, "epoch")
		updates := rapid.Permutation(numbers(b.Len())).Draw(rt, "updates")
		want, got := map[string]int{}, map[string]int{}
		for i, u := range updates {
			d, err := b.Batch(epoch*b.Len() + u)
			if err != nil {
				rt.Fatal(err)
			}
			if len(d[0].Tokens) > b.Length || len(d[0].Tokens) == 0 {
				rt.Fatalf("a window of %d tokens", len(d[0].Tokens))
			}
			w, _, err := b.Window(i)
			if err != nil {
				rt.Fatal(err)
			}
			got[key(d[0])]++
			want[key(w)]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("an epoch (-windows +given):\n%s", diff)
		}
		targets := 0
		for i := range b.Len() {
			w, _, _ := b.Window(i)
			targets += len(w.Targets)
		}
		pieces := 1
		if !b.Packed {
			pieces = len(documents) + 1
		}
		if want := c.Sides()[dataset.Train].Tokens - pieces; targets != want {
			rt.Fatalf("%d targets, want %d", targets, want)
		}
	})
}

func key(d lm.TrainDocument) string {
	return string(append(slices.Clone(d.Tokens), d.Targets[len(d.Targets)-1]))
}

func numbers(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// TestRandomAccess asks for batches in another order, of another value: the same batches, other ones for another seed.
func TestRandomAccess(t *testing.T) {
	c := open(t, bytesOptions, Source{inMemory(numbered(100)...), 3}, Source{inMemory(numbered(60)...), 1})
	o := BatchOptions{Length: 8, Size: 5, Seed: 7}
	b, again := batches(t, c, o), batches(t, c, o)
	var forward, backward dataset.Hash
	all := make([][]lm.TrainDocument, 200)
	for u := range all {
		all[u], _ = b.Batch(u)
		forward.Add(all[u])
	}
	for u := len(all) - 1; u >= 0; u-- {
		all[u], _ = again.Batch(u)
	}
	for _, batch := range all {
		backward.Add(batch)
	}
	if forward != backward {
		t.Error("batches depend on what was asked before")
	}
	o.Seed = 8
	first, _ := b.Batch(0)
	if other, _ := batches(t, c, o).Batch(0); cmp.Equal(first, other) {
		t.Error("another seed has the same order")
	}
	if _, err := b.Batch(-1); err == nil {
		t.Error("there is an update -1")
	}
}

// TestMixture compares shares and numbers with a count.
func TestMixture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Float64Range(0.01, 100), 1, 6).Draw(t, "weights")
		m, total := newMixture(weights), 0.0
		for _, w := range weights {
			total += w
		}
		counts := make([]uint64, len(weights))
		const n = 1000
		for place := range uint64(n) {
			source, number := m.at(place)
			if number != counts[source] {
				t.Fatalf("place %d is number %d of source %d, want %d", place, number, source, counts[source])
			}
			counts[source]++
			for i, c := range counts {
				if want := float64(place+1) * weights[i] / total; math.Abs(float64(c)-want) > float64(len(weights)) {
					t.Fatalf("source %d has %d of %d places, want %.1f", i, c, place+1, want)
				}
			}
		}
	})
}

// TestMixtureFarAway finds places that a count does not reach.
func TestMixtureFarAway(t *testing.T) {
	m := newMixture([]float64{1, 1})
	if s, n := m.at(1 << 50); s != 1 || n != 1<<49 {
		t.Errorf("place 2^50 is number %d of source %d", n, s)
	}
}

// TestSharesOfBatches checks what weights mean for the documents of batches, and what none mean.
func TestSharesOfBatches(t *testing.T) {
	for _, c := range []struct{ first, second, want float64 }{{3, 1, 0.75}, {0, 0, 0.2}, {1, 1, 0.5}} {
		b := batches(t, open(t, allTraining(), Source{inMemory(strings.Repeat("a", 20)), c.first}, Source{inMemory(strings.Repeat("b", 80)), c.second}),
			BatchOptions{Length: 1, Size: 10})
		first := 0
		for u := range 20 {
			documents, err := b.Batch(u)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range documents {
				if d.Targets[0] == 'a' {
					first++
				}
			}
		}
		if got := float64(first) / 200; math.Abs(got-c.want) > 0.01 {
			t.Errorf("weights %v and %v: share %v, want %v", c.first, c.second, got, c.want)
		}
	}
}

func TestTooFewWindows(t *testing.T) {
	c := open(t, allTraining(), Source{Text: inMemory("abc")})
	for want, o := range map[string]BatchOptions{
		"its training gives 1 windows of 8 tokens, fewer than a batch of 2": {Length: 8, Size: 2},
		"its validation gives 0 windows":                                    {Length: 8, Size: 2, Split: dataset.Valid},
		"want at least 1":                                                   {Length: 0, Size: 2},
	} {
		if _, err := c.Batches(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	o := allTraining()
	o.Start = -1
	if _, err := open(t, o, Source{Text: inMemory("a")}).Batches(BatchOptions{Length: 8, Size: 2}); err == nil || !strings.Contains(err.Error(), "no document for training has two tokens") {
		t.Errorf("error %v", err)
	}
}
