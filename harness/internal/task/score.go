package task

import (
	"fmt"
	"math"
	"slices"
)

// Score adds up how a model did on examples of a task. The zero value is that of no example.
type Score struct {
	Examples int
	Answers  int
	Right    int
	guessed  float64 // answers that a guesser has right
	bits     float64
}

// Add counts an example. best[i] is the model's first choice for answer i, as in [lm.Scores] of [Example.Sequence].
func (s *Score) Add(t *Task, e Example, best []int32) error {
	if len(best) != len(e.Answers) {
		return fmt.Errorf("task %s: %d predictions for %d answers", t, len(best), len(e.Answers))
	}
	for i, at := range e.Answers {
		if best[i] == e.Targets[at] {
			s.Right++
		}
	}
	s.Examples++
	s.Answers += len(best)
	s.guessed += t.Floor(e) * float64(len(best))
	if t.bits != nil {
		s.bits += t.bits(e)
	}
	return nil
}

// Accuracy is the share of right answers, NaN without any answer.
func (s *Score) Accuracy() float64 { return float64(s.Right) / float64(s.Answers) }

// Floor is the share of answers that a guesser has right.
func (s *Score) Floor() float64 { return s.guessed / float64(s.Answers) }

// Corrected is the accuracy above chance: 0 for a guesser, 1 if all answers are right, below 0 for worse than guessing.
func (s *Score) Corrected() float64 { return Corrected(s.Accuracy(), s.Floor()) }

// BitsRecalled is the mean information per example that a model showed to have carried: what the example holds, in bits,
// times the accuracy above chance, and 0 below chance. Divided by the bits of a model's state it says how well the state is
// used. NaN if the task does not say what its examples hold.
func (s *Score) BitsRecalled() float64 {
	if s.bits == 0 {
		return math.NaN()
	}
	return s.bits / float64(s.Examples) * max(0, s.Corrected())
}

// Corrected returns (accuracy - floor) / (1 - floor).
func Corrected(accuracy, floor float64) float64 { return (accuracy - floor) / (1 - floor) }

// AtLength is the accuracy on examples of one length.
type AtLength struct {
	Length   int
	Accuracy float64
}

// EffectiveLength returns the longest measured length up to which the accuracy is at least bar at every length, and 0 if it
// is below already at the shortest. RULER (arXiv 2404.06654) uses the measure with a model's accuracy as the bar.
func EffectiveLength(points []AtLength, bar float64) int {
	sorted := slices.SortedFunc(slices.Values(points), func(a, b AtLength) int { return a.Length - b.Length })
	longest := 0
	for _, p := range sorted {
		if !(p.Accuracy >= bar) {
			break
		}
		longest = p.Length
	}
	return longest
}

// Leak is by how much a loss on unseen random tokens may lie below their entropy by chance, in nats.
const Leak = 0.02

// CheckEntropy returns an error for a loss, in nats per answer, that no honest model reaches on unseen examples: it has
// seen the answers.
func (t *Task) CheckEntropy(loss float64) error {
	if loss < t.entropy-Leak {
		return fmt.Errorf("task %s: a loss of %.4f nats is below the %.4f of unseen random tokens: the model sees what it predicts", t, loss, t.entropy)
	}
	return nil
}
