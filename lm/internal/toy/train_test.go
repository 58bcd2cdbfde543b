package toy

import (
	"math"
	"testing"

	"github.com/archbench/archbench/lm"
)

// TestGradient compares the gradient with finite differences of the objective.
func TestGradient(t *testing.T) {
	loaded, err := Architecture{}.Load(t.Context(), lm.LoadRequest{Variant: "default", Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	m := loaded.(*Model)
	step := lm.TrainStep{LabelSmoothing: 0.2, Teacher: &lm.Teacher{Temperature: 2, Weight: 0.3}, Documents: []lm.TrainDocument{
		{Tokens: []int32{1, 2, 3, 1, 7}, Targets: []int32{4, -1, 5, 5, 2}, Weights: []float32{1, 1, 0.5, 0, 3}}, {Tokens: []int32{9, 8, 7}},
	}}
	step.Teacher.Model = &Model{config: m.config, embed: append([]float32{}, m.head...), head: append([]float32{}, m.embed...)}
	opened, err := m.OpenTraining(t.Context(), lm.TrainingRequest{})
	if err != nil {
		t.Fatal(err)
	}
	trained := opened.(*training)
	objective := func() float64 {
		reply, err := trained.Step(t.Context(), step)
		if err != nil {
			t.Fatal(err)
		}
		return reply.Objective
	}
	objective()
	embed, head := append([]float64{}, trained.embed.gradient...), append([]float64{}, trained.head.gradient...)
	for name, c := range map[string]struct {
		weights  []float32
		gradient []float64
	}{"embed": {m.embed, embed}, "head": {m.head, head}} {
		for i := 0; i < len(c.weights); i += 7 {
			was := c.weights[i]
			c.weights[i] = was + 1e-2
			up, above := objective(), c.weights[i]
			c.weights[i] = was - 1e-2
			down, below := objective(), c.weights[i]
			c.weights[i] = was
			if want := (up - down) / float64(above-below); math.Abs(c.gradient[i]-want) > 1e-4 {
				t.Errorf("%s %d: gradient %g, by differences %g", name, i, c.gradient[i], want)
			}
		}
	}
}
