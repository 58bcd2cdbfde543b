package modeltest

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
)

func init() { nn.PoisonReleased = true }

// TapeChangesNothing checks that the logits of documents are the same with a tape, which keeps every activation, as without,
// when memory is reused. The network's parameters must have gradients.
func TapeChangesNothing(t testing.TB, net engine.Network, docs ...[]int32) {
	t.Helper()
	pool := kernel.NewPool(2)
	defer pool.Close()
	logits := func(tape *nn.Tape) []float32 {
		p := &nn.Pass{Pool: pool, Tape: tape}
		batch, _ := together(docs)
		hidden, err := net.Forward(p, batch)
		if err != nil {
			t.Fatal(err)
		}
		return net.Output().Forward(p, hidden).Data
	}
	Near(t, "logits with a tape", logits(&nn.Tape{}), logits(nil), 1e-5)
}
