package nn

import "fmt"

// Buffer reads a tensor of the source that is no parameter: it is neither counted nor saved, and is not unknown. It
// returns nil if there is none.
func (ps *Params) Buffer(name string) []float32 {
	if !ps.Stored(name) {
		return nil
	}
	ps.used[name] = true
	shape, _ := ps.src.Shape(name)
	if err := ps.check(name, shape); err != nil {
		ps.fail(err)
		return nil
	}
	rows, cols := matrixShape(shape)
	w := make([]float32, rows*cols)
	if err := ps.src.ReadRows(name, 0, rows, w); err != nil {
		ps.fail(fmt.Errorf("tensor %q: %w", name, err))
	}
	return w
}
