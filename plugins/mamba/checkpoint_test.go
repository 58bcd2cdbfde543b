package main

import (
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

func TestCheckpoint(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/mamba-3m")
	m := load(t, lm.LoadRequest{Checkpoint: dir})
	e := modeltest.ReadEvaluation(t, dir)
	if got := m.Info().Parameters; got != e.Parameters {
		t.Errorf("%d parameters, want %d", got, e.Parameters)
	}
	if w := m.Info().Warnings; len(w) > 0 {
		t.Errorf("warnings: %q", w)
	}
	modeltest.Excerpts(t, m, e)
	modeltest.Continuations(t, m, e)
}
