package nn

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/archbench/archbench/internal/kernel"
)

// engine makes tensor.MatMul run on our kernels wherever the left operand is one of our parameters. It works on the
// caller's thread.
type engine struct{ tensor.StdEng }

// dense wraps w as a gorgonia tensor with our engine.
func dense(w []float32, shape []int) *tensor.Dense {
	if len(shape) == 0 {
		shape = []int{1}
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(w), tensor.WithEngine(engine{}))
}

// MatMul computes c = a·b for matrices of float32, each stored by rows or, as T leaves it, by columns. Gorgonia's own
// engine silently misreads a view of some columns; this one refuses it.
func (e engine) MatMul(a, b, c tensor.Tensor) error {
	if a.Dtype() != tensor.Float32 || b.Dtype() != tensor.Float32 || c.Dtype() != tensor.Float32 {
		return e.StdEng.MatMul(a, b, c)
	}
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
	x.mul(y, z.data)
	return nil
}

// operand is a dense matrix of float32.
type operand struct {
	data       []float32
	rows, cols int
	byColumns  bool
}

// operandOf sees a tensor as a dense matrix.
func operandOf(t tensor.Tensor) (operand, error) {
	d, ok := t.(*tensor.Dense)
	if !ok || len(t.Shape()) != 2 || len(t.Strides()) != 2 {
		return operand{}, fmt.Errorf("a %T of shape %v is not a dense matrix", t, t.Shape())
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

// mul writes x·y, by rows, to z.
func (x operand) mul(y operand, z []float32) {
	m, n, k := x.rows, y.cols, x.cols
	clear(z)
	switch {
	case y.byColumns && x.byColumns:
		kernel.MulT(nil, z, x.byRows(), y.data, m, k, n)
	case y.byColumns:
		kernel.MulT(nil, z, x.data, y.data, m, k, n)
	case x.byColumns:
		kernel.MulTN(nil, z, x.data, y.data, m, n, k)
	default:
		kernel.MulNN(nil, z, x.data, y.data, m, n, k)
	}
}

// byRows returns a copy stored by rows.
func (x operand) byRows() []float32 {
	data := make([]float32, len(x.data))
	for i := range x.rows {
		for j := range x.cols {
			data[i*x.cols+j] = x.data[j*x.rows+i]
		}
	}
	return data
}
