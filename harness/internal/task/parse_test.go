package task

import (
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/dataset"
)

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"mqer":                            `there is no task "mqer"; there are h3-induction, `,
		"mqer:pairs=3":                    "; did you mean mqar?",
		"":                                `there is no task ""`,
		"mqar:pair=3":                     `task mqar: it has no axis "pair"; there are vocab, length, pairs, gap, filler, examples, held-out, loss, seed; did you mean pairs?`,
		"mqar:pairs":                      `task mqar: "pairs" is not of the form axis=value`,
		"mqar:":                           "",
		"mqar:,":                          `"" is not of the form`,
		"mqar:pairs=3,pairs=3":            "pairs is given twice",
		"mqar:pairs=0":                    `pairs is "0", want whole numbers joined by +, each from 1 to 262144`,
		"mqar:pairs=2+":                   `pairs is "2+", want`,
		"mqar:pairs=1.5":                  `pairs is "1.5", want`,
		"mqar:gap=2":                      `gap is "2", want a number from 0 to 1`,
		"mqar:gap=NaN":                    `gap is "NaN", want`,
		"mqar:gap=0+1":                    `gap is "0+1", want`,
		"mqar:filler=one":                 `filler is "one", want zero or random`,
		"mqar:loss=all":                   `loss is "all", want answers`,
		"mqar:pairs=17":                   "17 pairs and their queries need 68 tokens, length is 64: lower pairs, or raise length",
		"mqar:length=65":                  "length is 65, want an even number",
		"mqar:vocab=8":                    "4 pairs need as many different keys, a vocab of 8 has 3",
		"induction:place=here":            `place is "here", want a whole number from 0 to 1073741824, or random`,
		"induction:place=254":             "the marker at place 254 leaves no room in 256 tokens",
		"parity:shortest=41":              "shortest is 41, above longest, which is 40",
		"parity:test-longest=30":          "test-shortest is 40, above test-longest, which is 30",
		"arithmetic:shortest=2":           "shortest is 2, want at least 3",
		"context-recall:noise=0.1":        "noise is 0.1 but noise-vocab is 0",
		"context-recall:length=9":         "length is 9, want an even number",
		"noisy-recall:vocab=18":           "a vocab of 18 with 16 for noise leaves no keys with two values",
		"fuzzy-recall:vocab=5":            "motif is 3, but a vocab of 5 has 2 tokens for keys",
		"fuzzy-recall:length=17":          "motif 3 needs a length of at least 18, it is 17",
		"selective-copying:length=32":     "16 symbols need at least 33 tokens, length is 32",
		"needle:needles=4,length=8":       "4 needles and the question need 9 tokens, length is 8",
		"needle:needles=17":               "17 needles need as many keys and values, there are 16 and 16",
		"h3-recall:vocab=4,examples=50":   "there are hardly more than 1 different examples, more are wanted",
		"h3-recall:examples=0":            "examples is 0, but this task has a fixed set of them",
		"h3-induction:examples=100000000": "are too many to make them different",
	} {
		_, err := Parse(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %s", text, err, want)
		}
	}
}

func TestString(t *testing.T) {
	for text, want := range map[string]string{
		"mqar": "mqar", "mqar:pairs=4,gap=1e-2": "mqar", "mqar:pairs=8+04,length=64.0": "mqar:pairs=8+4",
		"needle:depth=random,needles=2": "needle:needles=2", "needle:depth=0": "needle:depth=0",
	} {
		if got := parse(t, text).String(); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

// TestKinds checks the tables that documentation and messages are made from.
func TestKinds(t *testing.T) {
	for _, k := range Kinds {
		for what, said := range map[string]string{"summary": k.Summary, "separates": k.Separates, "source": k.Source, "guess": k.Guess} {
			if said == "" {
				t.Errorf("%s has no %s", k.Name, what)
			}
		}
		for _, a := range k.Axes {
			if v, err := a.check(a.Default); err != nil || v != a.Default || a.Doc == "" {
				t.Errorf("%s: axis %s: default %q is %q, %v; doc %q", k.Name, a.Name, a.Default, v, err, a.Doc)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range variants {
		f.Add(v)
	}
	f.Add("mqar:pairs=3,,x=")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(k.String())
		if err != nil || again.String() != k.String() {
			t.Fatalf("%q is %s, which is %v, %v", text, k, again, err)
		}
		for split := range dataset.Split(dataset.Splits) {
			if k.Longest(split) > 4096 {
				continue
			}
			e := k.Example(split, 1)
			if err := e.Sequence().Check(k.Vocab()); err != nil || len(e.Tokens) > k.Longest(split) || len(e.Answers) == 0 {
				t.Fatalf("%s: %d tokens, %d answers: %v", k, len(e.Tokens), len(e.Answers), err)
			}
		}
	})
}
