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

func TestQuantisedCheckpoint(t *testing.T) {
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

func TestWholeTexts(t *testing.T) {
	sharedtest.Long(t)
	dir, corpora := sharedtest.Dir(t, "checkpoints/mamba-3m"), sharedtest.Dir(t, "corpora")
	e := modeltest.ReadEvaluation(t, dir)
	modeltest.Texts(t, load(t, lm.LoadRequest{Checkpoint: dir}), e, dir, corpora)
	modeltest.QuantisedTexts(t, engine.New(Family{}), e, dir, corpora)
}
