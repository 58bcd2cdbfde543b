package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/lm"
)

func TestScoreScale(t *testing.T) {
	c := Config{Dim: 64, Heads: 4, Scale: true, ScaleByInv: true}
	if got := c.scale(2); got != float32(1.0/12) {
		t.Errorf("scale of layer 2 with heads of 16 is %v, want 1/(4·3)", got)
	}
}

func TestFixture(t *testing.T) {
	for _, flash := range []string{"true", "false"} {
		t.Run("use_flash_attention="+flash, func(t *testing.T) {
			modeltest.Fixture(t, engine.New(Family{}), "testdata/gpt2-tiny", map[string]string{"use_flash_attention": flash})
		})
	}
}

func TestStreaming(t *testing.T) {
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: "testdata/gpt2-tiny"})
	modeltest.Streaming(t, m, modeltest.Inputs(t, "testdata/gpt2-tiny")[0], 1, 3, 7, 64)
}

func TestContextLimit(t *testing.T) {
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: "testdata/gpt2-tiny"})
	_, err := m.Score(context.Background(), lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: make([]int32, 130), From: 1}}})
	if lm.KindOf(err) != lm.Invalid || !strings.Contains(fmt.Sprint(err), "n_positions=128") {
		t.Errorf("130 tokens in 128 positions: error %v, want one of kind invalid that names n_positions=128", err)
	}
	modeltest.Scores(t, m, make([]int32, 128))
}

// TestDecodeAllocatesNothing runs single tokens through a state whose memory is allocated.
func TestDecodeAllocatesNothing(t *testing.T) {
	modeltest.NoAllocations(t, Family{}, "testdata/gpt2-tiny", 70)
}
