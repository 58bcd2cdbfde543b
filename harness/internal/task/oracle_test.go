package task

import (
	"fmt"
	"go/token"
	"go/types"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/archbench/archbench/harness/internal/dataset"
)

// oracles recompute, from the tokens alone, the targets at all places with an answer. An oracle knows the definition of the
// task, and shares no code with its generator.
var oracles = map[string]func(k *Task, e Example) map[int]int32{
	"h3-induction":  oracleInduction,
	"induction":     oracleInduction,
	"h3-recall":     oracleH3Recall,
	"parity":        oracleParity,
	"prefix-parity": oraclePrefixParity,
	"arithmetic": func(k *Task, e Example) map[int]int32 {
		return oracleExpression(k, e, 5, func(id int) byte { return "?+-*="[id] })
	},
	"arithmetic-brackets": func(k *Task, e Example) map[int]int32 {
		return oracleExpression(k, e, 0, func(id int) byte { return "+-*()="[id-k.settings.whole("modulus")] })
	},
	"group":             oracleGroup,
	"mqar":              oracleMQAR,
	"recall-law":        oracleMQAR,
	"context-recall":    oracleContextRecall,
	"noisy-recall":      oracleContextRecall,
	"fuzzy-recall":      oracleFuzzyRecall,
	"selective-copying": oracleCopying,
	"compression":       oracleCompression,
	"needle":            oracleNeedle,
}

func TestOracles(t *testing.T) {
	checked := map[string]bool{"memorisation": true, "iid": true} // which have tests of their own
	for _, text := range variants {
		k := parse(t, text)
		oracle := oracles[k.Kind().Name]
		if checked[k.Kind().Name] = true; oracle == nil {
			continue
		}
		t.Run(text, func(t *testing.T) {
			each(k, 150, func(split dataset.Split, i uint64, e Example) {
				want, got := oracle(k, e), answersOf(e)
				if fmt.Sprint(want) != fmt.Sprint(got) {
					t.Fatalf("%s %d: tokens %v\nanswers %v\nwant    %v", split, i, e.Tokens, got, want)
				}
			})
		})
	}
	for _, k := range Kinds {
		if !checked[k.Name] {
			t.Errorf("%s is not checked", k.Name)
		}
	}
}

// TestRandomSettings checks tasks with any values of their axes: the oracles agree, or Parse says why not.
func TestRandomSettings(t *testing.T) {
	for _, k := range Kinds {
		parsed := 0
		rapid.Check(t, func(t *rapid.T) {
			values := []string{"examples=40", "held-out=20"}
			for _, a := range k.Axes {
				if value := drawValue(t, a); value != "" {
					values = append(values, a.Name+"="+value)
				}
			}
			k, err := Parse(k.Name + ":" + strings.Join(values, ","))
			if err != nil {
				return
			}
			parsed++
			each(k, 5, func(split dataset.Split, _ uint64, e Example) {
				if err := e.Sequence().Check(k.Vocab()); err != nil || len(e.Tokens) > k.Longest(split) {
					t.Fatalf("%s: %d tokens of %d: %v", k, len(e.Tokens), k.Longest(split), err)
				}
				if f := k.Floor(e); !(f > 0 && f <= 1) {
					t.Fatalf("%s: floor %v", k, f)
				}
				if oracle := oracles[k.Kind().Name]; oracle != nil && fmt.Sprint(oracle(k, e)) != fmt.Sprint(answersOf(e)) {
					t.Fatalf("%s: tokens %v, answers %v, want %v", k, e.Tokens, answersOf(e), oracle(k, e))
				}
			})
		})
		if parsed == 0 && !testing.Short() { // then rapid tries too few
			t.Errorf("%s: no settings are possible", k.Name)
		}
	}
}

// drawValue draws a value of an axis, most often small, or "" for the default.
func drawValue(t *rapid.T, a Axis) string {
	switch kind := rapid.IntRange(0, 3).Draw(t, a.Name); {
	case kind == 0 || a.Name == "examples" || a.Name == "held-out":
		return ""
	case a.Words != nil && (kind == 1 || a.Type == Word):
		return rapid.SampledFrom(a.Words).Draw(t, a.Name)
	case a.Type == Real:
		return spell(rapid.Float64Range(a.Lo, a.Hi).Draw(t, a.Name))
	case a.Type == Wholes:
		return fmt.Sprintf("%d+%d", rapid.IntRange(1, 12).Draw(t, a.Name), rapid.IntRange(1, 12).Draw(t, a.Name))
	}
	return fmt.Sprint(rapid.IntRange(int(a.Lo), int(min(a.Hi, a.Lo+90))).Draw(t, a.Name))
}

// answersOf are the targets by place.
func answersOf(e Example) map[int]int32 {
	all := map[int]int32{}
	for _, at := range e.Answers {
		all[at] = e.Targets[at]
	}
	return all
}

// last is the only answer of an example, at its last token.
func last(e Example, answer int32) map[int]int32 { return map[int]int32{len(e.Tokens) - 1: answer} }

func oracleInduction(k *Task, e Example) map[int]int32 {
	marker := int32(k.Vocab() - 1)
	first := slices.Index(e.Tokens, marker)
	if first < 0 || slices.Index(e.Tokens[first+1:], marker) != len(e.Tokens)-first-2 {
		return nil // not exactly two
	}
	return last(e, e.Tokens[first+1])
}

func oracleH3Recall(k *Task, e Example) map[int]int32 {
	n := len(e.Tokens) - 2
	values := map[int32]int32{}
	for i := 0; i < n; i += 2 {
		key, value := e.Tokens[i], e.Tokens[i+1]
		if known, ok := values[key]; key < 1 || int(key) > (k.Vocab()-2)/2 || int(value) <= (k.Vocab()-2)/2 || ok && known != value {
			return nil
		}
		values[key] = value
	}
	answer, ok := values[e.Tokens[n+1]]
	if !ok || int(e.Tokens[n]) != k.Vocab()-1 {
		return nil
	}
	return last(e, answer)
}

func oracleParity(_ *Task, e Example) map[int]int32 {
	twos := strings.Count(fmt.Sprint(e.Tokens), "2")
	if ones := strings.Count(fmt.Sprint(e.Tokens), "1"); ones+twos != len(e.Tokens) {
		return nil
	}
	return last(e, int32(twos%2+1))
}

func oraclePrefixParity(_ *Task, e Example) map[int]int32 {
	all, sum := map[int]int32{}, int32(0)
	for i, bit := range e.Tokens {
		sum += bit
		all[i] = sum % 2
	}
	return all
}

// oracleExpression evaluates the tokens as a constant of the Go language. symbol is the spelling of an id that is no number.
func oracleExpression(k *Task, e Example, firstNumber int, symbol func(id int) byte) map[int]int32 {
	m := k.settings.whole("modulus")
	var words []string
	for _, id := range e.Tokens {
		if n := int(id) - firstNumber; n >= 0 && n < m {
			words = append(words, fmt.Sprint(n))
		} else {
			words = append(words, string(symbol(int(id))))
		}
	}
	n := len(words) - 1
	v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, strings.Join(words[:n], " "))
	if err != nil || words[n] != "=" {
		return nil
	}
	value, ok := new(big.Int).SetString(v.Value.ExactString(), 10)
	if !ok {
		return nil
	}
	return last(e, int32(value.Mod(value, big.NewInt(int64(m))).Int64())+int32(firstNumber))
}

// oracleGroup multiplies by moving things: S5 and A5 are all, or all even, orders of five things in lexical order. The
// other groups are checked by TestGroups.
func oracleGroup(k *Task, e Example) map[int]int32 {
	group := k.Value("group")
	all := map[int]int32{}
	if group == "A4xZ5" || group == "Z60" {
		table, product := products(generators[group]), int32(0)
		for i, x := range e.Tokens {
			product = table[product][x]
			all[i] = product
		}
		return all
	}
	elements := allOrders()
	if group == "A5" {
		elements = slices.DeleteFunc(slices.Clone(elements), func(p []int) bool { return !even(p) })
	}
	things := []int{0, 1, 2, 3, 4} // where each thing is
	for i, x := range e.Tokens {
		for thing, place := range things {
			things[thing] = elements[x][place]
		}
		all[i] = int32(slices.IndexFunc(elements, func(p []int) bool { return slices.Equal(p, things) }))
	}
	return all
}

// allOrders are all orders of five things in lexical order.
var allOrders = sync.OnceValue(func() (all [][]int) {
	orders(nil, func(p []int) { all = append(all, slices.Clone(p)) })
	return all
})

// orders calls do for all orders of five things in lexical order.
func orders(begun []int, do func([]int)) {
	if len(begun) == 5 {
		do(begun)
	}
	for i := range 5 {
		if !slices.Contains(begun, i) {
			orders(append(slices.Clone(begun), i), do)
		}
	}
}

func even(p []int) bool {
	inversions := 0
	for i := range p {
		for j := range i {
			if p[j] > p[i] {
				inversions++
			}
		}
	}
	return inversions%2 == 0
}

func oracleMQAR(k *Task, e Example) map[int]int32 {
	vocab := int32(k.Vocab())
	for _, n := range k.settings.wholes("pairs") {
		values, known := map[int32]int32{}, map[int32]bool{}
		for i := 0; i < 2*n; i += 2 {
			key, value := e.Tokens[i], e.Tokens[i+1]
			if key >= 1 && key < vocab/2 && value >= vocab/2 {
				values[key], known[value] = value, true
			}
		}
		if len(values) != n || len(known) != n || len(e.Answers) != n {
			continue
		}
		all := map[int]int32{}
		for _, i := range e.Answers { // which key of two equal ones is the query cannot be seen in random filler
			if i < 2*n || i%2 != 0 {
				return nil
			}
			all[i] = values[e.Tokens[i]]
		}
		filler := 0
		for i, token := range e.Tokens[2*n:] {
			if _, asked := all[2*n+i]; !asked && token != 0 {
				filler++
			}
		}
		if k.Value("filler") == "zero" && filler > 0 || len(e.Tokens) != k.settings.whole("length") {
			return nil
		}
		return all
	}
	return nil
}

func oracleContextRecall(k *Task, e Example) map[int]int32 {
	plain := k.Vocab() - k.settings.whole("noise-vocab")
	all, values := map[int]int32{}, map[int32]int32{}
	for i := 0; i < len(e.Tokens); i += 2 {
		key := e.Tokens[i]
		value, known := values[key]
		switch {
		case int(key) >= plain: // noise
			continue
		case known:
			all[i] = value
		case i == len(e.Tokens)-1: // the question has a known key
			return nil
		}
		if i+1 < len(e.Tokens) {
			values[key] = e.Tokens[i+1]
			if int(e.Tokens[i+1]) < plain/2 || known && value != e.Tokens[i+1] {
				return nil
			}
		}
	}
	return all
}

func oracleFuzzyRecall(k *Task, e Example) map[int]int32 {
	keys := (k.Vocab() - 1) / 2
	isKey := func(i int) bool { return int(e.Tokens[i]) < keys }
	all, values := map[int]int32{}, map[string][]int32{}
	i := 0
	for int(e.Tokens[i]) == k.Vocab()-1 {
		i++
	}
	for i < len(e.Tokens) {
		first := i
		for i < len(e.Tokens) && isKey(i) {
			i++
		}
		key, begun := string(e.Tokens[first:i]), i
		for i < len(e.Tokens) && !isKey(i) {
			i++
		}
		value, known := values[key]
		switch {
		case known:
			for j, v := range value {
				all[begun-1+j] = v
			}
		case i == len(e.Tokens):
			return nil
		default:
			values[key] = e.Tokens[begun:i]
		}
	}
	return all
}

func oracleCopying(k *Task, e Example) map[int]int32 {
	blank, count := int32(k.Vocab()-2), k.settings.whole("count")
	n := len(e.Tokens) - count - 1
	symbols := slices.DeleteFunc(slices.Clone(e.Tokens[:n]), func(t int32) bool { return t == blank })
	if len(symbols) != count || e.Tokens[n] != blank+1 || len(e.Tokens) != k.settings.whole("length") {
		return nil
	}
	all := map[int]int32{}
	for i, s := range symbols {
		if at := n + 1 + i; e.Tokens[at] == blank {
			all[at] = s
		}
	}
	return all
}

func oracleCompression(k *Task, e Example) map[int]int32 {
	all, n := map[int]int32{}, len(e.Tokens)/2
	for i := range n {
		if int(e.Tokens[n+i]) == k.Vocab()-1 && int(e.Tokens[i]) < k.Vocab()-1 {
			all[n+i] = e.Tokens[i]
		}
	}
	return all
}

func oracleNeedle(k *Task, e Example) map[int]int32 {
	n := len(e.Tokens) - 1
	place := slices.Index(e.Tokens[:n], e.Tokens[n])
	if place < 0 || len(e.Tokens) != k.settings.whole("length") {
		return nil
	}
	needles, before := 0, 0
	for i, t := range e.Tokens[:n] {
		if int(t) >= k.Vocab()-k.settings.whole("values") {
			needles++
		}
		if i < place && int(t) < k.settings.whole("filler") {
			before++
		}
	}
	room := float64(n - 2*needles)
	if d := k.Value("depth"); needles != k.settings.whole("needles") || d != "random" && abs(float64(before)-k.settings.decimal("depth")*room) > 0.5 {
		return nil
	}
	return last(e, e.Tokens[place+1])
}

func abs(x float64) float64 { return max(x, -x) }

// TestFacts checks that memorisation has one fact for each key, over all examples and sides, and other facts for another
// seed.
func TestFacts(t *testing.T) {
	all := map[string]map[int32]int32{}
	for _, text := range []string{"memorisation", "memorisation:seed=1"} {
		k := parse(t, text)
		facts, keys := map[int32]int32{}, map[int32]bool{}
		each(k, 250, func(_ dataset.Split, _ uint64, e Example) {
			for _, at := range e.Answers {
				key, value := e.Tokens[at-1], e.Targets[at]
				if known, ok := facts[key]; ok && known != value || key >= 127 || value < 127 || e.Tokens[at] != 255 {
					t.Fatalf("%s: key %d has the values %d and %d", text, key, known, value)
				}
				facts[key], keys[value] = value, true
			}
		})
		if len(facts) != 127 || len(keys) != 127 {
			t.Errorf("%s: %d keys, %d values", text, len(facts), len(keys))
		}
		all[text] = facts
	}
	if fmt.Sprint(all["memorisation"]) == fmt.Sprint(all["memorisation:seed=1"]) {
		t.Error("another seed has the same facts")
	}
}

// TestIID checks that each token is the target of the one before it.
func TestIID(t *testing.T) {
	each(parse(t, "iid"), 50, func(split dataset.Split, i uint64, e Example) {
		if n := len(e.Tokens); len(e.Answers) != n || !slices.Equal(e.Targets[:n-1], e.Tokens[1:]) {
			t.Fatalf("%s %d: tokens %v, targets %v", split, i, e.Tokens, e.Targets)
		}
	})
}

// TestGroups checks the axioms, and how many elements have each order, which tells the groups of one size apart.
func TestGroups(t *testing.T) {
	for name, want := range map[string]map[int]int{
		"S5":    {1: 1, 2: 25, 3: 20, 4: 30, 5: 24, 6: 20},
		"A5":    {1: 1, 2: 15, 3: 20, 5: 24},
		"A4xZ5": {1: 1, 2: 3, 3: 8, 5: 4, 10: 12, 15: 32},
		"Z60":   {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 2, 10: 4, 12: 4, 15: 8, 20: 8, 30: 8, 60: 16},
	} {
		table := products(generators[name])
		got := map[int]int{}
		for i := range table {
			product, order := table[0][i], 1
			for ; product != 0; order++ {
				product = table[product][i]
			}
			got[order]++
			if int(table[0][i]) != i || int(table[i][0]) != i {
				t.Errorf("%s: 0 is not neutral for %d", name, i)
			}
			for j := range table {
				for l := range table {
					if table[table[i][j]][l] != table[i][table[j][l]] {
						t.Fatalf("%s: (%d %d) %d is not %d (%d %d)", name, i, j, l, i, j, l)
					}
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: elements by order %v, want %v", name, got, want)
		}
	}
}
