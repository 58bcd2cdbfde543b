package kernel

import "math"

// RMSNorm writes w·x/√(mean x² + eps) for one row (Zhang and Sennrich 2019).
func RMSNorm(dst, x, w []float32, eps float64) { active.rmsNorm(dst, x, w, eps) }

// LayerNorm writes w·(x - mean)/√(var + eps) + b for one row, with the biased variance (Ba, Kiros and Hinton 2016).
func LayerNorm(dst, x, w, b []float32, eps float64) { active.layerNorm(dst, x, w, b, eps) }

// NLL writes -log softmax(logits[r])[targets[r]] in nats to out[r], for the len(targets) rows of logits.
func NLL(pool *Pool, out []float64, logits []float32, targets []int32) {
	cols := len(logits) / max(1, len(targets))
	pool.Each(len(targets), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row := logits[r*cols : (r+1)*cols]
			out[r] = LogSumExp(row) - float64(row[targets[r]])
		}
	})
}

// ArgMax returns the index of the first largest element. x must not be empty; NaN is skipped unless it comes first.
func ArgMax(x []float32) int {
	const block = 1 << 10
	best := 0
	for lo := 0; lo < len(x); lo += block {
		part := x[lo:min(lo+block, len(x))]
		if top := active.rowMax(part); top <= x[best] {
			continue
		}
		for i, v := range part {
			if v > x[best] {
				best = lo + i
			}
		}
	}
	return best
}

// rowMax returns the largest element, or NaN if there is one.
func rowMax(x []float32) float32 {
	top := float32(math.Inf(-1))
	for _, v := range x {
		top = max(top, v)
	}
	return top
}

func rmsNormReference(dst, x, w []float32, eps float64) {
	dst, w = dst[:len(x)], w[:len(x)]
	var squares float64
	for _, v := range x {
		squares += float64(v) * float64(v)
	}
	scale := float32(1 / math.Sqrt(squares/float64(len(x))+eps))
	for i, v := range x {
		dst[i] = v * scale * w[i]
	}
}

func layerNormReference(dst, x, w, b []float32, eps float64) {
	mean, scale := moments(x, eps)
	dst, w, b = dst[:len(x)], w[:len(x)], b[:len(x)]
	for i, v := range x {
		dst[i] = float32((float64(v)-mean)*scale)*w[i] + b[i]
	}
}

// moments returns the mean of x and 1/√(var + eps).
func moments(x []float32, eps float64) (mean, scale float64) {
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
	}
	mean = sum / float64(len(x))
	for _, v := range x {
		squares += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean, 1 / math.Sqrt(squares/float64(len(x))+eps)
}
