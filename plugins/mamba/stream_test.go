package main

import (
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

// TestStream feeds 64K tokens to tiny models: memory must not grow after the first 8K.
func TestStream(t *testing.T) {
	for name, config := range map[string]string{
		"mamba": `{"vocab_size": 48, "hidden_size": 16, "state_size": 4, "num_hidden_layers": 2}`,
		"mamba2": `{"model_type": "mamba2", "vocab_size": 48, "hidden_size": 16, "num_heads": 4, "head_dim": 8, "n_groups": 2,
			"state_size": 4, "num_hidden_layers": 2}`,
	} {
		t.Run(name, func(t *testing.T) {
			modeltest.MemoryStays(t, load(t, lm.LoadRequest{Config: config}), someTokens(4096, 48), 8<<10, 64<<10)
		})
	}
}

// TestMillionTokens does the same over a million tokens with the model of 2.6 M parameters.
func TestMillionTokens(t *testing.T) {
	sharedtest.Long(t)
	m := load(t, lm.LoadRequest{Checkpoint: sharedtest.Dir(t, "checkpoints/mamba-3m")})
	modeltest.MemoryStays(t, m, someTokens(4096, m.Info().Vocab), 64<<10, 1<<20)
}
