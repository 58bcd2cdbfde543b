package nn

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/archbench/archbench/internal/kernel"
)

// Dense returns the parameter as a tensor over W. Params.Train may move W; a tensor from before then has the old memory.
func (p *Param) Dense() *tensor.Dense { return Dense(p.W, p.Shape...) }

// Dense returns row-major w as a tensor whose products run on package kernel.
func Dense(w []float32, shape ...int) *tensor.Dense {
	if len(shape) == 0 {
		shape = []int{1}
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(w), tensor.WithEngine(engine{}))
}

// engine makes tensor.MatMul run on package kernel if the left operand is a [Dense]. It uses the caller's thread only.
type engine struct{ tensor.StdEng }

// MatMul computes c = a·b for float32 matrices. One operand may be stored by columns, as it is after T. Gorgonia's own
// engine silently misreads a view of some columns; this one returns an error.
func (engine) MatMul(a, b, c tensor.Tensor) error {
	x, err := operandOf(a)
	if err != nil {
		return fmt.Errorf("left operand of MatMul: %w", err)
	}
	y, err := operandOf(b)
	if err != nil {
		return fmt.Errorf("right operand of MatMul: %w", err)
	}
	z, err := operandOf(c)
	if err != nil || z.byColumns {
		return fmt.Errorf("result of MatMul: shape %v with strides %v is not stored by rows", c.Shape(), c.Strides())
	}
	return x.mul(y, z.data)
}

// operand is a dense matrix of float32.
type operand struct {
	data       []float32
	rows, cols int
	byColumns  bool
}

// operandOf returns a tensor as a dense matrix.
func operandOf(t tensor.Tensor) (operand, error) {
	d, ok := t.(*tensor.Dense)
	if !ok || t.Dtype() != tensor.Float32 || len(t.Shape()) != 2 || len(t.Strides()) != 2 {
		return operand{}, fmt.Errorf("a %T of %v and shape %v is not a dense matrix of float32", t, t.Dtype(), t.Shape())
	}
	o := operand{data: d.Float32s(), rows: t.Shape()[0], cols: t.Shape()[1]}
	across, along := t.Strides()[0], t.Strides()[1]
	switch {
	case (across == o.cols || o.rows == 1) && (along == 1 || o.cols == 1):
	case (across == 1 || o.rows == 1) && (along == o.rows || o.cols == 1):
		o.byColumns = true
	default:
		return operand{}, fmt.Errorf("a view of shape %v with strides %v has gaps: call Materialize first", t.Shape(), t.Strides())
	}
	return o, nil
}

// mul writes x·y to row-major z.
func (x operand) mul(y operand, z []float32) error {
	m, n, k := x.rows, y.cols, x.cols
	if x.byColumns && y.byColumns {
		return fmt.Errorf("MatMul of two matrices stored by columns, %dx%d and %dx%d: call Materialize on one first", m, k, k, n)
	}
	clear(z)
	switch {
	case y.byColumns:
		kernel.MulT(nil, z, x.data, y.data, m, k, n)
	case x.byColumns:
		kernel.MulTN(nil, z, x.data, y.data, m, n, k)
	default:
		kernel.MulNN(nil, z, x.data, y.data, m, n, k)
	}
	return nil
}
