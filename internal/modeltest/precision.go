package modeltest

import (
	"math"
	"testing"

	"github.com/archbench/archbench/lm"
)

// streamNLL feeds a document in pieces of chunk tokens and returns the losses of all tokens except the first.
func streamNLL(t testing.TB, m lm.Model, tokens []int32, chunk int) (list []float64) {
	t.Helper()
	feed(t, m, tokens, chunk, lm.WantNLL, func(o lm.StepOutput) { list = append(list, o.NLL...) })
	return list
}

// PrecisionStreaming checks, in every reduced precision, that the losses of a document fed in pieces of 1, 3, 7 and 64 tokens
// differ from those of one pass, on average, by at most 5 % of the precision's own effect.
func PrecisionStreaming(t *testing.T, arch lm.Architecture, checkpoint string, tokens []int32) {
	exact := streamNLL(t, Load(t, arch, lm.LoadRequest{Checkpoint: checkpoint}), tokens, len(tokens))
	for _, precision := range []string{"bf16", "int8", "int8-g64", "int4", "nf4", "int8a8", "int4a8"} {
		t.Run(precision, func(t *testing.T) {
			m := Load(t, arch, lm.LoadRequest{Checkpoint: checkpoint, Precision: precision})
			whole := streamNLL(t, m, tokens, len(tokens))
			own := meanDifference(whole, exact)
			for _, chunk := range []int{1, 3, 7, 64} {
				d := meanDifference(streamNLL(t, m, tokens, chunk), whole)
				t.Logf("chunks of %d: mean difference %.3g, %.2f %% of the precision's own %.3g", chunk, d, 100*d/own, own)
				if d > .05*own {
					t.Errorf("chunks of %d: mean difference %g is above 5 %% of the precision's own %g", chunk, d, own)
				}
			}
		})
	}
}

func meanDifference(a, b []float64) (mean float64) {
	for i := range a {
		mean += math.Abs(a[i]-b[i]) / float64(len(a))
	}
	return mean
}
