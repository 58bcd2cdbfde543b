package task

import (
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// arithmeticKind is modular arithmetic without brackets as in the xLSTM and state-tracking papers.
//
// The vocabulary is [PAD] + - * = and the numbers 0 to m-1 from id 5. The length counts the answer and is odd: 2k-1 with k
// drawn from (shortest+1)/2 to (longest+1)/2, rounded down. Numbers and operators alternate, all uniform, and = follows. The
// answer, predicted at =, is the value modulo m. Products take precedence over sums and differences.
var arithmeticKind = &Kind{
	Name:      "arithmetic",
	Summary:   "numbers joined by + - *, then =: the value modulo m, with the usual precedence. Tested on longer examples",
	Separates: "state tracking with a product inside a sum",
	Source:    "arXiv 2411.12537, table 3; arXiv 2405.04517; NX-AI/xlstm",
	Guess:     "the most frequent value of examples of that length; 1/m for long ones, which the papers use for all",
	Axes:      append(append(lengthAxes(), modulusAxis), common(0, 8192, lossAnswers)...),
	define: func(s settings) (definition, error) {
		lengths, err := lengthsOf(s, 3)
		for i := range lengths { // in numbers
			lengths[i].lo, lengths[i].hi = (lengths[i].lo+1)/2-1, (lengths[i].hi+1)/2-1
		}
		m := s.whole("modulus")
		floors := sumFloors(m)
		return definition{
			vocab:   m + firstNumber,
			longest: func(split dataset.Split) int { return 2 * lengths[split].hi },
			floor:   func(e Example) float64 { return floors(len(e.Tokens) / 2) },
			items: func(r *rand.Rand, split dataset.Split) iter.Seq[Item] {
				return arithmetic(r, m, lengths.draw(r, split))
			},
		}, err
	},
}

var modulusAxis = whole("modulus", 5, 2, 16, "m")

// Ids of arithmetic without brackets.
const (
	plus, minus, times, equals int32 = 1, 2, 3, 4
	firstNumber                      = 5
)

// arithmetic yields an example with that many numbers.
func arithmetic(r *rand.Rand, m, numbers int) iter.Seq[Item] {
	var s script
	sum, term, operator := 0, 0, plus
	for i := range numbers {
		if i > 0 {
			operator = int32(between(r, int(plus), int(times)))
			s.tell(operator)
		}
		n := r.IntN(m)
		s.tell(int32(firstNumber + n))
		sum, term = extend(m, sum, term, operator, n)
	}
	s.ask(equals, int32(firstNumber+(sum+term)%m))
	return slices.Values(s)
}

// extend continues a value modulo m, the sum of what is settled and a last term that a product may still change, by an
// operator and a number.
func extend(m, sum, term int, operator int32, n int) (newSum, newTerm int) {
	switch operator {
	case plus:
		return (sum + term) % m, n
	case minus:
		return (sum + term) % m, (m - n) % m
	}
	return sum, term * n % m
}

// sumFloors returns the chance of the most frequent value of expressions by their number of numbers. A last term of several
// factors is 0 more often than anything else, so short examples are easier to guess than 1/m.
func sumFloors(m int) func(numbers int) float64 {
	return remembered(func() func(int) float64 {
		states := make([]float64, m*m) // chances of sum*m + term
		for n := range m {
			states[n] = 1 / float64(m)
		}
		floors := []float64{0, mostFrequent(m, states)}
		return func(numbers int) float64 {
			for len(floors) <= numbers {
				states = oneMore(m, states)
				floors = append(floors, mostFrequent(m, states))
			}
			return floors[numbers]
		}
	})
}

// oneMore returns the chances of states after one more operator and number.
func oneMore(m int, states []float64) []float64 {
	next := make([]float64, m*m)
	for state, p := range states {
		for operator := plus; operator <= times; operator++ {
			for n := range m {
				sum, term := extend(m, state/m, state%m, operator, n)
				next[sum*m+term] += p / float64(3*m)
			}
		}
	}
	return next
}

// mostFrequent returns the chance of the most frequent value.
func mostFrequent(m int, states []float64) float64 {
	values := make([]float64, m)
	for state, p := range states {
		values[(state/m+state%m)%m] += p
	}
	return slices.Max(values)
}
