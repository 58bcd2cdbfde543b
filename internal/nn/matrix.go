package nn

import "github.com/archbench/archbench/internal/kernel"

// matrix declares a weight matrix [out, in] in a format. The parameter is nil unless the whole model is float32: otherwise
// float matrices are packed too, so that a row's product does not depend on the number of rows. If activations are
// rounded, sums that differ in the last place could round differently in the next layer.
func (ps *Params) matrix(name string, class string, f kernel.Format, out, in int, transposed bool, init Init) (kernel.Matrix, *Param) {
	shape := []int{out, in}
	if transposed {
		shape = []int{in, out}
	}
	if f == kernel.F32 && ps.precision.Float() {
		return ps.floatMatrix(name, class, shape, transposed, init)
	}
	m := ps.packedMatrix(name, f, out, in, transposed, ps.reader(name, shape, init))
	ps.list = append(ps.list, stored{name: name, shape: shape, class: class, bytes: m.Bytes(), matrix: m, transposed: transposed})
	return m, nil
}

// floatMatrix declares a float32 matrix, which is a Param as well.
func (ps *Params) floatMatrix(name string, class string, shape []int, transposed bool, init Init) (kernel.Matrix, *Param) {
	if !transposed {
		p := ps.tensor(name, class, init, shape)
		p.Decay = true
		m := p.asMatrix()
		ps.list[len(ps.list)-1].matrix = m
		return m, p
	}
	in, out := shape[0], shape[1]
	p := &Param{Name: name, Shape: []int{out, in}, Transposed: true, W: make([]float32, out*in), Decay: true, Component: class}
	row := ps.reader(name, shape, init)
	switch w := ps.floats(name); {
	case ps.err != nil:
	case w != nil:
		kernel.Transpose(ps.pool, p.W, w, in, out)
	default:
		transposeColumns(p.W, row, 0, out, out, in)
	}
	if ps.src != nil {
		ps.src.ReleasePages(name)
	}
	m := p.asMatrix()
	ps.list = append(ps.list, stored{name: name, shape: shape, class: class, bytes: m.Bytes(), param: p, matrix: m, transposed: true})
	return m, p
}

// floats returns the source's own memory of a tensor in float32, or nil.
func (ps *Params) floats(name string) []float32 {
	if ps.src == nil {
		return nil
	}
	return ps.src.Float32s(name)
}

// asMatrix returns the [out, in] parameter as the right-hand side of a product.
func (p *Param) asMatrix() kernel.Matrix {
	m := kernel.NewF32(p.W, p.Shape[0], p.Shape[1])
	p.moved = m.Rebind
	return m
}

// packedMatrix packs the stored rows, or uses the source's own memory if it has the right layout.
func (ps *Params) packedMatrix(name string, f kernel.Format, out, in int, transposed bool, row func(int, []float32)) kernel.Matrix {
	if ps.err != nil {
		return kernel.NewMatrix(f, 0, in, row) // never used: Err is set
	}
	if ps.src != nil {
		kept := false
		defer func() {
			if !kept {
				ps.src.ReleasePages(name)
			}
		}()
		if w := ps.src.BF16s(name); w != nil && f.Kind == kernel.KindBF16 && !transposed {
			var m kernel.Matrix
			m, kept = kernel.NewBF16(f, w, out, in)
			return m
		}
	}
	if transposed {
		t := newTransposer(row, out, in, transposeFloats)
		defer t.release()
		if w := ps.floats(name); w != nil && t.width == out {
			kernel.Transpose(ps.pool, t.block, w, in, out)
			t.turned = true
		}
		row = t.row
	}
	return kernel.NewMatrix(f, out, in, row)
}
