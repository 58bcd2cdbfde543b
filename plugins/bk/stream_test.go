package main

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

// TestStream feeds 64K tokens to a small model: memory must not grow after the first 8K.
func TestStream(t *testing.T) {
	for _, name := range []string{"row", "diag", "keyed"} {
		t.Run(name, func(t *testing.T) {
			modeltest.MemoryStays(t, modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Config: configs[name], Seed: 1}), someTokens(4096), 8<<10, 64<<10)
		})
	}
}

// TestMillionTokens does the same over a million tokens with a trained model.
func TestMillionTokens(t *testing.T) {
	sharedtest.Long(t)
	dir := sharedtest.Dir(t, "checkpoints/bk-row-3m")
	modeltest.MemoryStays(t, modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir}), someTokens(4096), 64<<10, 1<<20)
}
