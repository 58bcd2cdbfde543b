package nn

import "github.com/archbench/archbench/internal/kernel"

// CrossEntropy returns the mean of -log softmax(logits[r])[targets[r]] in nats over the rows whose target is not
// negative, with sums in float64. With a tape, Backward starts from it: its gradient is 1. It costs 3·cols + 3 FLOPs a
// row.
func CrossEntropy(p *Pass, logits Mat, targets []int32) float64 {
	totals := make([]float64, len(targets)) // log Σ exp of each row
	p.Pool.Each(len(targets), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			if targets[r] >= 0 {
				totals[r] = kernel.LogSumExp(logits.Row(r))
			}
		}
	})
	var sum float64
	var rows int
	for r, target := range targets {
		if target >= 0 {
			sum += totals[r] - float64(logits.Row(r)[target])
			rows++
		}
	}
	p.Add(int64(rows)*(3*int64(logits.Cols)+3), 4*int64(rows)*int64(logits.Cols))
	if p.Tape != nil {
		recordCrossEntropy(p, logits, targets, totals, rows)
	}
	return sum / float64(rows)
}

// recordCrossEntropy adds (softmax - onehot)/rows to the gradient of the logits.
func recordCrossEntropy(p *Pass, logits Mat, targets []int32, totals []float64, rows int) {
	p.Tape.Record(func() {
		p.Pool.Each(len(targets), func(lo, hi int) {
			for r := lo; r < hi; r++ {
				if targets[r] >= 0 {
					kernel.NLLGrad(logits.rowGrad(r), logits.Row(r), totals[r], targets[r], 1/float32(rows))
				}
			}
		})
	})
}
