package nn

import "github.com/archbench/archbench/internal/kernel"

// CrossEntropy returns the mean of -log softmax(logits[r])[targets[r]] in nats over the rows whose target is not
// negative, summed in float64. With a tape, Backward starts from it: its gradient is 1. It costs 3·cols + 3 FLOPs per row.
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
		p.Tape.Record(func() { crossEntropyGrad(p, logits, targets, totals, rows) })
	}
	return sum / float64(rows)
}

// crossEntropyGrad adds (softmax - onehot)/rows to the gradient of the logits.
func crossEntropyGrad(p *Pass, logits Mat, targets []int32, totals []float64, rows int) {
	p.Pool.Each(len(targets), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			if targets[r] >= 0 {
				kernel.NLLGrad(logits.rowGrad(r), logits.Row(r), totals[r], targets[r], 1/float32(rows))
			}
		}
	})
}

// nllTile is the number of logits that NLL computes at a time.
const nllTile = 1 << 21

// NLL writes -log softmax(x Wᵀ + b)[targets[r]] in nats to nll[r] for every row of x; the layer is a model's output layer.
// It computes the logits of some outputs at a time and keeps none. It costs 3·out + 3 FLOPs per row more than Forward.
func (l *Linear) NLL(p *Pass, nll []float64, x Mat, targets []int32) {
	sums := make([]kernel.LogSum, x.Rows)
	width := max(1, nllTile/max(1, x.Rows)/kernel.LogSumBlock) * kernel.LogSumBlock
	for lo := 0; lo < l.Out; lo += width {
		mark := p.Mark()
		logits := l.some(p, x, lo, min(l.Out, lo+width))
		p.Pool.Each(x.Rows, func(first, end int) {
			for r := first; r < end; r++ {
				sums[r].Add(logits.Row(r))
				if t := int(targets[r]) - lo; t >= 0 && t < logits.Cols {
					nll[r] = -float64(logits.Row(r)[t])
				}
			}
		})
		p.Release(mark)
	}
	for r := range sums {
		nll[r] += sums[r].Value()
	}
	p.Add(int64(x.Rows)*(3*int64(l.Out)+3), 4*int64(x.Rows)*int64(l.Out))
}

// some returns outputs [lo, hi) of x Wᵀ + b.
func (l *Linear) some(p *Pass, x Mat, lo, hi int) Mat {
	part := *l
	part.Out, part.W = hi-lo, l.W.Part(lo, hi)
	if l.Bias != nil {
		part.Bias = &Param{W: l.Bias.W[lo:hi]}
	}
	return part.Forward(p, x)
}
