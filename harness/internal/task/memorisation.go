package task

import (
	"iter"
	"math/rand/v2"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// factStream is the stream of what all examples of a task share; those of splits are below it.
const factStream = dataset.Splits

// memorisationKind is MAD's memorisation: facts that only the weights can hold.
//
// Of vocab-1 tokens the first half are keys, the rest values; the last id is the insert token. The seed gives each key a
// value of its own, the same in all examples. Random keys are each followed by the insert token, at which the value is
// predicted; it is never shown.
var memorisationKind = &Kind{
	Name:      "memorisation",
	Summary:   "a key and the insert token, many times: the value that the key has in all examples",
	Separates: "facts kept in the weights, not in the state",
	Source:    "MAD, arXiv 2403.17844; athms/mad-lab",
	Guess:     "1/keys: any of the values in use",
	Axes: append([]Axis{
		whole("vocab", 256, 5, 1<<20, "keys, values and the insert token"),
		whole("length", 32, 2, mostStreamed, "tokens, two for each key"),
	}, common(256, 1280, lossAnswers)...),
	define: func(s settings) (definition, error) {
		plain, pairs := s.whole("vocab")-1, s.whole("length")/2
		keys := plain / 2
		facts := distinct(dataset.Random(uint64(s.whole("seed")), factStream, 0), plain-keys, keys)
		return definition{
			vocab: plain + 1, longest: always(2 * pairs), floor: oneIn(keys),
			items: func(r *rand.Rand, _ dataset.Split) iter.Seq[Item] { return memorisation(r, facts, plain, pairs) },
		}, nil
	},
}

// memorisation yields random keys; facts has the value of each, counted from the first.
func memorisation(r *rand.Rand, facts []int, insert, pairs int) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		for range pairs {
			key := r.IntN(len(facts))
			asked := Item{Token: int32(insert), Target: int32(len(facts) + facts[key]), Answer: true}
			if !yield(Item{Token: int32(key), Target: -1}) || !yield(asked) {
				return
			}
		}
	}
}
