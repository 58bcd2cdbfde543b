package main

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/lm/lmtest"
)

func TestConformance(t *testing.T) {
	for _, precision := range []string{"f32", "int8"} {
		t.Run(precision, func(t *testing.T) {
			lmtest.Report(t, lmtest.Run(t.Context(), engine.New(Family{}), lmtest.Options{
				Checkpoint: "testdata/gpt2-tiny", Precision: precision, Tokens: 100, TempDir: t.TempDir(),
			}))
		})
	}
}
