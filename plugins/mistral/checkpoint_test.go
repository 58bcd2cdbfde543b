package main

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

func TestCheckpoint(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/mistral-3m")
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir})
	e := modeltest.ReadEvaluation(t, dir)
	modeltest.Trained(t, m, e)
	modeltest.Streaming(t, m, e.Excerpts["en"].IDs[:300], 1, 7, 127, 128, 129)
}

func TestCheckpointQuantised(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/mistral-3m")
	modeltest.QuantisedExcerpt(t, engine.New(Family{}), modeltest.ReadEvaluation(t, dir), dir, map[string]float64{
		"bf16": .01, "int8": .01, "int4": .15, "nf4": .1, "int8a8": .05, "int4a8": .15,
	})
}

func TestPrecisionStreaming(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/mistral-3m")
	tokens := modeltest.ReadEvaluation(t, dir).Excerpts["code"].IDs[:200]
	modeltest.PrecisionStreaming(t, engine.New(Family{}), dir, tokens)
}

// TestWholeTexts repeats the whole reference evaluation, in float32 and quantised.
func TestWholeTexts(t *testing.T) {
	sharedtest.Long(t)
	modeltest.WholeTexts(t, engine.New(Family{}), sharedtest.Dir(t, "checkpoints/mistral-3m"), sharedtest.Dir(t, "corpora"))
}
