package main

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/lm/lmtest"
)

// TestConformance runs the conformance kit.
func TestConformance(t *testing.T) {
	for _, name := range fixtures {
		t.Run(name, func(t *testing.T) {
			lmtest.Report(t, lmtest.Run(t.Context(), engine.New(Family{}), lmtest.Options{
				Checkpoint: "testdata/" + name, TempDir: t.TempDir(),
			}))
		})
	}
}
