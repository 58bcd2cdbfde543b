package task

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// guesser answers all questions of an example without doing the task.
type guesser func(r *rand.Rand, k *Task, e Example) []int32

// guessers are the best ones that know no more than [Kind.Guess] says.
var guessers = map[string]guesser{
	"h3-induction":        anyOf(func(k *Task) (int, int) { return 1, k.Vocab() - 1 }),
	"h3-recall":           anyOf(func(k *Task) (int, int) { return 1 + (k.Vocab()-2)/2, k.Vocab() - 1 }),
	"induction":           anyOf(func(k *Task) (int, int) { return 0, k.Vocab() - 1 }),
	"parity":              anyOf(func(*Task) (int, int) { return 1, 3 }),
	"prefix-parity":       anyOf(func(*Task) (int, int) { return 0, 2 }),
	"group":               anyOf(func(k *Task) (int, int) { return 0, k.Vocab() }),
	"mqar":                storedValue,
	"recall-law":          storedValue,
	"context-recall":      anyOf(plainValue),
	"noisy-recall":        anyOf(plainValue),
	"selective-copying":   anyOf(func(k *Task) (int, int) { return 0, k.Vocab() - 2 }),
	"compression":         anyOf(func(k *Task) (int, int) { return 0, k.Vocab() - 1 }),
	"memorisation":        valueInUse,
	"needle":              needleGuess,
	"iid":                 anyOf(func(k *Task) (int, int) { return 0, k.Vocab() }),
	"fuzzy-recall":        fuzzyGuess,
	"arithmetic":          constantGuess(5), // 0 is the most frequent value of every length
	"arithmetic-brackets": constantGuess(0),
}

// anyOf guesses an answer from lo to hi-1.
func anyOf(bounds func(*Task) (lo, hi int)) guesser {
	return func(r *rand.Rand, k *Task, e Example) (all []int32) {
		lo, hi := bounds(k)
		for range e.Answers {
			all = append(all, int32(between(r, lo, hi-1)))
		}
		return all
	}
}

func plainValue(k *Task) (lo, hi int) {
	plain := k.Vocab() - k.settings.whole("noise-vocab")
	return plain / 2, plain
}

// storedValue guesses a value that the example holds.
func storedValue(r *rand.Rand, _ *Task, e Example) (all []int32) {
	for range e.Answers {
		all = append(all, e.Tokens[1+2*r.IntN(len(e.Answers))])
	}
	return all
}

// valueInUse guesses a value that some key has.
func valueInUse(r *rand.Rand, k *Task, e Example) (all []int32) {
	for range e.Answers {
		other := k.Example(dataset.Valid, r.Uint64()>>1)
		all = append(all, other.Targets[other.Answers[0]])
	}
	return all
}

// needleGuess guesses a value that the example holds, or any value if it holds one alone.
func needleGuess(r *rand.Rand, k *Task, e Example) []int32 {
	first := int32(k.Vocab() - k.settings.whole("values"))
	values := slices.DeleteFunc(slices.Clone(e.Tokens), func(t int32) bool { return t < first })
	if len(values) == 1 {
		return []int32{first + int32(r.IntN(k.Vocab()-int(first)))}
	}
	return []int32{values[r.IntN(len(values))]}
}

// fuzzyGuess guesses a token that the value does not have yet.
func fuzzyGuess(r *rand.Rand, k *Task, e Example) (all []int32) {
	keys := int32(k.Vocab()-1) / 2
	for _, at := range e.Answers {
		begun := e.Tokens[:at+1]
		for len(begun) > 0 && begun[len(begun)-1] >= keys {
			begun = begun[:len(begun)-1]
		}
		guess := int32(-1)
		for guess < 0 || slices.Contains(e.Tokens[len(begun):at+1], guess) {
			guess = keys + int32(r.IntN(k.Vocab()-1-int(keys)))
		}
		all = append(all, guess)
	}
	return all
}

func constantGuess(answer int32) guesser {
	return func(_ *rand.Rand, _ *Task, e Example) []int32 { return slices.Repeat([]int32{answer}, len(e.Answers)) }
}

// TestFloors lets the guessers play. Their share of right answers must be the floor, to four standard errors, which are
// taken between examples because the answers of one example depend on each other.
func TestFloors(t *testing.T) {
	for _, text := range variants {
		k := parse(t, text)
		r := rand.New(rand.NewPCG(1, 2))
		for _, split := range []dataset.Split{dataset.Train, dataset.Test} {
			var score Score
			var sum, square float64
			const n = 600
			for i := range uint64(n) {
				e, one := k.Example(split, i), Score{}
				best := guessers[k.Kind().Name](r, k, e)
				for _, s := range []*Score{&one, &score} {
					if err := s.Add(k, e, best); err != nil {
						t.Fatal(err)
					}
				}
				d := float64(one.Right) - k.Floor(e)*float64(one.Answers)
				sum, square = sum+d, square+d*d
			}
			if four := 4 * math.Sqrt(square); math.Abs(sum) > four+1e-9 {
				t.Errorf("%s, %s: a guesser has %.4f right, the floor is %.4f", text, split, score.Accuracy(), score.Floor())
			}
		}
	}
}

// TestMostFrequent checks the shares, named in [Kind.Guess], of guessers that count what an example holds without looking
// at the question.
func TestMostFrequent(t *testing.T) {
	for text, want := range map[string]float64{"h3-recall": 0.54, "h3-induction": 0.15, "induction": 0.09, "induction:length=64": 0.12} {
		k, right := parse(t, text), 0
		const n = 3000
		for i := range uint64(n) {
			e := k.Example(dataset.Train, i)
			held := map[int32]int32{} // by key, or by place
			for j, token := range e.Tokens[:len(e.Tokens)-2] {
				switch {
				case text != "h3-recall":
					held[int32(j)] = token
				case j%2 == 1:
					held[e.Tokens[j-1]] = token
				}
			}
			counts := make([]int, k.Vocab())
			for _, token := range held {
				counts[token]++
			}
			if text != "h3-recall" {
				counts[k.Vocab()-1] = 0 // the marker is no answer
			}
			if int(e.Targets[e.Answers[0]]) == slices.Index(counts, slices.Max(counts)) {
				right++
			}
		}
		if got := float64(right) / n; math.Abs(got-want) > 0.015 {
			t.Errorf("%s: the most frequent is right in %.3f, want %v", text, got, want)
		}
	}
}

// TestAnswersAreUniform checks that no answer is more frequent than the others, which makes any fixed guess as good as
// the floor.
func TestAnswersAreUniform(t *testing.T) {
	for text, first := range map[string]int{
		"h3-induction": 1, "h3-recall": 5, "induction": 0, "parity": 1, "group:group=A5,length=8": 0, "context-recall": 8,
		"selective-copying": 0, "compression": 0, "needle:needles=3": 80, "iid:vocab=16": 0,
	} {
		k := parse(t, text)
		counts := map[int32]int{}
		answers := 0
		for i := range uint64(500) {
			e := k.Example(dataset.Train, i)
			at := e.Answers[len(e.Answers)-1] // one of each example, because the others depend on it
			counts[e.Targets[at]]++
			answers++
		}
		n := int(math.Round(1 / k.Floor(k.Example(dataset.Train, 0))))
		if text == "needle:needles=3" {
			n = 16
		}
		observed, expected := make([]int, n), make([]float64, n)
		for i := range n {
			observed[i], expected[i] = counts[int32(first+i)], 1/float64(n)
		}
		checkDistribution(t, text, observed, expected)
	}
}

// checkDistribution compares counts with chances by a chi-square test. Rare outcomes are pooled.
func checkDistribution(t *testing.T, what string, observed []int, chances []float64) {
	t.Helper()
	n, chi, cells, pooled, pool := 0, 0.0, 0, 0.0, 0
	for _, o := range observed {
		n += o
	}
	add := func(observed int, expected float64) {
		d := float64(observed) - expected
		chi, cells = chi+d*d/expected, cells+1
	}
	for i, p := range chances {
		if expected := p * float64(n); expected >= 5 {
			add(observed[i], expected)
			continue
		}
		pool, pooled = pool+observed[i], pooled+p*float64(n)
	}
	if pooled > 0 {
		add(pool, pooled)
	}
	if p := (distuv.ChiSquared{K: float64(cells - 1)}).Survival(chi); n == 0 || !(p > 1e-4) {
		t.Errorf("%s: chi-square %.1f of %d cells from %d examples, p %.2g", what, chi, cells, n, p)
	}
}

// uniform are n equal chances.
func uniform(n int) []float64 { return slices.Repeat([]float64{1 / float64(n)}, n) }

// TestLengths checks the lengths of examples that have random ones.
func TestLengths(t *testing.T) {
	for _, c := range []struct {
		text        string
		split       dataset.Split
		first, step int // of the numbers of tokens
		chances     []float64
	}{
		{"parity", dataset.Train, 2, 1, uniform(38)},
		{"parity", dataset.Valid, 2, 1, uniform(38)},
		{"parity", dataset.Test, 39, 1, uniform(217)},
		{"arithmetic", dataset.Train, 2, 2, uniform(19)},
		{"arithmetic", dataset.Test, 38, 2, uniform(109)},
		// Lengths 3 to 5 give the shortest expression.
		{"arithmetic-brackets", dataset.Train, 3, 1, append([]float64{3.0 / 38}, slices.Repeat([]float64{1.0 / 38}, 35)...)},
		{"arithmetic-brackets", dataset.Test, 38, 1, uniform(217)},
	} {
		k, observed := parse(t, c.text), make([]int, len(c.chances))
		for i := range uint64(4000) {
			at := len(k.Example(c.split, i).Tokens) - c.first
			if at < 0 || at%c.step != 0 || at/c.step >= len(observed) {
				t.Fatalf("%s, %s: %d tokens", c.text, c.split, at+c.first)
			}
			observed[at/c.step]++
		}
		checkDistribution(t, c.text+", "+c.split.String(), observed, c.chances)
	}
}

// TestGaps checks where the first two keys of MQAR are asked: the first slot has a chance in proportion to j^(gap-1), the
// second the same among the others.
func TestGaps(t *testing.T) {
	for _, text := range []string{"mqar:vocab=64", "mqar:vocab=64,gap=1,filler=random", "mqar:vocab=64,gap=0.5,pairs=2,length=20"} {
		k := parse(t, text)
		gap, n := k.settings.decimal("gap"), k.settings.whole("pairs")
		slots := (k.settings.whole("length") - 2*n) / 2
		weights, total := make([]float64, slots), 0.0
		for j := range weights {
			weights[j] = math.Pow(float64(j+1), gap-1)
			total += weights[j]
		}
		second := make([]float64, slots)
		for i, w := range weights {
			weights[i] = w / total
		}
		for i, p := range weights {
			for j, q := range weights {
				if i != j {
					second[j] += p * q / (1 - p)
				}
			}
		}
		observed := [2][]int{make([]int, slots), make([]int, slots)}
		for i := range uint64(4000) {
			e := k.Example(dataset.Train, i)
			for _, at := range e.Answers {
				if pair := slices.Index(e.Tokens[:2*n], e.Tokens[at]); pair < 4 {
					observed[pair/2][(at-2*n)/2]++
				}
			}
		}
		checkDistribution(t, text+", first", observed[0], weights)
		checkDistribution(t, text+", second", observed[1], second)
	}
}

// TestPlaces checks where markers, symbols and needles stand.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		text    string
		place   func(k *Task, e Example) int
		chances []float64
	}{
		{"induction:length=30", marker, uniform(28)},
		{"h3-induction", marker, uniform(28)},
		{"needle:length=33,needles=1", func(_ *Task, e Example) int { return slices.Index(e.Tokens, e.Tokens[len(e.Tokens)-1]) }, uniform(31)},
		{"selective-copying:placement=uniform,count=1,length=20", firstSymbol, uniform(18)},
		// Each of 19 blanks stands before the first of two symbols with chance 1/2.
		{"selective-copying:count=2,length=24", firstSymbol, binomial(19, 0.5)},
		{"selective-copying:count=2,length=24,placement=uniform", firstSymbol, firstOfTwo(21)},
	} {
		k, observed := parse(t, c.text), make([]int, len(c.chances))
		for i := range uint64(4000) {
			observed[c.place(k, k.Example(dataset.Train, i))]++
		}
		checkDistribution(t, c.text, observed, c.chances)
	}
}

func marker(k *Task, e Example) int { return slices.Index(e.Tokens, int32(k.Vocab()-1)) }

func firstSymbol(k *Task, e Example) int {
	return slices.IndexFunc(e.Tokens, func(t int32) bool { return int(t) < k.Vocab()-2 })
}

// binomial are the chances of 0 to n successes.
func binomial(n int, p float64) (chances []float64) {
	for i := range n + 1 {
		chances = append(chances, distuv.Binomial{N: float64(n), P: p}.Prob(float64(i)))
	}
	return chances
}

// firstOfTwo are the chances of the smaller of two of n places.
func firstOfTwo(n int) (chances []float64) {
	for i := range n {
		chances = append(chances, float64(n-1-i)/float64(n*(n-1)/2))
	}
	return chances
}

// TestMixedPairs checks that each number of pairs is as frequent as the others, and what noise does.
func TestMixedPairs(t *testing.T) {
	k := parse(t, "mqar:vocab=512,length=128,pairs=4+8+16")
	counts := map[int]int{}
	noise, tokens := 0, 0
	noisy := parse(t, "noisy-recall")
	for i := range uint64(3000) {
		counts[len(k.Example(dataset.Train, i).Answers)]++
		e := noisy.Example(dataset.Train, i)
		for _, id := range e.Tokens {
			if tokens++; id >= 16 {
				noise++
			}
		}
	}
	checkDistribution(t, "pairs", []int{counts[4], counts[8], counts[16]}, uniform(3))
	// 63 pairs, of which one is spared, and the question.
	if share, want := float64(noise)/float64(tokens), 0.2*62*2/127; math.Abs(share-want) > 0.003 {
		t.Errorf("share of noise %.4f, want %.4f", share, want)
	}
}

// TestArithmeticFloors compares the chances with those of all expressions of a few numbers.
func TestArithmeticFloors(t *testing.T) {
	for m := 2; m <= 5; m++ {
		floors := sumFloors(m)
		for numbers := 1; numbers <= 4; numbers++ {
			counts, all := make([]int, m), 0
			enumerate(m, numbers, func(value int) { counts[value], all = counts[value]+1, all+1 })
			if got, want := floors(numbers), float64(slices.Max(counts))/float64(all); math.Abs(got-want) > 1e-12 {
				t.Errorf("modulus %d, %d numbers: floor %v, want %v", m, numbers, got, want)
			}
		}
	}
	if f := sumFloors(5)(100); math.Abs(f-0.2) > 0.002 {
		t.Errorf("the floor of long examples is %v", f)
	}
}

// enumerate calls do with the value of every expression: terms, signs and factors in all ways.
func enumerate(m, numbers int, do func(value int)) {
	var extend func(left int, terms []int)
	extend = func(left int, terms []int) {
		if left == 0 {
			sum := 0
			for _, t := range terms {
				sum += t
			}
			do(((sum % m) + m*m) % m)
			return
		}
		for n := range m {
			extend(left-1, append(slices.Clone(terms), n))
			extend(left-1, append(slices.Clone(terms), -n))
			product := slices.Clone(terms)
			product[len(product)-1] *= n
			extend(left-1, product)
		}
	}
	for n := range m {
		extend(numbers-1, []int{n})
	}
}

// TestOnePair checks that one pair leaves something to learn: its value is in the example, but a guess at random is not it.
func TestOnePair(t *testing.T) {
	for text, want := range map[string]float64{"mqar:pairs=1,vocab=64": 1.0 / 32, "mqar:pairs=2,vocab=64": 0.5, "needle": 1.0 / 16, "memorisation:vocab=5": 0.5, "context-recall:vocab=4": 0.5} {
		k := parse(t, text)
		e := k.Example(dataset.Valid, 0)
		if got := k.Floor(e); got != want {
			t.Errorf("%s: floor %g, want %g", text, got, want)
		}
		s := Score{}
		var right []int32
		for _, i := range e.Answers {
			right = append(right, e.Targets[i])
		}
		if err := s.Add(k, e, right); err != nil || s.Corrected() != 1 {
			t.Errorf("%s: all right is %g above chance, %v", text, s.Corrected(), err)
		}
	}
}
