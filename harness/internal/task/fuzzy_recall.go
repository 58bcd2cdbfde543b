package task

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// fuzzyRecallKind is fuzzy in-context recall of MAD.
//
// Without the padding, which is last, the first half of the vocabulary makes keys and the rest makes values: both are 1 to
// motif different tokens, all sizes alike; keys of validation and test always have motif. Pairs follow each other, and one
// chosen pair among them is asked again at the end. Answers are the tokens of values whose key occurred before. The example
// is padded on the left. In MAD's code the chosen pair may be missing before it is asked; here it always occurs.
var fuzzyRecallKind = &Kind{
	Name:      "fuzzy-recall",
	Summary:   "as context-recall, but keys and values are words of several tokens",
	Separates: "memory by content whose keys must first be put together",
	Source:    "MAD, arXiv 2403.17844; athms/mad-lab",
	Guess:     "1/values for the first token of a value, 1/(values-1) for the second, ...: any token not yet in it",
	Axes: append([]Axis{
		whole("vocab", 16, 5, 1<<15, "tokens of keys and values, and the padding"),
		whole("length", 128, 8, 1<<20, "tokens"),
		whole("motif", 3, 1, 8, "most tokens of a key or value"),
	}, common(12800, 1280, lossAll, lossAnswers)...),
	define: func(s settings) (definition, error) {
		plain := s.whole("vocab") - 1
		f := fuzzy{s.whole("length"), plain / 2, plain - plain/2, s.whole("motif")}
		switch {
		case f.motif > f.keys:
			return definition{}, fmt.Errorf("motif is %d, but a vocab of %d has %d tokens for keys: lower motif, or raise vocab", f.motif, plain+1, f.keys)
		case f.length < 6*f.motif:
			return definition{}, fmt.Errorf("motif %d needs a length of at least %d, it is %d: lower motif, or raise length", f.motif, 6*f.motif, f.length)
		}
		return definition{vocab: plain + 1, longest: always(f.length), items: f.items, floor: f.floor}, nil
	},
}

// fuzzy are the settings of fuzzy recall.
type fuzzy struct{ length, keys, values, motif int }

// items yields an example. While it is written, fewer than end tokens leave room for any pair and for the question.
func (f fuzzy) items(r *rand.Rand, split dataset.Split) iter.Seq[Item] {
	asked, answer := f.key(r, split), f.value(r)
	size := len(asked) + len(answer)
	end := f.length - size - 2*f.motif
	place := r.IntN(min(f.length-2*size, end))
	values := map[string][]int32{string(asked): answer}
	seen := map[string]bool{}
	var s script
	for len(s) < end {
		key, value := f.key(r, split), f.value(r)
		if known := values[string(key)]; known != nil {
			value = known
		}
		if last := len(s)+len(key)+len(value) >= end; !seen[string(asked)] && (last || len(s) >= place) {
			key, value = asked, answer
		}
		values[string(key)] = value
		f.pair(&s, key, value, seen[string(key)])
		seen[string(key)] = true
	}
	f.pair(&s, asked, answer, true)
	s = s[:len(s)-1] // the last token is only predicted
	return f.padded(s)
}

// padded puts padding in front.
func (f fuzzy) padded(s script) iter.Seq[Item] {
	all := make(script, 0, f.length)
	for range f.length - len(s) {
		all.tell(int32(f.keys + f.values))
	}
	return slices.Values(append(all, s...))
}

// pair writes a key and its value, which is asked for if the key is known.
func (f fuzzy) pair(s *script, key, value []int32, known bool) {
	s.tell(key...)
	s.tell(value...)
	if !known {
		return
	}
	first := len(*s) - len(value) - 1
	for i, v := range value {
		(*s)[first+i].Target, (*s)[first+i].Answer = v, true
	}
}

func (f fuzzy) key(r *rand.Rand, split dataset.Split) []int32 {
	size := f.motif
	if split == dataset.Train {
		size = between(r, 1, f.motif)
	}
	return motif(r, 0, f.keys, size)
}

func (f fuzzy) value(r *rand.Rand) []int32 { return motif(r, f.keys, f.values, between(r, 1, f.motif)) }

// motif draws size different tokens of n from first on.
func motif(r *rand.Rand, first, n, size int) []int32 {
	tokens := make([]int32, size)
	for i, d := range distinct(r, n, size) {
		tokens[i] = int32(first + d)
	}
	return tokens
}

// floor is the mean over the answers: a guesser excludes the tokens that the value already has.
func (f fuzzy) floor(e Example) float64 {
	sum := 0.0
	for _, at := range e.Answers {
		known := 0 // tokens of the value so far
		for at-known >= 0 && int(e.Tokens[at-known]) >= f.keys {
			known++
		}
		sum += 1 / float64(f.values-known)
	}
	return sum / float64(len(e.Answers))
}
