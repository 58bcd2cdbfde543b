package task

import (
	"iter"
	"math"
	"math/rand/v2"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// iidKind is uniform random tokens, each to be predicted from those before it. A model can memorise the training examples,
// and how many bits it takes says how much its weights hold. Of unseen examples it can know nothing: a loss below ln V
// there proves that the model, or the measurement, sees what it predicts.
var iidKind = &Kind{
	Name:      "iid",
	Summary:   "independent uniform tokens: the next one",
	Separates: "how much weights memorise; on unseen examples an honest loss is at least ln V - 0.02 nats",
	Source:    "the floor of independent, identically distributed tokens",
	Guess:     "1/vocab: any token",
	Axes: append([]Axis{
		whole("vocab", 256, 2, 1<<24, "V: tokens"),
		whole("length", 128, 1, mostStreamed, "tokens"),
	}, common(1000, 1000, lossAnswers)...),
	define: func(s settings) (definition, error) {
		vocab, length := s.whole("vocab"), s.whole("length")
		return definition{
			vocab: vocab, longest: always(length), floor: oneIn(vocab), entropy: math.Log(float64(vocab)),
			items: func(r *rand.Rand, _ dataset.Split) iter.Seq[Item] { return iid(r, vocab, length) },
		}, nil
	},
}

func iid(r *rand.Rand, vocab, length int) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		token := int32(r.IntN(vocab))
		for range length {
			next := int32(r.IntN(vocab))
			if !yield(Item{Token: token, Target: next, Answer: true}) {
				return
			}
			token = next
		}
	}
}
