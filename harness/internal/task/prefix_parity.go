package task

import (
	"iter"
	"math/rand/v2"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// prefixParityKind asks for the parity of every prefix, which gives a gradient at every token.
var prefixParityKind = &Kind{
	Name:      "prefix-parity",
	Summary:   "bits 0 and 1: the parity of all bits so far, at every bit",
	Separates: "state tracking, as parity, but learnable from every token",
	Source:    "parity; a comparison of ResNet-BK's causal forms",
	Guess:     "1/2",
	Axes: append([]Axis{
		whole("length", 64, 1, mostStreamed, "bits"),
	}, common(0, 1000, lossAnswers)...),
	define: func(s settings) (definition, error) {
		length := s.whole("length")
		return definition{
			vocab: 2, longest: always(length), floor: oneIn(2),
			items: func(r *rand.Rand, _ dataset.Split) iter.Seq[Item] { return prefixParity(r, length) },
		}, nil
	},
}

func prefixParity(r *rand.Rand, length int) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		odd := int32(0)
		for range length {
			bit := int32(r.IntN(2))
			odd ^= bit
			if !yield(Item{Token: bit, Target: odd, Answer: true}) {
				return
			}
		}
	}
}
