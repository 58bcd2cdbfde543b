package main

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/lm"
)

// TestSaveKeepsEveryBit saves a model in bf16, whose gates remain float32, and loads it again.
func TestSaveKeepsEveryBit(t *testing.T) {
	load := func(req lm.LoadRequest) lm.Model {
		req.Precision = "bf16"
		return modeltest.Load(t, engine.New(Family{}), req)
	}
	m := load(lm.LoadRequest{Variant: "3m", Seed: 3})
	dir := t.TempDir()
	if err := m.(lm.Saver).Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	tokens := someTokens(20)
	want, got := modeltest.Scores(t, m, tokens).Logits, modeltest.Scores(t, load(lm.LoadRequest{Checkpoint: dir}), tokens).Logits
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("logit %d of the saved model is %v, want %v", i, got[i], want[i])
		}
	}
}
