package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/lm"
)

// TestStateOfMixedLayers checks that a layer with a window caches no more than that, and one without caches everything.
func TestStateOfMixedLayers(t *testing.T) {
	dir := variantCheckpoint(t, `"sliding_window": 4, "layer_types": ["full_attention", "sliding_attention"]`)
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir})
	if got, want := m.Info().StateKind, "kv cache, ring 4 in 1 of 2 layers"; got != want {
		t.Errorf("state kind %q, want %q", got, want)
	}
	cost, err := m.(lm.Coster).Cost(t.Context(), lm.CostRequest{Phase: lm.Prefill, Batch: 1, Length: 100})
	if want := int64(2 * 4 * 16 * (100 + 4)); err != nil || cost.StateBytes != want {
		t.Errorf("%d bytes of state after 100 tokens, %v; want %d", cost.StateBytes, err, want)
	}
}

func TestFixture(t *testing.T) {
	for _, name := range []string{"mistral-window", "mistral-full"} {
		for _, flash := range []string{"true", "false"} {
			t.Run(name+" use_flash_attention="+flash, func(t *testing.T) {
				modeltest.Fixture(t, engine.New(Family{}), "testdata/"+name, map[string]string{"use_flash_attention": flash})
			})
		}
	}
}

func TestStreaming(t *testing.T) {
	for name, chunks := range map[string][]int{"mistral-window": {1, 3, 7, 15, 16, 17, 64}, "mistral-full": {1, 3, 7, 64}} {
		t.Run(name, func(t *testing.T) {
			m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: "testdata/" + name})
			var tokens []int32 // one document of all inputs, long enough to wrap the ring several times
			for _, doc := range modeltest.Inputs(t, "testdata/"+name) {
				tokens = append(tokens, doc...)
			}
			modeltest.Streaming(t, m, tokens, chunks...)
		})
	}
}

// TestRingHoldsTheWindow checks that a state never grows past W positions: 2·L·K·hd·W·4 bytes.
func TestRingHoldsTheWindow(t *testing.T) {
	ctx := context.Background()
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: "testdata/mistral-window"})
	state, err := m.(lm.Stepper).NewState(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		req := lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: make([]int32, 11)}}}
		if _, err := m.(lm.Stepper).Step(ctx, req); err != nil {
			t.Fatal(err)
		}
		if got, most := state.Bytes(), int64(2*3*2*8*16*4); got > most {
			t.Errorf("%d bytes after %d tokens, want at most %d", got, state.Len(), most)
		}
	}
}

// TestWindowBoundsReach checks in a model of one layer that a token has no influence beyond the window.
func TestWindowBoundsReach(t *testing.T) {
	config := strings.Replace(fmt.Sprintf(formulaConfig, "4", "1e-5"), `"num_hidden_layers": 2`, `"num_hidden_layers": 1`, 1)
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Config: config, Seed: 3})
	tokens := slices.Clone(modeltest.FormulaTokens)
	before := modeltest.Scores(t, m, tokens).Logits
	tokens[2]++
	after := modeltest.Scores(t, m, tokens).Logits
	for pos := range tokens {
		same := slices.Equal(before[pos*48:][:48], after[pos*48:][:48])
		if reached := pos >= 2 && pos < 2+4; same == reached {
			t.Errorf("position %d: logits unchanged is %v after token 2 changed in a window of 4", pos, same)
		}
	}
}

// TestDecodeAllocatesNothing runs single tokens through a state whose memory is allocated.
func TestDecodeAllocatesNothing(t *testing.T) {
	modeltest.NoAllocations(t, Family{}, "testdata/mistral-window", 70)
}
