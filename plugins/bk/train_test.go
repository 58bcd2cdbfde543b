package main

import (
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

func TestOverfits(t *testing.T) {
	for _, name := range []string{"row", "diag", "original", "keyed"} {
		t.Run(name, func(t *testing.T) { modeltest.Overfits(t, Family{}, lm.LoadRequest{Config: configs[name]}) })
	}
}

func BenchmarkTraining(b *testing.B) {
	modeltest.BenchmarkTraining(b, Family{}, sharedtest.Dir(b, "checkpoints/bk-row-3m"), 16, 256)
}
