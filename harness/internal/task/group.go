package task

import (
	"iter"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// groupKind is the word problem of a finite group: the product of all elements so far, at every element. Elements are
// numbered in the lexical order of their permutations, so 0 is the neutral element.
var groupKind = &Kind{
	Name:      "group",
	Summary:   "elements of a group: the product of all so far, at every element",
	Separates: "state tracking: S5 and A5 are not solvable groups (NC1-complete), A4xZ5 is solvable, Z60 commutes",
	Source:    "arXiv 2404.08819; jopetty/word-problem",
	Guess:     "1/order of the group: 1/120 or 1/60",
	Axes: append([]Axis{
		words("group", "whose elements are multiplied", "S5", "A5", "A4xZ5", "Z60"),
		whole("length", 20, 1, mostStreamed, "elements"),
	}, common(0, 1000, lossAnswers)...),
	define: func(s settings) (definition, error) {
		products, length := products(generators[s["group"]]), s.whole("length")
		return definition{
			vocab: len(products), longest: always(length), floor: oneIn(len(products)),
			items: func(r *rand.Rand, _ dataset.Split) iter.Seq[Item] { return wordProblem(r, products, length) },
		}, nil
	},
}

// wordProblem yields random elements with the products of all so far.
func wordProblem(r *rand.Rand, products [][]int32, length int) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		product := int32(0)
		for range length {
			element := int32(r.IntN(len(products)))
			product = products[product][element]
			if !yield(Item{Token: element, Target: product, Answer: true}) {
				return
			}
		}
	}
}

// permutation maps point i to permutation[i].
type permutation string

// generators of the groups. Points that two generators do not share make direct products.
var generators = map[string][]permutation{
	"S5":    {cycles(5, []int{0, 1}), cycles(5, []int{0, 1, 2, 3, 4})},
	"A5":    {cycles(5, []int{0, 1, 2}), cycles(5, []int{0, 1, 2, 3, 4})},
	"A4xZ5": {cycles(9, []int{0, 1, 2}), cycles(9, []int{1, 2, 3}), cycles(9, []int{4, 5, 6, 7, 8})},
	"Z60":   {cycles(12, []int{0, 1, 2}, []int{3, 4, 5, 6}, []int{7, 8, 9, 10, 11})},
}

// cycles returns the permutation of n points with these disjoint cycles.
func cycles(n int, all ...[]int) permutation {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i)
	}
	for _, c := range all {
		for i, from := range c {
			p[from] = byte(c[(i+1)%len(c)])
		}
	}
	return permutation(p)
}

// then returns the product: first p, then q.
func (p permutation) then(q permutation) permutation {
	product := make([]byte, len(p))
	for i := range p {
		product[i] = q[p[i]]
	}
	return permutation(product)
}

// products returns the multiplication table of the group that the permutations generate: element i, then element j.
func products(generators []permutation) [][]int32 {
	neutral := cycles(len(generators[0]))
	found := map[permutation]int32{neutral: 0}
	for queue := []permutation{neutral}; len(queue) > 0; queue = queue[1:] {
		for _, g := range generators {
			if next := queue[0].then(g); !contains(found, next) {
				found[next] = 0
				queue = append(queue, next)
			}
		}
	}
	elements := slices.Sorted(maps.Keys(found))
	for i, p := range elements {
		found[p] = int32(i)
	}
	table := make([][]int32, len(elements))
	for i, p := range elements {
		for _, q := range elements {
			table[i] = append(table[i], found[p.then(q)])
		}
	}
	return table
}

func contains(found map[permutation]int32, p permutation) bool {
	_, ok := found[p]
	return ok
}
