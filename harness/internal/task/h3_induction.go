package task

import (
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// h3InductionKind is the induction head of the H3 paper.
//
// The vocabulary is that of its code, whose ids are the ranks of the symbols' names: . is 0, then come the vocab-2 symbols,
// and => is last. length random symbols are followed by =>; a place p is drawn from 0 to length-3 and overwritten with =>;
// the symbol at p+1 is the answer to the last =>. No example occurs twice, on one side or on two. They are drawn as the
// paper's, whose sides may overlap, but not by numpy's default_rng(0).
var h3InductionKind = &Kind{
	Name:      "h3-induction",
	Summary:   "random symbols with one => among them, then =>: which symbol followed the first one?",
	Separates: "looking up by content; in the source fixed convolutions (S4D) do not learn it",
	Source:    "H3, arXiv 2212.14052, table 2; HazyResearch/safari",
	Guess:     "1/(vocab-2): any symbol; the most frequent one of the example is right in 0.15",
	Axes: append([]Axis{
		whole("vocab", 20, 4, 4096, "symbols, with . and =>"),
		whole("length", 30, 3, 4096, "symbols before the last =>"),
	}, common(5000, 500, lossAll, lossAnswers)...),
	define: func(s settings) (definition, error) {
		symbols, length := s.whole("vocab")-2, s.whole("length")
		return definition{
			vocab: symbols + 2, longest: always(length + 1), floor: oneIn(symbols), unique: true,
			items: func(r *rand.Rand, _ dataset.Split) iter.Seq[Item] { return h3Induction(r, symbols, length) },
		}, nil
	},
}

func h3Induction(r *rand.Rand, symbols, length int) iter.Seq[Item] {
	arrow := int32(symbols + 1)
	var s script
	for range length {
		s.tell(int32(between(r, 1, symbols)))
	}
	place := r.IntN(length - 2)
	s[place].Token = arrow
	s.ask(arrow, s[place+1].Token)
	return slices.Values(s)
}
