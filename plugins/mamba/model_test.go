package main

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/lm"
)

func TestFixture(t *testing.T) {
	modeltest.Fixture(t, engine.New(Family{}), "testdata/mamba-tiny", nil)
}

func TestStreaming(t *testing.T) {
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: "testdata/mamba-tiny"})
	modeltest.Streaming(t, m, tokens(700, m.Info().Vocab), 1, 3, 7, 64, 513)
}

// tokens returns n tokens that look random.
func tokens(n, vocab int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = int32((i*i*31 + i*7919) % vocab)
	}
	return list
}
