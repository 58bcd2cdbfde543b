package task

import (
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// compressionKind is MAD's compression for language models.
//
// length-1 random symbols are followed by the compression token, the last id. MAD has a network that decodes all symbols
// from the state at that token and their positions. A language model has no such decoder. Here the token is repeated instead, and
// the model predicts the symbols in order. What a model carries is then its own state, which attention does not compress.
var compressionKind = &Kind{
	Name:      "compression",
	Summary:   "random symbols, then the compression token as many times: the symbols in order",
	Separates: "how much a state holds when nothing may be ignored",
	Source:    "after MAD, arXiv 2403.17844; athms/mad-lab",
	Guess:     "1/symbols: any symbol",
	Axes: append([]Axis{
		whole("symbols", 15, 2, 1<<24, "besides the compression token"),
		whole("length", 32, 2, 1<<20, "symbols and one compression token"),
	}, common(12800, 1280, lossAnswers)...),
	define: func(s settings) (definition, error) {
		symbols, n := s.whole("symbols"), s.whole("length")-1
		return definition{
			vocab: symbols + 1, longest: always(2 * n), floor: oneIn(symbols),
			items: func(r *rand.Rand, _ dataset.Split) iter.Seq[Item] { return compression(r, symbols, n) },
			bits:  func(Example) float64 { return bitsOf(n, symbols) },
		}, nil
	},
}

// compression yields n symbols and their repetition.
func compression(r *rand.Rand, symbols, n int) iter.Seq[Item] {
	var s script
	for range n {
		s.tell(int32(r.IntN(symbols)))
	}
	for i := range n {
		s.ask(int32(symbols), s[i].Token)
	}
	return slices.Values(s)
}
