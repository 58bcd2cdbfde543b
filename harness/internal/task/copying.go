package task

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// copyingKind is selective copying of MAD.
//
// count random symbols stand in order among blanks; a copy token and count blanks follow, at which the symbols are
// predicted in order. In MAD each blank stands in front of a symbol that it draws, so none follows the last symbol
// (placement mad); with placement uniform all places are alike. The blank follows the symbols, and the copy token is last.
var copyingKind = &Kind{
	Name:      "selective-copying",
	Summary:   "symbols scattered among blanks, then a copy token and blanks: the symbols in order",
	Separates: "choosing what to keep: blanks must leave no trace",
	Source:    "MAD, arXiv 2403.17844; athms/mad-lab; after Mamba, arXiv 2312.00752, table 1",
	Guess:     "1/symbols: any symbol",
	Axes: append([]Axis{
		whole("symbols", 14, 2, 1<<24, "besides the blank and the copy token"),
		whole("length", 256, 3, 1<<20, "tokens"),
		whole("count", 16, 1, 1<<18, "symbols to copy"),
		words("placement", "of the symbols among the blanks", "mad", "uniform"),
	}, common(12800, 1280, lossAnswers)...),
	define: func(s settings) (definition, error) {
		c := copying{s.whole("symbols"), s.whole("length"), s.whole("count"), s["placement"] == "uniform"}
		if c.length < 2*c.count+1 {
			return definition{}, fmt.Errorf("%d symbols need at least %d tokens, length is %d: lower count, or raise length", c.count, 2*c.count+1, c.length)
		}
		return definition{
			vocab: c.symbols + 2, longest: always(c.length), items: c.items, floor: oneIn(c.symbols),
			bits: func(Example) float64 { return bitsOf(c.count, c.symbols) },
		}, nil
	},
}

// copying are the settings of selective copying.
type copying struct {
	symbols, length, count int
	uniform                bool
}

func (c copying) items(r *rand.Rand, _ dataset.Split) iter.Seq[Item] {
	symbols := make([]int32, c.count)
	for i := range symbols {
		symbols[i] = int32(r.IntN(c.symbols))
	}
	blank := int32(c.symbols)
	var s script
	for i, places := range c.places(r) {
		for len(s) < places {
			s.tell(blank)
		}
		s.tell(symbols[i])
	}
	for len(s) < c.length-c.count-1 {
		s.tell(blank)
	}
	s.tell(blank + 1)
	for _, symbol := range symbols {
		s.ask(blank, symbol)
	}
	return slices.Values(s)
}

// places draws the places of the symbols, in order.
func (c copying) places(r *rand.Rand) []int {
	room := c.length - c.count - 1
	if c.uniform {
		places := distinct(r, room, c.count)
		slices.Sort(places)
		return places
	}
	places := make([]int, c.count) // first the number of blanks in front of each symbol
	for range room - c.count {
		places[r.IntN(c.count)]++
	}
	for i := 1; i < c.count; i++ {
		places[i] += places[i-1] + 1
	}
	return places
}
