package main

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/lm/lmtest"
)

// TestConformance puts every mode through the kit. The published model must show that it sees the future.
func TestConformance(t *testing.T) {
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			lmtest.Report(t, lmtest.Run(t.Context(), engine.New(Family{}), lmtest.Options{Config: config, TempDir: t.TempDir()}))
		})
	}
	for _, name := range []string{"top2", "router"} {
		t.Run("bidirectional "+name, func(t *testing.T) {
			o := lmtest.Options{Checkpoint: "testdata/bk-seed-" + name, TempDir: t.TempDir()}
			lmtest.Report(t, lmtest.Run(t.Context(), engine.New(Family{}), o))
		})
	}
}
