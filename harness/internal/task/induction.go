package task

import (
	"fmt"
	"iter"
	"math/rand/v2"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// mostStreamed bounds the length of examples that are generated token by token.
const mostStreamed = 1 << 30

// inductionKind is the induction head of the Mamba paper.
//
// A marker [S] stands at a random place of a sequence of random symbols and once more at its end; the answer is the symbol
// after the first. The paper does not say where the loss is taken, which decides the result, so both places are offered.
// Known repeats had the marker at place 5, which is easier than a random one.
var inductionKind = &Kind{
	Name:      "induction",
	Summary:   "random symbols with one [S] among them, then [S]: which symbol followed the first one? Test at greater lengths",
	Separates: "keeping one item over any distance; in the source attention fails beyond its trained length",
	Source:    "Mamba, arXiv 2312.00752, table 11; state-spaces/mamba#61, #62 and #298",
	Guess:     "1/symbols: any symbol; the most frequent one of the example is right in 0.09, at length 64 in 0.12",
	Axes: append([]Axis{
		whole("symbols", 16, 2, 1<<24, "besides the marker, whose id is last"),
		whole("length", 256, 3, mostStreamed, "tokens"),
		whole("place", 0, 0, mostStreamed, "of the first marker").or("random"),
	}, common(0, 1000, lossAnswers, lossAll)...),
	define: func(s settings) (definition, error) {
		symbols, length, place := s.whole("symbols"), s.whole("length"), -1
		if s["place"] != "random" {
			place = s.whole("place")
		}
		if place > length-3 {
			return definition{}, fmt.Errorf("the marker at place %d leaves no room in %d tokens: lower place, or raise length", place, length)
		}
		return definition{
			vocab: symbols + 1, longest: always(length), floor: oneIn(symbols),
			items: func(r *rand.Rand, _ dataset.Split) iter.Seq[Item] { return induction(r, symbols, length, place) },
			bits:  func(Example) float64 { return bitsOf(1, symbols) },
		}, nil
	},
}

// induction yields an example; a negative place is drawn.
func induction(r *rand.Rand, symbols, length, place int) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		if place < 0 {
			place = r.IntN(length - 2)
		}
		marker, answer := int32(symbols), int32(0)
		for i := range length - 1 {
			token := int32(r.IntN(symbols))
			switch i {
			case place:
				token = marker
			case place + 1:
				answer = token
			}
			if !yield(Item{Token: token, Target: -1}) {
				return
			}
		}
		yield(Item{Token: marker, Target: answer, Answer: true})
	}
}
