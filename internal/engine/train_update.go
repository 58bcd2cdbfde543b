package engine

import (
	"math"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/lm"
)

// rescale makes scale the factor of the accumulated gradient.
func (t *training) rescale(scale float64) {
	if factor := scale / t.scale; t.pending && factor != 1 {
		for _, p := range t.params {
			for i := range p.Grad {
				p.Grad[i] = float32(factor * float64(p.Grad[i]))
			}
		}
	}
	t.scale = scale
}

// norms returns the norm of the accumulated gradient, and those of the components.
func (t *training) norms() (all float64, components map[string]float64) {
	components = map[string]float64{}
	for _, p := range t.params {
		squares := sumOfSquares(t.model.pool, p.Grad)
		components[p.Component] += squares
		all += squares
	}
	for name, squares := range components {
		components[name] = math.Sqrt(squares) / t.scale
	}
	return math.Sqrt(all) / t.scale, components
}

// squaresBlock is the number of elements whose squares are summed together.
const squaresBlock = 1 << 14

// sumOfSquares sums in float64, in an order that does not depend on the pool.
func sumOfSquares(pool *kernel.Pool, x []float32) (sum float64) {
	sums := make([]float64, (len(x)+squaresBlock-1)/squaresBlock)
	pool.Each(len(sums), func(lo, hi int) {
		for b := lo; b < hi; b++ {
			sums[b] = squares(x[b*squaresBlock : min(len(x), (b+1)*squaresBlock)])
		}
	})
	for _, s := range sums {
		sum += s
	}
	return sum
}

// squares returns Σ x², in four sums that the processor adds at the same time.
func squares(x []float32) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += float64(x[0]) * float64(x[0])
		b += float64(x[1]) * float64(x[1])
		c += float64(x[2]) * float64(x[2])
		d += float64(x[3]) * float64(x[3])
	}
	for _, v := range x {
		a += float64(v) * float64(v)
	}
	return a + b + c + d
}

// update applies the accumulated gradient, which has that norm, to the weights.
func (t *training) update(step lm.TrainStep, norm float64) {
	t.info.Updates++
	adam := t.adam
	adam.LearningRate, adam.GradScale = step.LearningRate, 1/t.scale
	if step.ClipNorm > 0 && norm > step.ClipNorm {
		adam.GradScale *= step.ClipNorm / norm
	}
	for i, p := range t.params {
		own := adam
		if !p.Decay {
			own.WeightDecay = 0
		}
		own.Step(t.model.pool, p.W, p.Grad, t.moments[0][i], t.moments[1][i], int(t.info.Updates))
	}
	t.model.params.Changed()
}

// clear clears the accumulated gradient.
func (t *training) clear() {
	for _, p := range t.params {
		clear(p.Grad)
	}
	t.passes, t.pending = 0, false
}

// writeGradients writes the accumulated gradient to a file, by parameter, in the layout of a checkpoint.
func (t *training) writeGradients(path string) error {
	factor := 1 / t.scale
	tensors := checkpointTensors(t.model.params.StoredAs(func(p *nn.Param) []float32 { return p.Grad }))
	for i := range tensors {
		read := tensors[i].ReadRows
		tensors[i].ReadRows = func(lo, hi int, dst []float32) error {
			err := read(lo, hi, dst)
			for k := range dst {
				dst[k] = float32(factor * float64(dst[k]))
			}
			return err
		}
	}
	return safetensors.Write(path, tensors, nil)
}
