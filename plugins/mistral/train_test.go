package main

import (
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

func TestOverfits(t *testing.T) {
	modeltest.Overfits(t, Family{}, lm.LoadRequest{Config: `{"model_type": "mistral", "vocab_size": 64, "hidden_size": 32,
		"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 64, "sliding_window": 8}`})
}

func BenchmarkTraining(b *testing.B) {
	modeltest.BenchmarkTraining(b, Family{}, sharedtest.Dir(b, "checkpoints/mistral-3m"), 16, 256)
}
