package lmplugin

import (
	"cmp"
	"testing"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/internal/toy"
)

// TestTrainingSteps checks that a step gives the same results over the wire, in several messages, and updates the model.
func TestTrainingSteps(t *testing.T) {
	const n = tokensPerMessage + 5
	tokens, targets, weights := make([]int32, n), make([]int32, n), make([]float32, n)
	for i := range tokens {
		tokens[i], targets[i] = int32(i%23), -1
	}
	targets[3], targets[n-1], weights[3], weights[n-1] = 7, 8, 0.25, 4
	step := lm.TrainStep{
		Documents: []lm.TrainDocument{{Tokens: tokens, Targets: targets, Weights: weights}, {Tokens: tokens[:4]}},
		Update:    true, LearningRate: 0.1, LabelSmoothing: 0.2, Teacher: &lm.Teacher{Temperature: 3, Weight: 0.25},
	}
	step.Documents[0].Teacher = make([]float32, 2*23)
	step.Documents[1].Teacher = make([]float32, 3*23)
	step.Documents[0].Teacher[1] = 2
	replies := make([]lm.TrainReply, 2)
	scores := make([]float64, 2)
	for i, arch := range []lm.Architecture{toy.Architecture{}, inMemory(t, toy.Architecture{})} {
		training, err := load(t, arch, "default").(lm.Trainer).OpenTraining(t.Context(), lm.TrainingRequest{Optimizer: lm.Optimizer{Options: map[string]float64{"momentum": 0.9}}})
		if err != nil {
			t.Fatal(err)
		}
		if replies[i], err = training.Step(t.Context(), step); err != nil {
			t.Fatal(err)
		}
		if o := training.Info().Optimizer; o.Name != "sgd" || o.Options["momentum"] != 0.9 {
			t.Errorf("optimizer %+v", o)
		}
		score, err := training.Model().Score(t.Context(), sequence(9))
		if err != nil {
			t.Fatal(err)
		}
		scores[i] = score.Scores[0].NLL[7]
	}
	a, b := replies[0], replies[1]
	if a.Targets != 5 || a.Weight != 7.25 || a.Loss != b.Loss || a.Objective != b.Objective || a.GradientNorm != b.GradientNorm ||
		a.Targets != b.Targets || a.Updates != 1 || b.Updates != 1 || scores[0] != scores[1] {
		t.Errorf("in the process %+v, then %g; over the wire %+v, then %g", a, scores[0], b, scores[1])
	}
}

// TestTrainingsEnd checks that a training ends with its Close or its model's, and that one that fails to open leaves no
// model behind.
func TestTrainingsEnd(t *testing.T) {
	c := inMemory(t, toy.Architecture{})
	m := load(t, c, "default").(*model)
	first, err := m.OpenTraining(t.Context(), lm.TrainingRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.OpenTraining(t.Context(), lm.TrainingRequest{}); lm.KindOf(err) != lm.Invalid {
		t.Errorf("a second training: %v", err)
	}
	if err := cmp.Or(first.Close(), first.Close()); err != nil {
		t.Error(err)
	}
	step := lm.TrainStep{Documents: []lm.TrainDocument{{Tokens: []int32{1, 2}}}}
	if _, err := first.Step(t.Context(), step); lm.KindOf(err) != lm.Invalid {
		t.Errorf("a step after the end: %v", err)
	}
	second, err := m.OpenTraining(t.Context(), lm.TrainingRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmp.Or(m.Close(), second.Close()); err != nil {
		t.Error(err)
	}
	if _, err := second.Step(t.Context(), step); lm.KindOf(err) != lm.Invalid {
		t.Errorf("a step of a closed model: %v", err)
	}
	variant := &lm.LoadRequest{Variant: "default"}
	for name, req := range map[string]lm.TrainingRequest{
		"unknown optimizer": {Load: variant, Optimizer: lm.Optimizer{Name: "dream"}},
		"unknown precision": {Load: variant, Precision: "int2"},
		"no checkpoint":     {Load: variant, Resume: t.TempDir()},
		"nothing to load":   {},
	} {
		if _, err := c.OpenTraining(t.Context(), req); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	third, err := c.OpenTraining(t.Context(), lm.TrainingRequest{Load: variant})
	if err != nil {
		t.Fatal(err)
	}
	if got := third.Model().(*model).handle; got != 5 { // one was loaded above, and three for trainings that failed
		t.Errorf("handle %d", got)
	}
	if err := third.Model().Close(); err != nil {
		t.Error(err)
	}
}
