package nn

import (
	"fmt"
	"slices"
)

// Zeros declares a tensor that the source may hold but that is not a parameter: it is neither counted nor saved, and there
// is no warning about it. A value other than zero would change the model and is an error; why names what is unsupported.
func (ps *Params) Zeros(name, why string) {
	if !ps.Stored(name) {
		return
	}
	shape, _ := ps.src.Shape(name)
	rows, cols := matrixShape(shape)
	read, row := ps.reader(name, shape, nil), make([]float32, cols)
	for r := range rows {
		read(r, row)
		if slices.ContainsFunc(row, func(x float32) bool { return x != 0 }) {
			ps.fail(fmt.Errorf("tensor %q is not zero: %s", name, why))
			return
		}
	}
}
