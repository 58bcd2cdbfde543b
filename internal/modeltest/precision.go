package modeltest

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/archbench/archbench/lm"
)

// PrecisionStreaming checks that a document fed in pieces gives the losses that it gives in one piece, in every listed
// precision: the mean difference of the losses of single tokens between two ways of cutting is at most 5 % of the
// precision's own mean difference to float32.
func PrecisionStreaming(t *testing.T, arch lm.Architecture, checkpoint string, ids []int32, precisions []string, chunks ...int) {
	exact := Losses(t, Load(t, arch, lm.LoadRequest{Checkpoint: checkpoint}), ids, len(ids))
	for _, precision := range precisions {
		t.Run(precision, func(t *testing.T) {
			m := Load(t, arch, lm.LoadRequest{Checkpoint: checkpoint, Precision: precision})
			whole := Losses(t, m, ids, len(ids))
			own := meanDifference(whole, exact)
			for _, chunk := range chunks {
				got := meanDifference(Losses(t, m, ids, chunk), whole)
				t.Logf("chunks of %d: mean difference %.3g, to float32 %.3g", chunk, got, own)
				if got > .05*own {
					t.Errorf("chunks of %d change losses by %.3g, more than 5 %% of the %.3g to float32", chunk, got, own)
				}
			}
		})
	}
}

// Losses feeds a document in pieces and returns the losses of its tokens from the second on.
func Losses(t testing.TB, m lm.Model, tokens []int32, chunk int) (losses []float64) {
	t.Helper()
	ctx := context.Background()
	state, err := m.(lm.Stepper).NewState(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	for piece := range slices.Chunk(tokens, chunk) {
		reply, err := m.(lm.Stepper).Step(ctx, lm.StepRequest{
			Inputs: []lm.StepInput{{State: state, Tokens: piece}}, Want: lm.WantNLL,
		})
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, reply.Outputs[0].NLL...)
	}
	if len(losses) != len(tokens)-1 {
		t.Fatalf("%d losses of %d tokens", len(losses), len(tokens))
	}
	return losses
}

// meanDifference returns the mean of |a - b|.
func meanDifference(a, b []float64) (mean float64) {
	for i := range a {
		mean += math.Abs(a[i]-b[i]) / float64(len(a))
	}
	return mean
}
