package task

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/internal/sharedtest"
)

var update = flag.Bool("update", false, "write docs/tasks.md anew")

// shown is the example of each kind in the documentation.
var shown = map[string]string{
	"h3-induction":        "h3-induction:vocab=10,length=9,examples=100,held-out=10",
	"h3-recall":           "h3-recall:length=10",
	"induction":           "induction:length=12",
	"parity":              "parity:longest=12",
	"prefix-parity":       "prefix-parity:length=12",
	"arithmetic":          "arithmetic:shortest=9,longest=12",
	"arithmetic-brackets": "arithmetic-brackets:shortest=13,longest=16",
	"group":               "group:group=A5,length=6",
	"mqar":                "mqar:vocab=20,length=16,pairs=3",
	"recall-law":          "recall-law:vocab=20,length=12,pairs=3",
	"context-recall":      "context-recall:length=16,loss=answers",
	"noisy-recall":        "noisy-recall:length=16,loss=answers",
	"fuzzy-recall":        "fuzzy-recall:length=20,loss=answers",
	"selective-copying":   "selective-copying:length=16,count=4",
	"compression":         "compression:length=7",
	"memorisation":        "memorisation:vocab=20,length=10",
	"needle":              "needle:length=14,needles=2,depth=0.5",
	"iid":                 "iid:vocab=16,length=8",
}

const intro = `# Tasks

Generated problems that separate architectures. ` + "`archbench train --task NAME`" + ` trains on one; values of its axes follow the
name: ` + "`mqar:pairs=4+8+16,length=128,vocab=512`" + `. This page is made from the code by ` + "`go test ./harness/internal/task -update`" + `.

* **An example** depends on the task, its seed, the side (training, validation, test) and its number, and on nothing else.
  Sides draw from separate streams; only a task with few possible examples (short parities) repeats some on two sides. Sources whose generator is numpy's are followed in distribution, not number by number.
* **Answers** are the targets that only doing the task reveals. Accuracy counts them alone. In training, ` + "`loss=answers`" + ` has
  no other target; ` + "`loss=all`" + ` also has the next token as the target of every other token. Validation and test always have the
  answers alone.
* **The floor** is the accuracy of a guesser that does not do the task; where it depends on the example, the mean counts.
  Accuracy above chance is (accuracy - floor) / (1 - floor).
* **Bits recalled** are the bits that an example makes a model carry, times its accuracy above chance. Divided by the bits of a
  model's state they compare memories of any kind.
* **Effective length** is the longest length up to which the accuracy stays at or above a bar, from several ` + "`length=`" + `.
* All tasks have the axes seed (of all examples; that of a training chooses which come, and in which order), examples (different training examples, shuffled anew for each pass; 0: none repeats), held-out
  (examples of validation, and of the test).

`

// published are the settings of the sources where they differ from the defaults.
var published = []struct {
	what  string
	tasks []string
}{
	{"H3, the text's recall", []string{"h3-recall:vocab=20,length=40"}},
	{"Mamba's induction heads as repeated in mamba#61", []string{"induction:place=5"}},
	{"Zoology, figure 2", []string{
		"mqar:examples=100000", "mqar:length=128,pairs=8,examples=100000",
		"mqar:length=256,pairs=16,examples=100000", "mqar:length=512,pairs=64,examples=100000",
	}},
	{"recall law, the other regimes", []string{"recall-law:pairs=32,length=128", "recall-law:vocab=1024"}},
	{"MAD, harder variants (examples)", []string{"context-recall:vocab=128", "noisy-recall:noise=0.8", "fuzzy-recall:length=1024", "selective-copying:count=96"}},
	{"ResNet-BK's causal forms", []string{
		"mqar:vocab=512,length=128,pairs=4+8+16", "induction:symbols=15,length=128",
		"selective-copying:symbols=15,length=129,placement=uniform,examples=0", "prefix-parity",
	}},
}

// TestDocs keeps docs/tasks.md equal to the code.
func TestDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("| task | separates | axes and defaults | loss | floor | source |\n|---|---|---|---|---|---|\n")
	for _, k := range Kinds {
		var axes []string
		losses := ""
		for _, a := range k.Axes {
			switch a.Name {
			case "seed":
			case "loss":
				losses = strings.Join(a.Words, ", ")
			default:
				axes = append(axes, a.Name+"="+a.Default)
			}
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s | %s | %s |\n", k.Name, k.Name, k.Separates, strings.Join(axes, " "), losses, k.Guess, k.Source)
	}
	b.WriteString("\nSettings of the sources, besides the defaults:\n\n")
	for _, p := range published {
		for _, text := range p.tasks {
			parse(t, text)
		}
		fmt.Fprintf(&b, "* %s: `%s`\n", p.what, strings.Join(p.tasks, "`, `"))
	}
	for _, k := range Kinds {
		section(t, &b, k)
	}
	path := filepath.Join(sharedtest.RepoRoot(t), "docs", "tasks.md")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("run go test ./harness/internal/task -update (-page +code):\n%s", diff)
	}
}

// section writes a kind's axes and an example.
func section(t *testing.T, b *strings.Builder, k *Kind) {
	t.Helper()
	end := "."
	if strings.HasSuffix(k.Summary, "?") {
		end = ""
	}
	fmt.Fprintf(b, "\n## %s\n\n%s%s\n\n", k.Name, strings.ToUpper(k.Summary[:1])+k.Summary[1:], end)
	for _, a := range k.Axes {
		switch a.Name {
		case "seed", "loss", "examples", "held-out":
			continue
		}
		fmt.Fprintf(b, "* `%s`: %s; %s\n", a.Name, a.Doc, a.Allowed())
	}
	e := parse(t, shown[k.Name]).Example(dataset.Train, 0)
	tokens, answers := "tokens ", "answers"
	at := map[int]bool{}
	for _, i := range e.Answers {
		at[i] = true
	}
	for i, token := range e.Tokens {
		answer := "."
		if at[i] {
			answer = fmt.Sprint(e.Targets[i])
		}
		width := max(len(answer), len(fmt.Sprint(token)))
		tokens += fmt.Sprintf(" %*d", width, token)
		answers += fmt.Sprintf(" %*s", width, answer)
	}
	fmt.Fprintf(b, "\n```\n%s\n%s\n%s\n```\n", shown[k.Name], tokens, answers)
}
