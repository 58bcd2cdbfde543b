package task

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// mqarKind is multi-query associative recall.
//
// D pairs of a key and a value fill the first 2D of N tokens. Keys are drawn from 1 to V/2-1, values from V/2 to V-1, both
// without replacement. The other N-2D tokens are slots of two. D slots are drawn without replacement, slot j from 1 on with
// a chance in proportion to j^(gap-1), so queries are near the pairs for a small gap and anywhere for gap 1. A key stands in
// the first token of its slot, and its value is the answer there. All other tokens are 0, or random ids below V.
var mqarKind = mqar("mqar", "Zoology, arXiv 2312.04927, figure 2; HazyResearch/zoology", 3000, []Axis{
	whole("vocab", 8192, 4, 1<<24, "V: 0, keys and values"),
	whole("length", 64, 4, 1<<20, "N: tokens"),
	whole("pairs", 4, 1, 1<<18, "D: pairs of a key and a value").mixed(),
	share("gap", 0.01, "exponent of the gaps to the queries; 1: uniform"),
	words("filler", "tokens that are neither pair nor query", "zero", "random"),
})

// recallLawKind is [mqarKind] with the settings of the recall scaling law of Mamba: all slots are taken and the filler is
// random.
var recallLawKind = mqar("recall-law", "arXiv 2609.07681; yuvalko1/mamba-recall-scaling-laws", 1000, []Axis{
	whole("vocab", 512, 4, 1<<24, "V: 0, keys and values"),
	whole("length", 64, 4, 1<<20, "L: tokens"),
	whole("pairs", 16, 1, 1<<18, "F: facts").mixed(),
	share("gap", 1, "exponent of the gaps to the queries; 1: uniform"),
	words("filler", "tokens that are neither pair nor query", "random", "zero"),
})

func mqar(name, source string, heldOut int, axes []Axis) *Kind {
	return &Kind{
		Name:      name,
		Summary:   "pairs of a key and a value, then the keys again among filler: the value of each, at its key",
		Separates: "how much a state can recall by content: the standard measure of recall",
		Source:    source,
		Guess:     "1/pairs of the example: any value that it holds; 1/values with one pair",
		Axes:      append(axes, common(0, heldOut, lossAnswers)...),
		define:    defineMQAR,
	}
}

// pairsTask are the settings of an MQAR task.
type pairsTask struct {
	vocab, length int
	pairs         []int
	random        bool      // filler
	inverse       []float64 // 1/weight of each slot
}

func defineMQAR(s settings) (definition, error) {
	q := pairsTask{vocab: s.whole("vocab"), length: s.whole("length"), pairs: s.wholes("pairs"), random: s["filler"] == "random"}
	most := slices.Max(q.pairs)
	switch {
	case 4*most > q.length:
		return definition{}, fmt.Errorf("%d pairs and their queries need %d tokens, length is %d: lower pairs, or raise length", most, 4*most, q.length)
	case q.length%2 != 0:
		return definition{}, fmt.Errorf("length is %d, want an even number", q.length)
	case most > q.vocab/2-1:
		return definition{}, fmt.Errorf("%d pairs need as many different keys, a vocab of %d has %d: lower pairs, or raise vocab", most, q.vocab, q.vocab/2-1)
	}
	for j := range q.length / 2 {
		q.inverse = append(q.inverse, math.Pow(float64(j+1), 1-s.decimal("gap")))
	}
	return definition{
		vocab: q.vocab, longest: always(q.length), items: q.items,
		floor: q.floor,
		bits:  func(e Example) float64 { return bitsOf(len(e.Answers), q.values()) },
	}, nil
}

// values is the number of tokens that are values.
func (q pairsTask) values() int { return q.vocab - q.vocab/2 }

// floor is a guess among the values of the example. One pair leaves no choice among them, and a guesser that copies the value
// does the task.
func (q pairsTask) floor(e Example) float64 {
	if n := len(e.Answers); n > 1 {
		return 1 / float64(n)
	}
	return 1 / float64(q.values())
}

func (q pairsTask) items(r *rand.Rand, _ dataset.Split) iter.Seq[Item] {
	n := q.pairs[r.IntN(len(q.pairs))]
	keys, values := distinct(r, q.vocab/2-1, n), distinct(r, q.values(), n)
	s := make(script, 0, q.length)
	for i := range n {
		keys[i], values[i] = keys[i]+1, values[i]+q.vocab/2
		s.tell(int32(keys[i]), int32(values[i]))
	}
	for range q.length - 2*n {
		filler := 0
		if q.random {
			filler = r.IntN(q.vocab)
		}
		s.tell(int32(filler))
	}
	for i, slot := range weighted(r, q.inverse[:(q.length-2*n)/2], n) {
		s[2*n+2*slot] = Item{Token: int32(keys[i]), Target: int32(values[i]), Answer: true}
	}
	return slices.Values(s)
}
