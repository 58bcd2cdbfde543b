package nn

import (
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/kernel"
)

// TestNLLIsThatOfTheLogits checks that NLL equals the losses of all logits, bit for bit, without holding them all.
func TestNLLIsThatOfTheLogits(t *testing.T) {
	const rows, in, out = 300, 8, 9001
	if rows*out < nllTile {
		t.Fatalf("%d logits are no more than NLL computes at a time", rows*out)
	}
	pool := kernel.NewPool(2)
	defer pool.Close()
	for _, bias := range []bool{false, true} {
		ps := NewParams(nil, 1, Precision{})
		l := ps.In("").Linear("head", out, in, bias, Normal(1), BiasInit(Normal(1)))
		p := &Pass{Pool: pool}
		x, targets := p.New(rows, in), make([]int32, rows)
		for i := range x.Data {
			x.Data[i] = float32(i%17) - 8
		}
		for r := range targets {
			targets[r] = int32(r * 30)
		}
		want, got := make([]float64, rows), make([]float64, rows)
		kernel.NLL(pool, want, l.Forward(p, x).Data, targets)
		p.ResetPeak()
		before := p.PeakBytes()
		l.NLL(p, got, x, targets)
		if !slices.Equal(got, want) {
			t.Errorf("bias=%v: the losses differ from those of the logits", bias)
		}
		if taken := p.PeakBytes() - before; taken > 4*nllTile {
			t.Errorf("bias=%v: the losses took %d bytes of memory, want at most %d", bias, taken, 4*nllTile)
		}
	}
}
