package task

import (
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// h3RecallKind is associative recall of the H3 paper, with the vocabulary of [h3InductionKind].
//
// The first half of the symbols are keys, the rest values. Each example maps every key to a random value. It holds
// length/2 pairs of a random key and its value, then => and one of these keys. The defaults are the variant that the published
// figures match; the paper's text has vocab=20,length=40.
var h3RecallKind = &Kind{
	Name:      "h3-recall",
	Summary:   "pairs of a key and its value, then =>, a key: its value?",
	Separates: "memory by content, of a few pairs only",
	Source:    "H3, arXiv 2212.14052, table 2; HazyResearch/safari",
	Guess:     "1/values: any value, as in the source; the value of most keys in the example is right in 0.54",
	Axes: append([]Axis{
		whole("vocab", 10, 4, 4096, "keys and values, with . and =>"),
		whole("length", 20, 2, 4096, "tokens of the pairs"),
	}, common(5000, 500, lossAll, lossAnswers)...),
	define: func(s settings) (definition, error) {
		symbols, pairs := s.whole("vocab")-2, s.whole("length")/2
		return definition{
			vocab: symbols + 2, longest: always(2*pairs + 2), floor: oneIn(symbols - symbols/2), unique: true,
			items: func(r *rand.Rand, _ dataset.Split) iter.Seq[Item] { return h3Recall(r, symbols, pairs) },
		}, nil
	},
}

func h3Recall(r *rand.Rand, symbols, pairs int) iter.Seq[Item] {
	keys := symbols / 2
	values := make([]int32, keys+1) // by key, from 1
	for k := range values {
		values[k] = int32(between(r, keys+1, symbols))
	}
	var s script
	var present []int32
	for range pairs {
		key := int32(between(r, 1, keys))
		s.tell(key, values[key])
		if !slices.Contains(present, key) {
			present = append(present, key)
		}
	}
	key := present[r.IntN(len(present))]
	s.tell(int32(symbols + 1))
	s.ask(key, values[key])
	return slices.Values(s)
}
