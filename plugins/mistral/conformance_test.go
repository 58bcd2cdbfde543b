package main

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/lm/lmtest"
)

func TestConformance(t *testing.T) {
	tests := map[string]lmtest.Options{
		"mixed layers": {Checkpoint: variantCheckpoint(t, `"sliding_window": 16, "layer_types": ["full_attention", "sliding_attention"]`)},
		"mixed layers bf16": {
			Checkpoint: variantCheckpoint(t, `"sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]`), Precision: "bf16",
		},
		"window":     {Checkpoint: "testdata/mistral-window", Chunks: []int{15, 16, 17}},
		"full int8":  {Checkpoint: "testdata/mistral-full", Precision: "int8"},
		"full naive": {Checkpoint: "testdata/mistral-full", Options: map[string]string{"use_flash_attention": "false"}},
	}
	for name, options := range tests {
		t.Run(name, func(t *testing.T) {
			options.Tokens, options.TempDir = 100, t.TempDir()
			lmtest.Report(t, lmtest.Run(t.Context(), engine.New(Family{}), options))
		})
	}
}
