package study

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"

	"github.com/archbench/archbench/internal/kernel"
)

// weights is a tensor with values that several figures share.
type weights struct {
	*tensor.Dense
	out, in  int // 0: not a matrix
	min, max float64
	mean     float64
	norm     float64 // Frobenius

	sigma []float64  // singular values, descending
	right *mat.Dense // singular vectors of the shorter side, in columns
}

func newWeights(d *tensor.Dense) *weights {
	w := &weights{Dense: d, min: math.Inf(1), max: math.Inf(-1)}
	if shape := d.Shape(); len(shape) == 2 {
		w.out, w.in = shape[0], shape[1]
	}
	var sum, squares float64
	for _, v := range d.Float32s() {
		x := float64(v)
		w.min, w.max = min(w.min, x), max(w.max, x)
		sum += x
		squares += x * x
	}
	w.mean, w.norm = sum/float64(d.DataSize()), math.Sqrt(squares)
	return w
}

// outliers is the share of values more than three standard deviations from the mean; it is 0.0027 for a normal
// distribution.
func (w *weights) outliers() float64 {
	var squares float64
	for _, v := range w.Float32s() {
		squares += (float64(v) - w.mean) * (float64(v) - w.mean)
	}
	n := float64(w.DataSize())
	limit, beyond := 3*math.Sqrt(squares/n), 0
	for _, v := range w.Float32s() {
		if math.Abs(float64(v)-w.mean) > limit {
			beyond++
		}
	}
	return float64(beyond) / n
}

// roundingError is ‖W - Q(W)‖ / ‖W‖, in the Frobenius norm, where Q(W) are the weights of a model in format f.
func (w *weights) roundingError(f kernel.Format) (float64, error) {
	data := w.Float32s()
	held := kernel.NewMatrix(f, w.out, w.in, func(o int, dst []float32) { copy(dst, data[o*w.in:][:w.in]) })
	row, squares := make([]float32, w.in), 0.
	for o := range w.out {
		held.Row(o, row)
		for i, v := range data[o*w.in:][:w.in] {
			d := float64(v) - float64(row[i])
			squares += d * d
		}
	}
	return math.Sqrt(squares) / w.norm, nil
}
