package main

import (
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

func TestOverfits(t *testing.T) {
	for name, config := range map[string]string{
		"mamba": `{"model_type": "mamba", "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}`,
		"mamba2": `{"model_type": "mamba2", "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8,
			"num_heads": 8, "head_dim": 8, "n_groups": 1, "expand": 2}`,
	} {
		t.Run(name, func(t *testing.T) { modeltest.Overfits(t, Family{}, lm.LoadRequest{Config: config}) })
	}
}

func BenchmarkTraining(b *testing.B) {
	modeltest.BenchmarkTraining(b, Family{}, sharedtest.Dir(b, "checkpoints/mamba-3m"), 16, 256)
}
