package task

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// contextRecallKind is in-context recall of MAD.
//
// The first half of the vocabulary without noise are keys, the rest values. An example gives each key a random value. It
// holds length/2-1 pairs of a random key and its value, then one of these keys. Answers are the values of keys that occurred
// before. noise is the chance that a pair is two random tokens of the noise vocabulary instead, which
// follows the values; one pair is never noise. Training targets are all next tokens.
var contextRecallKind = contextRecall("context-recall", whole("vocab", 16, 4, 1<<15, "keys and values"),
	whole("noise-vocab", 0, 0, 1<<14, "tokens of vocab that are noise"), share("noise", 0, "share of pairs that are noise"))

// noisyRecallKind is noisy in-context recall of MAD.
var noisyRecallKind = contextRecall("noisy-recall", whole("vocab", 32, 4, 1<<15, "keys, values and noise"),
	whole("noise-vocab", 16, 0, 1<<14, "tokens of vocab that are noise"), share("noise", 0.2, "share of pairs that are noise"))

func contextRecall(name string, vocab, noiseVocab, noise Axis) *Kind {
	return &Kind{
		Name:      name,
		Summary:   "pairs of a key and its value in random order: the value of each key that occurred before",
		Separates: "memory by content that is asked for all the time; noisy-recall has pairs to ignore",
		Source:    "MAD, arXiv 2403.17844; athms/mad-lab",
		Guess:     "1/values: any value",
		Axes: append([]Axis{
			vocab, whole("length", 128, 4, 1<<20, "tokens, with the last value, which is only predicted"), noiseVocab, noise,
		}, common(12800, 1280, lossAll, lossAnswers)...),
		define: defineContextRecall,
	}
}

// recall are the settings of in-context recall.
type recall struct {
	pairs, keys, values, noiseVocab int
	noise                           float64
}

func defineContextRecall(s settings) (definition, error) {
	plain := s.whole("vocab") - s.whole("noise-vocab")
	c := recall{s.whole("length") / 2, plain / 2, plain - plain/2, s.whole("noise-vocab"), s.decimal("noise")}
	switch {
	case plain < 3:
		return definition{}, fmt.Errorf("a vocab of %d with %d for noise leaves no keys with two values: raise vocab", s.whole("vocab"), c.noiseVocab)
	case c.noise > 0 && c.noiseVocab == 0:
		return definition{}, fmt.Errorf("noise is %v but noise-vocab is 0: raise noise-vocab", c.noise)
	case s.whole("length")%2 != 0:
		return definition{}, fmt.Errorf("length is %d, want an even number", s.whole("length"))
	}
	return definition{
		vocab: s.whole("vocab"), longest: always(2*c.pairs - 1), items: c.items, floor: oneIn(c.values),
		bits: func(e Example) float64 { return bitsOf(different(e), c.values) },
	}, nil
}

func (c recall) items(r *rand.Rand, _ dataset.Split) iter.Seq[Item] {
	var s script
	values := map[int32]int32{}
	var present []int32
	spared := r.IntN(c.pairs - 1)
	for i := range c.pairs - 1 {
		if i != spared && r.Float64() < c.noise {
			s.tell(c.noiseToken(r), c.noiseToken(r))
			continue
		}
		key := int32(r.IntN(c.keys))
		value, ok := values[key]
		if ok {
			s.ask(key, value)
		} else {
			value = int32(c.keys + r.IntN(c.values))
			values[key], present = value, append(present, key)
			s.tell(key)
		}
		s.tell(value)
	}
	key := present[r.IntN(len(present))]
	s.ask(key, values[key])
	return slices.Values(s)
}

func (c recall) noiseToken(r *rand.Rand) int32 {
	return int32(c.keys + c.values + r.IntN(c.noiseVocab))
}

// different counts the different tokens that answers are asked at: the pairs that an example makes a model keep.
func different(e Example) int {
	asked := map[int32]bool{}
	for _, i := range e.Answers {
		asked[e.Tokens[i]] = true
	}
	return len(asked)
}
