package main

import (
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

const tinyConfig = `{"model_type": "gpt2", "vocab_size": 64, "n_positions": 32, "n_embd": 32, "n_layer": 2, "n_head": 4, "resid_pdrop": 0.1, "attn_pdrop": 0.1}`

func TestOverfits(t *testing.T) {
	modeltest.Overfits(t, Family{}, lm.LoadRequest{Config: tinyConfig, Options: map[string]string{"attn_pdrop": "0", "resid_pdrop": "0"}})
}

// TestAttentionDropoutIsRefused checks that training says why it refuses, while the model still scores.
func TestAttentionDropoutIsRefused(t *testing.T) {
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Config: tinyConfig})
	modeltest.Scores(t, m, []int32{1, 2, 3})
	_, err := m.(lm.Trainer).OpenTraining(t.Context(), lm.TrainingRequest{})
	if lm.KindOf(err) != lm.Unsupported || !strings.Contains(err.Error(), "attn_pdrop is 0.1") {
		t.Errorf("error %v", err)
	}
}

// TestResidualDropout checks that dropout acts in training alone, and differs between updates and seeds only.
func TestResidualDropout(t *testing.T) {
	load := lm.LoadRequest{Config: tinyConfig, Options: map[string]string{"attn_pdrop": "0"}}
	step := lm.TrainStep{Documents: []lm.TrainDocument{{Tokens: []int32{5, 6, 7, 8, 9, 10}}}, Update: true}
	losses := func(seed uint64) (list []float64) {
		m := modeltest.Load(t, engine.New(Family{}), load)
		training, err := m.(lm.Trainer).OpenTraining(t.Context(), lm.TrainingRequest{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the learning rate is 0
			reply, err := training.Step(t.Context(), step)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, reply.Loss)
		}
		return list
	}
	a, b, c := losses(1), losses(1), losses(2)
	if a[0] == a[1] || a[0] == c[0] || a[0] != b[0] || a[1] != b[1] {
		t.Errorf("losses %v with seed 1, %v again, %v with seed 2", a, b, c)
	}
}

func BenchmarkTraining(b *testing.B) {
	modeltest.BenchmarkTraining(b, Family{}, sharedtest.Dir(b, "checkpoints/gpt2-3m"), 16, 256)
}
