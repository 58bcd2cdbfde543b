package nn

import (
	"math"

	"github.com/archbench/archbench/internal/kernel"
)

// CrossEntropy returns the mean of -log softmax(logits[r])[targets[r]] in nats over the rows whose target is not
// negative, with sums in float64. With a tape, Backward starts from it: its gradient is 1. It costs 3·cols + 3 FLOPs a
// row.
func CrossEntropy(p *Pass, logits Mat, targets []int32) float64 {
	var sum float64
	var rows int
	for r, target := range targets {
		if target >= 0 {
			sum += kernel.LogSumExp(logits.Row(r)) - float64(logits.Row(r)[target])
			rows++
		}
	}
	p.Add(int64(rows)*(3*int64(logits.Cols)+3), 4*int64(rows)*int64(logits.Cols))
	if p.Tape != nil {
		recordCrossEntropy(p.Tape, logits, targets, rows)
	}
	return sum / float64(rows)
}

// recordCrossEntropy adds (softmax - onehot)/rows to the gradient of the logits.
func recordCrossEntropy(t *Tape, logits Mat, targets []int32, rows int) {
	t.Record(func() {
		for r, target := range targets {
			if target < 0 {
				continue
			}
			row, grad := logits.Row(r), logits.Grad[r*logits.Cols:][:logits.Cols]
			total := kernel.LogSumExp(row)
			for i, v := range row {
				grad[i] += float32(math.Exp(float64(v)-total) / float64(rows))
			}
			grad[target] -= 1 / float32(rows)
		}
	})
}
