package task

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// needleKind hides pairs of a key and a value, the needles, in random filler and asks for one.
//
// Ids are the filler, then the keys, then the values. Needles have different keys and different values. The one that is
// asked for has depth times the filler in front of it; the others stand at random places. The last token is its key. A model
// is summed up by the longest length at which it still answers ([EffectiveLength]).
var needleKind = &Kind{
	Name:      "needle",
	Summary:   "pairs of a key and a value hidden in filler, one at a given depth, then its key: its value?",
	Separates: "how far back, and from which place, a model recalls, also at lengths that it was not trained on",
	Source:    "after the needle tests of RULER, arXiv 2404.06654",
	Guess:     "1/needles: any value that the example holds; 1/values with one needle",
	Axes: append([]Axis{
		whole("length", 256, 3, mostStreamed, "tokens"),
		share("depth", 0, "share of the filler before the needle").or("random"),
		whole("needles", 1, 1, 1<<16, "pairs, of which one is asked for"),
		whole("filler", 64, 1, 1<<24, "tokens of the filler"),
		whole("keys", 16, 1, 1<<24, "tokens that are keys"),
		whole("values", 16, 2, 1<<24, "tokens that are values"),
	}, common(0, 1000, lossAnswers, lossAll)...),
	define: func(s settings) (definition, error) {
		n := hidden{s.whole("length"), -1, s.whole("needles"), s.whole("filler"), s.whole("keys"), s.whole("values")}
		if s["depth"] != "random" {
			n.depth = s.decimal("depth")
		}
		switch {
		case n.length < 2*n.needles+1:
			return definition{}, fmt.Errorf("%d needles and the question need %d tokens, length is %d: lower needles, or raise length", n.needles, 2*n.needles+1, n.length)
		case n.needles > min(n.keys, n.values):
			return definition{}, fmt.Errorf("%d needles need as many keys and values, there are %d and %d", n.needles, n.keys, n.values)
		}
		guesses := n.values
		if n.needles > 1 {
			guesses = n.needles
		}
		return definition{
			vocab: n.filler + n.keys + n.values, longest: always(n.length), items: n.items, floor: oneIn(guesses),
			bits: func(Example) float64 { return bitsOf(n.needles, n.values) },
		}, nil
	},
}

// hidden are the settings of needles.
type hidden struct {
	length               int
	depth                float64 // negative: random
	needles              int
	filler, keys, values int // numbers of tokens
}

// pair is a needle.
type pair struct {
	before     int // tokens of filler in front of it
	key, value int32
}

func (n hidden) items(r *rand.Rand, _ dataset.Split) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		pairs := n.pairs(r)
		asked := pairs[0]
		slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(a.before, b.before) })
		for i := range n.room() + 1 {
			for ; len(pairs) > 0 && pairs[0].before == i; pairs = pairs[1:] {
				if !yield(Item{Token: pairs[0].key, Target: -1}) || !yield(Item{Token: pairs[0].value, Target: -1}) {
					return
				}
			}
			if i < n.room() && !yield(Item{Token: int32(r.IntN(n.filler)), Target: -1}) {
				return
			}
		}
		yield(Item{Token: asked.key, Target: asked.value, Answer: true})
	}
}

// room is the number of tokens of filler.
func (n hidden) room() int { return n.length - 2*n.needles - 1 }

// pairs draws the needles; the first is asked for.
func (n hidden) pairs(r *rand.Rand) []pair {
	pairs := make([]pair, n.needles)
	keys, values := distinct(r, n.keys, n.needles), distinct(r, n.values, n.needles)
	for i := range pairs {
		pairs[i] = pair{r.IntN(n.room() + 1), int32(n.filler + keys[i]), int32(n.filler + n.keys + values[i])}
	}
	if n.depth >= 0 {
		pairs[0].before = int(math.Round(n.depth * float64(n.room())))
	}
	return pairs
}
