package main

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

func TestCheckpoint(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/mamba-3m")
	m := load(t, lm.LoadRequest{Checkpoint: dir})
	modeltest.Trained(t, m, modeltest.ReadEvaluation(t, dir))
}

func TestCheckpointQuantised(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/mamba-3m")
	modeltest.QuantisedExcerpt(t, engine.New(Family{}), modeltest.ReadEvaluation(t, dir), dir, map[string]float64{
		"bf16": .02, "int8": .01, "int8a8": .03, "int4-g32": .15,
	})
}

func TestPrecisionStreaming(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/mamba-3m")
	ids := modeltest.ReadEvaluation(t, dir).Excerpts["code"].IDs[:130]
	modeltest.PrecisionStreaming(t, engine.New(Family{}), dir, ids)
}

// TestWholeTexts repeats the whole reference evaluation, in float32 and quantised.
func TestWholeTexts(t *testing.T) {
	sharedtest.Long(t)
	modeltest.WholeTexts(t, engine.New(Family{}), sharedtest.Dir(t, "checkpoints/mamba-3m"), sharedtest.Dir(t, "corpora"))
}
