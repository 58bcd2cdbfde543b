package task

import (
	"iter"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// bracketsKind is modular arithmetic with brackets as in the state-tracking paper.
//
// Ids are the numbers 0 to m-1, then + - * ( ) = [PAD]. The length L, drawn from the range of the side but at least 5,
// counts the answer and one padding: the expression has L-3 tokens. An expression of n tokens is x, -x, (x) or (-x) for n
// up to 4. A longer one is (A+B), (A-B) or (A*B) with equal chances, where A has 1 to n-4 tokens and B the other n-3. The
// value modulo m is predicted from = after the expression.
var bracketsKind = &Kind{
	Name:      "arithmetic-brackets",
	Summary:   "a random expression in brackets, then =: its value modulo m. Tested on longer examples",
	Separates: "state tracking with nesting; 0.26 above chance is the best in the source",
	Source:    "arXiv 2411.12537, table 3; automl/unlocking_state_tracking",
	Guess:     "the most frequent value of examples of that length; the papers use 1/m for all",
	Axes:      append(append(lengthAxes(), modulusAxis), common(0, 8192, lossAnswers)...),
	define: func(s settings) (definition, error) {
		lengths, err := lengthsOf(s, 2)
		for i := range lengths { // in tokens of the expression
			lengths[i].lo, lengths[i].hi = lengths[i].lo-3, max(lengths[i].hi, 5)-3
		}
		b := bracketed{m: s.whole("modulus")}
		floors := b.floors(max(lengths[dataset.Train].hi, lengths[dataset.Test].hi))
		return definition{
			vocab:   b.m + 7,
			longest: func(split dataset.Split) int { return lengths[split].hi + 1 },
			floor:   func(e Example) float64 { return floors(len(e.Tokens) - 1) },
			items: func(r *rand.Rand, split dataset.Split) iter.Seq[Item] {
				return b.items(r, max(2, lengths.draw(r, split)))
			},
		}, err
	},
}

// bracketed generates expressions modulo m. The ids of the other symbols follow the numbers.
type bracketed struct{ m int }

// Symbols, as ids after the numbers; operators come first.
const (
	bracketPlus = iota
	bracketMinus
	bracketTimes
	bracketOpen
	bracketClose
	bracketEquals
)

// items yields an example whose expression has that many tokens.
func (b bracketed) items(r *rand.Rand, length int) iter.Seq[Item] {
	var s script
	value := b.expression(r, &s, length)
	s.ask(b.id(bracketEquals), int32(value))
	return slices.Values(s)
}

func (b bracketed) id(symbol int) int32 { return int32(b.m + symbol) }

// expression writes an expression of that many tokens and returns its value.
func (b bracketed) expression(r *rand.Rand, s *script, length int) int {
	if length < 5 {
		return b.short(r, s, length)
	}
	left, operator := between(r, 1, length-4), r.IntN(3)
	s.tell(b.id(bracketOpen))
	x := b.expression(r, s, left)
	s.tell(b.id(operator))
	y := b.expression(r, s, length-3-left)
	s.tell(b.id(bracketClose))
	return b.apply(operator, x, y)
}

// short writes x, -x, (x) or (-x).
func (b bracketed) short(r *rand.Rand, s *script, length int) int {
	x := r.IntN(b.m)
	if length > 2 {
		s.tell(b.id(bracketOpen))
	}
	if length%2 == 0 {
		s.tell(b.id(bracketMinus))
	}
	s.tell(int32(x))
	if length > 2 {
		s.tell(b.id(bracketClose))
	}
	if length%2 == 0 {
		return (b.m - x) % b.m
	}
	return x
}

func (b bracketed) apply(operator, x, y int) int {
	switch operator {
	case bracketPlus:
		return (x + y) % b.m
	case bracketMinus:
		return (x - y + b.m) % b.m
	}
	return x * y % b.m
}

// floors returns the chance of the most frequent value by the tokens of an expression, up to longest.
func (b bracketed) floors(longest int) func(length int) float64 {
	return remembered(func() func(int) float64 {
		all := make([][]float64, longest+1) // chances of each value
		for n := 1; n <= longest; n++ {
			all[n] = b.values(all, n)
		}
		return func(length int) float64 { return slices.Max(all[length]) }
	})
}

// values returns the chances of the values of expressions of n tokens from those of shorter ones.
func (b bracketed) values(shorter [][]float64, n int) []float64 {
	chances := make([]float64, b.m)
	if n < 5 {
		for x := range chances {
			chances[x] = 1 / float64(b.m)
		}
		return chances
	}
	for left := 1; left <= n-4; left++ {
		for x, p := range shorter[left] {
			for y, q := range shorter[n-3-left] {
				for operator := range 3 {
					chances[b.apply(operator, x, y)] += p * q / float64(3*(n-4))
				}
			}
		}
	}
	return chances
}

// remembered makes a function of a table when it is first called; calls wait for each other, because it may extend the
// table.
func remembered(table func() func(int) float64) func(int) float64 {
	var mu sync.Mutex
	var f func(int) float64
	return func(n int) float64 {
		mu.Lock()
		defer mu.Unlock()
		if f == nil {
			f = table()
		}
		return f(n)
	}
}
