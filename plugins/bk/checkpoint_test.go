package main

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

// trained are the reference checkpoints.
var trained = []string{"bk-row-3m", "bk-diag-3m", "bk-original-3m", "bk-keyed-3m"}

func TestCheckpoint(t *testing.T) {
	for _, name := range trained {
		t.Run(name, func(t *testing.T) {
			dir := sharedtest.Dir(t, "checkpoints/"+name)
			m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir})
			modeltest.Trained(t, m, modeltest.ReadEvaluation(t, dir))
		})
	}
}

func TestCheckpointQuantised(t *testing.T) {
	for _, name := range trained {
		t.Run(name, func(t *testing.T) {
			dir := sharedtest.Dir(t, "checkpoints/"+name)
			modeltest.QuantisedExcerpt(t, engine.New(Family{}), modeltest.ReadEvaluation(t, dir), dir, map[string]float64{
				"bf16": .02, "int8": .01, "int8a8": .03, "int4-g32": .15,
			})
		})
	}
}

func TestPrecisionStreaming(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/bk-row-3m")
	tokens := modeltest.ReadEvaluation(t, dir).Excerpts["code"].IDs[:150]
	modeltest.PrecisionStreaming(t, engine.New(Family{}), dir, tokens)
}

// TestWholeTexts repeats the whole reference evaluation, in float32 and quantised.
func TestWholeTexts(t *testing.T) {
	sharedtest.Long(t)
	for _, name := range trained {
		t.Run(name, func(t *testing.T) {
			modeltest.WholeTexts(t, engine.New(Family{}), sharedtest.Dir(t, "checkpoints/"+name), sharedtest.Dir(t, "corpora"))
		})
	}
}
