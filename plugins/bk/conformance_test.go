package main

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/lm/lmtest"
)

// TestConformance runs the conformance kit on every mode. The published model must declare that it sees the future.
func TestConformance(t *testing.T) {
	for name, o := range map[string]lmtest.Options{
		modeRow:           {Config: configs["row"]},
		modeDiag:          {Config: configs["diag"]},
		modeKeyed:         {Config: configs["keyed"]},
		"mixture":         {Config: configs["original"]},
		modeBidirectional: {Checkpoint: "testdata/bk-seed-router"},
	} {
		t.Run(name, func(t *testing.T) {
			o.TempDir = t.TempDir()
			lmtest.Report(t, lmtest.Run(t.Context(), engine.New(Family{}), o))
		})
	}
}
