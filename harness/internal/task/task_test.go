package task

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

// variants are tasks whose examples the tests check: each kind with its defaults, and with other values of its axes.
var variants = []string{
	"h3-induction", "h3-induction:vocab=6,length=9,examples=50,held-out=20", "h3-induction:loss=answers",
	"h3-recall", "h3-recall:vocab=20,length=40", "h3-recall:vocab=7,length=5,examples=20,held-out=9,seed=3",
	"induction", "induction:loss=all,length=40", "induction:length=3", "induction:place=5,symbols=3,length=9",
	"parity", "parity:shortest=2,longest=2,test-shortest=7,test-longest=9",
	"prefix-parity", "prefix-parity:length=1",
	"arithmetic", "arithmetic:modulus=2,longest=9", "arithmetic:modulus=7,test-longest=60",
	"arithmetic-brackets", "arithmetic-brackets:shortest=2,longest=5,modulus=3", "arithmetic-brackets:modulus=11",
	"group", "group:group=A5", "group:group=A4xZ5,length=3", "group:group=Z60",
	"mqar", "mqar:vocab=512,length=128,pairs=4+8+16", "mqar:vocab=6,length=8,pairs=2", "mqar:filler=random,gap=1",
	"recall-law", "recall-law:filler=zero,pairs=3",
	"context-recall", "context-recall:loss=answers,vocab=7,length=30", "noisy-recall", "noisy-recall:noise=1,length=8",
	"noisy-recall:noise=0.8,loss=answers",
	"fuzzy-recall", "fuzzy-recall:vocab=8,motif=1,length=8", "fuzzy-recall:vocab=40,motif=5,length=31,loss=answers",
	"selective-copying", "selective-copying:placement=uniform,symbols=15,length=129", "selective-copying:count=3,length=7",
	"compression", "compression:symbols=2,length=2", "memorisation", "memorisation:vocab=5,length=2", "memorisation:seed=9",
	"needle", "needle:needles=5,depth=0.5,loss=all", "needle:depth=0,length=3", "needle:depth=1,length=30,needles=3,filler=1",
	"iid", "iid:vocab=2,length=1,examples=0",
}

func parse(t testing.TB, text string) *Task {
	t.Helper()
	k, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// each calls do for some examples of each side.
func each(t *Task, n uint64, do func(split dataset.Split, i uint64, e Example)) {
	for split := range dataset.Split(dataset.Splits) {
		for i := range n {
			do(split, i, t.Example(split, i))
		}
	}
}

// TestExamples checks what holds for the examples of all tasks.
func TestExamples(t *testing.T) {
	for _, text := range variants {
		t.Run(text, func(t *testing.T) {
			k := parse(t, text)
			again := parse(t, k.String())
			each(k, 30, func(split dataset.Split, i uint64, e Example) {
				s := e.Sequence()
				if err := s.Check(k.Vocab()); err != nil || len(e.Tokens) > k.Longest(split) {
					t.Fatalf("%s %d: %d tokens of at most %d: %v", split, i, len(e.Tokens), k.Longest(split), err)
				}
				if !slices.IsSorted(e.Answers) || len(e.Answers) == 0 || len(s.Scored()) != len(e.Answers) {
					t.Fatalf("%s %d: answers at %v, targets %v", split, i, e.Answers, e.Targets)
				}
				all := split == dataset.Train && k.Value("loss") == "all"
				for j, target := range e.Targets {
					switch {
					case slices.Contains(e.Answers, j):
					case all && j+1 < len(e.Tokens) && target != e.Tokens[j+1], !all && target != -1:
						t.Fatalf("%s %d: target %d at %d of %v", split, i, target, j, e.Tokens)
					}
				}
				if f := k.Floor(e); !(f > 0 && f <= 1) {
					t.Fatalf("%s %d: floor %v", split, i, f)
				}
				if diff := cmp.Diff(again.Example(split, i), e); diff != "" {
					t.Fatalf("%s %d is not repeated:\n%s", split, i, diff)
				}
			})
		})
	}
}

// TestLongest checks that the stated length is reached.
func TestLongest(t *testing.T) {
	for _, text := range variants {
		k, most, n := parse(t, text), [dataset.Splits]int{}, uint64(3)
		if k.Value("longest") != "" {
			n = 3000 // of random lengths
		}
		each(k, n, func(split dataset.Split, _ uint64, e Example) { most[split] = max(most[split], len(e.Tokens)) })
		for split, n := range most {
			if n != k.Longest(dataset.Split(split)) {
				t.Errorf("%s: the longest example for %s has %d tokens, not %d", text, dataset.Split(split), n, k.Longest(dataset.Split(split)))
			}
		}
	}
}

// TestStreamsDiffer checks that seed, side and number each give other examples.
func TestStreamsDiffer(t *testing.T) {
	for _, k := range Kinds {
		seen := map[string]int{}
		for _, text := range []string{k.Name, k.Name + ":seed=1"} {
			k := parse(t, text)
			for split := range dataset.Split(dataset.Splits) {
				key := ""
				for i := range uint64(20) {
					key += spelled(k.Example(split, i))
				}
				seen[key]++
			}
		}
		if len(seen) != 2*dataset.Splits {
			t.Errorf("%s: %d different streams, want %d", k.Name, len(seen), 2*dataset.Splits)
		}
	}
}

// TestUnique checks the fixed sets of the H3 tasks: their sizes, and that no example repeats, on one side or on two.
func TestUnique(t *testing.T) {
	for _, text := range []string{"h3-induction", "h3-recall", "h3-recall:vocab=6,length=10,examples=60,held-out=40"} {
		k := parse(t, text)
		seen, total := map[string]bool{}, 0
		for split := range dataset.Split(dataset.Splits) {
			n := uint64(k.Examples(split))
			for i := range n {
				seen[spelled(k.Example(split, i))] = true
				total++
			}
			if !cmp.Equal(k.Example(split, 3), k.Example(split, n+3)) {
				t.Errorf("%s: example %d for %s is not the third", text, n+3, split)
			}
		}
		if len(seen) != total {
			t.Errorf("%s: %d different examples of %d", text, len(seen), total)
		}
	}
}

// TestSidesAreDisjoint looks for test examples among those of training.
func TestSidesAreDisjoint(t *testing.T) {
	for _, k := range Kinds {
		if strings.Contains(k.Name, "parity") || strings.Contains(k.Name, "arithmetic") {
			continue // short examples are few; lengths of the test are others
		}
		k, seen := parse(t, k.Name), map[string]bool{}
		for i := range uint64(2000) {
			seen[spelled(k.Example(dataset.Train, i))] = true
		}
		for i := range uint64(200) {
			if seen[spelled(k.Example(dataset.Test, i))] {
				t.Errorf("%s: test example %d occurs in training", k, i)
			}
		}
	}
}

// TestStreaming reads an example of 2^20 tokens without holding it.
func TestStreaming(t *testing.T) {
	for _, text := range []string{"induction", "needle", "prefix-parity", "group", "memorisation", "iid"} {
		k := parse(t, text+":length=1048576")
		tokens := 0
		allocated := sharedtest.AllocsPerRun(t, 1, func() {
			tokens = 0
			for item := range k.Stream(dataset.Test, 1) {
				tokens++
				if int(item.Token) >= k.Vocab() {
					t.Errorf("%s: token %d", text, item.Token)
				}
			}
		})
		if tokens != 1<<20 || allocated > 40 {
			t.Errorf("%s: %d tokens, %v allocations", text, tokens, allocated)
		}
	}
}

// TestStoppedStream stops reading at every place.
func TestStoppedStream(t *testing.T) {
	for _, text := range variants {
		k := parse(t, text)
		for most := range min(30, len(k.Example(dataset.Train, 0).Tokens)) {
			read := 0
			for range k.Stream(dataset.Train, 0) {
				if read++; read > most {
					break
				}
			}
			if read != most+1 {
				t.Errorf("%s: %d items read, want %d", text, read, most+1)
			}
		}
	}
}

// TestBatches checks random access, fresh examples, and fixed sets that are shuffled for each pass.
func TestBatches(t *testing.T) {
	fresh, err := parse(t, "mqar").Batches(3, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, update := range []int{5, 0, 2} {
		got, err := fresh.Batch(update)
		if err != nil || len(got) != 3 || !cmp.Equal(got[1], fresh.task.Example(dataset.Train, uint64(3*update+1)).TrainDocument) {
			t.Errorf("update %d: %v, %v", update, got, err)
		}
	}
	k := parse(t, "iid:examples=10")
	fixed, err := k.Batches(4, 0)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for update := range 10 {
		batch, err := fixed.Batch(update)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range batch {
			order = append(order, string(d.Tokens))
		}
	}
	first, second := slices.Sorted(slices.Values(order[:10])), slices.Sorted(slices.Values(order[10:20]))
	if len(slices.Compact(slices.Clone(first))) != 10 || !slices.Equal(first, second) || slices.Equal(order[:10], order[10:20]) {
		t.Error("passes are not permutations of the examples")
	}
}

// TestSeedsDiffer checks that seeds order a fixed set differently, and otherwise give different examples.
func TestSeedsDiffer(t *testing.T) {
	for text, same := range map[string]bool{"iid:examples=10": true, "iid": false} {
		var read [2][]string
		for seed := range read {
			b, err := parse(t, text).Batches(10, uint64(seed))
			if err != nil {
				t.Fatal(err)
			}
			documents, err := b.Batch(0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range documents {
				read[seed] = append(read[seed], string(d.Tokens))
			}
		}
		if slices.Equal(read[0], read[1]) {
			t.Errorf("%s: two seeds give the same batch", text)
		}
		if slices.Sort(read[0]); same != slices.Equal(read[0], slices.Sorted(slices.Values(read[1]))) {
			t.Errorf("%s: seeds have the same examples: %v, want %v", text, !same, same)
		}
	}
}

func TestBatchErrors(t *testing.T) {
	k := parse(t, "iid:examples=10")
	for _, size := range []int{0, -1, 11} {
		if _, err := k.Batches(size, 0); err == nil {
			t.Errorf("a batch of %d", size)
		}
	}
	b, err := k.Batches(10, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Batch(-1); err == nil {
		t.Error("there is an update -1")
	}
}

// TestGolden pins examples, which stored results depend on.
func TestGolden(t *testing.T) {
	e := parse(t, "mqar:vocab=16,length=12,pairs=2").Example(dataset.Train, 0)
	want := Example{
		TrainDocument: lm.TrainDocument{
			Tokens:  []int32{3, 12, 2, 15, 0, 0, 3, 0, 2, 0, 0, 0},
			Targets: []int32{-1, -1, -1, -1, -1, -1, 12, -1, 15, -1, -1, -1},
		},
		Answers: []int{6, 8},
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("example (-want +got):\n%s", diff)
	}
}

func TestScore(t *testing.T) {
	k := parse(t, "mqar:vocab=512,pairs=4")
	var s Score
	for i := range uint64(10) {
		e := k.Example(dataset.Test, i)
		best := make([]int32, 4)
		for j, at := range e.Answers[:3] {
			best[j] = e.Targets[at]
		}
		if err := s.Add(k, e, best); err != nil {
			t.Fatal(err)
		}
	}
	// Three of four answers; a guesser has one of four; an example holds 4 values of 8 bits.
	for name, c := range map[string][2]float64{
		"accuracy": {s.Accuracy(), 0.75}, "floor": {s.Floor(), 0.25}, "corrected": {s.Corrected(), 2.0 / 3}, "bits": {s.BitsRecalled(), 32 * 2.0 / 3},
	} {
		if math.Abs(c[0]-c[1]) > 1e-12 {
			t.Errorf("%s is %v, want %v", name, c[0], c[1])
		}
	}
	if s.Add(k, k.Example(dataset.Test, 0), nil) == nil {
		t.Error("no error for missing predictions")
	}
	var none Score
	if !math.IsNaN(none.Accuracy()) || !math.IsNaN(none.BitsRecalled()) {
		t.Error("no examples have an accuracy")
	}
}

func TestCorrected(t *testing.T) {
	for _, c := range []struct{ accuracy, floor, want float64 }{{0.5, 0.5, 0}, {1, 0.5, 1}, {0, 0.5, -1}, {0.6, 0.2, 0.5}} {
		if got := Corrected(c.accuracy, c.floor); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v above %v is %v, want %v", c.accuracy, c.floor, got, c.want)
		}
	}
}

func TestEffectiveLength(t *testing.T) {
	points := []AtLength{{1024, 0.9}, {256, 1}, {512, 0.85}, {4096, 0.95}, {2048, 0.8}}
	for bar, want := range map[float64]int{0.85: 1024, 0.9: 256, 0.1: 4096, 1.1: 0} {
		if got := EffectiveLength(points, bar); got != want {
			t.Errorf("bar %v: %d, want %d", bar, got, want)
		}
	}
	if EffectiveLength([]AtLength{{8, math.NaN()}}, 0) != 0 {
		t.Error("what was not measured counts")
	}
}

func TestCheckEntropy(t *testing.T) {
	k := parse(t, "iid:vocab=256")
	if k.CheckEntropy(math.Log(256)-0.019) != nil || k.CheckEntropy(math.Log(256)-0.021) == nil || parse(t, "mqar").CheckEntropy(0) != nil {
		t.Error("wrong bounds")
	}
}
