package task

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// parityKind is parity as in the xLSTM and state-tracking papers.
//
// The length L, drawn from the range of the side, counts the answer. L-1 random tokens 1 or 2 are read; the answer, 1 plus
// the number of 2s modulo 2, is predicted from the last. Nothing marks the end, so a causal model must know the parity of
// every prefix. Token 0, the papers' padding, does not occur: examples have their own lengths.
var parityKind = &Kind{
	Name:      "parity",
	Summary:   "tokens 1 and 2 up to a random length: is the number of 2s odd? Tested on longer examples",
	Separates: "state tracking: states with sign or phase learn it, in the source attention and positive decays do not",
	Source:    "arXiv 2411.12537, tables 3 and 5; arXiv 2405.04517; automl/unlocking_state_tracking",
	Guess:     "1/2",
	Axes:      append(lengthAxes(), common(0, 8192, lossAnswers)...),
	define: func(s settings) (definition, error) {
		lengths, err := lengthsOf(s, 2)
		return definition{
			vocab: 3, longest: lengths.tokens, floor: oneIn(2),
			items: func(r *rand.Rand, split dataset.Split) iter.Seq[Item] { return parity(r, lengths.draw(r, split)) },
		}, err
	},
}

// parity yields an example of length-1 tokens.
func parity(r *rand.Rand, length int) iter.Seq[Item] {
	var s script
	odd := 0
	for range length - 1 {
		bit := r.IntN(2)
		odd ^= bit
		s.tell(int32(1 + bit))
	}
	last := &s[len(s)-1]
	last.Target, last.Answer = int32(1+odd), true
	return slices.Values(s)
}

// lengths are the ranges that the lengths of examples are drawn from.
type lengths [dataset.Splits]struct{ lo, hi int }

// mostDrawn bounds the lengths.
const mostDrawn = 1024

// lengthAxes are the ranges of lengths of parity and arithmetic.
func lengthAxes() []Axis {
	return []Axis{
		whole("shortest", 3, 2, mostDrawn, "length in training and validation, with the answer"),
		whole("longest", 40, 2, mostDrawn, "length in training and validation"),
		whole("test-shortest", 40, 2, mostDrawn, "length in the test"),
		whole("test-longest", 256, 2, mostDrawn, "length in the test"),
	}
}

// lengthsOf returns the ranges, of lengths of at least least.
func lengthsOf(s settings, least int) (l lengths, err error) {
	for split, prefix := range [...]string{"", "", "test-"} {
		l[split].lo, l[split].hi = s.whole(prefix+"shortest"), s.whole(prefix+"longest")
		switch {
		case l[split].lo > l[split].hi:
			return l, fmt.Errorf("%sshortest is %d, above %slongest, which is %d", prefix, l[split].lo, prefix, l[split].hi)
		case l[split].lo < least:
			return l, fmt.Errorf("%sshortest is %d, want at least %d", prefix, l[split].lo, least)
		}
	}
	return l, nil
}

// draw returns a length of a split.
func (l lengths) draw(r *rand.Rand, split dataset.Split) int {
	return between(r, l[split].lo, l[split].hi)
}

// tokens is the largest number of tokens without the answer.
func (l lengths) tokens(split dataset.Split) int { return l[split].hi - 1 }
