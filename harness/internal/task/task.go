// Package task has the synthetic problems that separate architectures, each generated from a seed with random access. A
// task is a [Kind] with values for its axes, written mqar:pairs=16,length=256; see [Parse].
//
// A task is defined by the tokens of an example and by its answers: targets that can be known only by doing the task. Its
// floor is the accuracy of a guesser that does not. docs/tasks.md shows every kind.
package task

import (
	"iter"
	"math/rand/v2"

	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/lm"
)

// Kinds lists the tasks in the order of their documentation.
var Kinds = []*Kind{
	h3InductionKind, h3RecallKind, inductionKind, parityKind, prefixParityKind, arithmeticKind, bracketsKind, groupKind,
	mqarKind, recallLawKind, contextRecallKind, noisyRecallKind, fuzzyRecallKind, copyingKind, compressionKind,
	memorisationKind, needleKind, iidKind,
}

// Kind is a family of tasks, which differ in the values of their axes.
type Kind struct {
	Name      string
	Summary   string // what an example holds and what is asked
	Separates string // what a model needs to solve it
	Source    string // of the definition
	Guess     string // the floor in words
	Axes      []Axis // in all: those of the kind, then seed, loss, examples and held-out

	define func(settings) (definition, error)
}

// definition is what the values of the axes make of a kind.
type definition struct {
	vocab int
	// longest is the largest number of tokens of an example.
	longest func(dataset.Split) int
	// items generates an example. What it needs but does not yield token by token must fit into memory.
	items func(*rand.Rand, dataset.Split) iter.Seq[Item]
	// floor is the accuracy of a guesser on an example.
	floor func(Example) float64
	// bits is what an example makes a model carry; nil: not said.
	bits func(Example) float64
	// entropy is the loss, in nats per answer, below which no model gets on unseen examples.
	entropy float64
	// unique asks for examples that differ from each other, on all sides.
	unique bool
}

// Item is one token of an example.
type Item struct {
	Token  int32
	Target int32 // to predict from this token and those before it; -1: none
	Answer bool  // the target is an answer, not only the next token
}

// Example is one document of a task.
type Example struct {
	lm.TrainDocument       // Targets is never nil
	Answers          []int // places of the answers in Targets, in order
}

// Sequence returns the example for scoring: its targets are the answers.
func (e Example) Sequence() lm.Sequence {
	targets := make([]int32, len(e.Tokens))
	for i := range targets {
		targets[i] = -1
	}
	for _, i := range e.Answers {
		targets[i] = e.Targets[i]
	}
	return lm.Sequence{Tokens: e.Tokens, Targets: targets}
}

// Task is a problem with values for all its axes. It is safe for concurrent use.
type Task struct {
	kind     *Kind
	settings settings
	definition
	seed  uint64
	all   bool // in training, tokens without an answer have the next token as target
	sizes [dataset.Splits]int
	// places are those of the different examples in the stream of each split, if the examples must differ.
	places [dataset.Splits][]uint64
}

// Kind returns the family that the task belongs to.
func (t *Task) Kind() *Kind { return t.kind }

// Vocab is the number of token ids; a model's vocabulary must be at least as large.
func (t *Task) Vocab() int { return t.vocab }

// Longest is the largest number of tokens of an example.
func (t *Task) Longest(split dataset.Split) int { return t.longest(split) }

// Examples is the number of examples of a split. 0, possible for training only, means that none repeats.
func (t *Task) Examples(split dataset.Split) int { return t.sizes[split] }

// Floor is the accuracy on the answers of an example, 0 to 1, of a guesser that does not do the task.
func (t *Task) Floor(e Example) float64 { return t.floor(e) }

// Entropy is the loss in nats per answer that no model can beat on unseen examples: ln V for random tokens, 0 if the
// answers can be known.
func (t *Task) Entropy() float64 { return t.entropy }

// Stream yields example i of a split, token by token. Splits draw from streams of their own. Tasks that need no table of
// the whole example hold only the current token, so an example may be longer than memory. i counts modulo
// [Task.Examples].
func (t *Task) Stream(split dataset.Split, i uint64) iter.Seq[Item] {
	if n := t.sizes[split]; n > 0 {
		i %= uint64(n)
	}
	if places := t.places[split]; places != nil {
		i = places[i]
	}
	return func(yield func(Item) bool) {
		items := t.items(dataset.Random(t.seed, uint64(split), i), split)
		if t.all && split == dataset.Train {
			items = withNext(items)
		}
		items(yield)
	}
}

// Example returns example i of a split; see [Task.Stream].
func (t *Task) Example(split dataset.Split, i uint64) Example {
	var e Example
	for item := range t.Stream(split, i) {
		if item.Answer {
			e.Answers = append(e.Answers, len(e.Tokens))
		}
		e.Tokens, e.Targets = append(e.Tokens, item.Token), append(e.Targets, item.Target)
	}
	return e
}

// withNext gives each item without an answer the next token as target.
func withNext(items iter.Seq[Item]) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		var last *Item
		for item := range items {
			if last != nil && !last.Answer {
				last.Target = item.Token
			}
			if last != nil && !yield(*last) {
				return
			}
			last = &item
		}
		if last != nil {
			yield(*last)
		}
	}
}

// script is an example that is written in one piece.
type script []Item

// tell appends tokens without an answer.
func (s *script) tell(tokens ...int32) {
	for _, t := range tokens {
		*s = append(*s, Item{Token: t, Target: -1})
	}
}

// ask appends a token from which an answer is predicted.
func (s *script) ask(token, answer int32) {
	*s = append(*s, Item{Token: token, Target: answer, Answer: true})
}

// always is the longest function of examples of one length.
func always(n int) func(dataset.Split) int { return func(dataset.Split) int { return n } }

// oneIn is the floor function of a guess among n answers.
func oneIn(n int) func(Example) float64 { return func(Example) float64 { return 1 / float64(n) } }
