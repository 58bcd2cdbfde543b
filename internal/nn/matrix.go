package nn

import "github.com/archbench/archbench/internal/kernel"

// transposeFloats bounds the scratch that turns a stored [in, out] matrix into packed rows.
const transposeFloats = 4 << 20

// matrix declares a weight matrix [out, in] in a format. The parameter is nil where the format is not float32.
func (ps *Params) matrix(name string, class string, f kernel.Format, out, in int, transposed bool, init Init) (kernel.Matrix, *Param) {
	shape := []int{out, in}
	if transposed {
		shape = []int{in, out}
	}
	if f == kernel.F32 {
		return ps.floatMatrix(name, class, shape, transposed, init)
	}
	m := ps.mappedBF16(name, f, shape, transposed)
	if m == nil {
		row := ps.reader(name, shape, init)
		if transposed {
			row = ps.transposer(row, out, in)
		}
		m = kernel.NewMatrix(f, out, in, row)
	} else {
		ps.open(name, shape)
	}
	ps.list = append(ps.list, stored{name: name, shape: shape, class: class, bytes: m.Bytes(), matrix: m, transposed: transposed})
	return m, nil
}

// floatMatrix declares a float32 matrix, which is a Param as well.
func (ps *Params) floatMatrix(name string, class string, shape []int, transposed bool, init Init) (kernel.Matrix, *Param) {
	if !transposed {
		p := ps.tensor(name, class, init, shape)
		m := p.asMatrix()
		ps.list[len(ps.list)-1].matrix = m
		return m, p
	}
	in, out := shape[0], shape[1]
	p := &Param{Name: name, Shape: []int{out, in}, Transposed: true, W: make([]float32, out*in)}
	row := ps.transposer(ps.reader(name, shape, init), out, in)
	for o := range out {
		row(o, p.W[o*in:(o+1)*in])
	}
	p.Value = dense(p.W, p.Shape)
	m := p.asMatrix()
	ps.list = append(ps.list, stored{name: name, shape: shape, class: class, bytes: m.Bytes(), param: p, matrix: m, transposed: true})
	return m, p
}

// asMatrix returns the [out, in] parameter as the right-hand side of a product.
func (p *Param) asMatrix() kernel.Matrix {
	m := kernel.NewF32(p.W, p.Shape[0], p.Shape[1])
	p.moved = m.Rebind
	return m
}

// mappedBF16 returns a bf16 matrix over the source's own memory, or nil where the file holds something else.
func (ps *Params) mappedBF16(name string, f kernel.Format, shape []int, transposed bool) kernel.Matrix {
	return nil
}

// transposer turns a reader of stored rows [in, out] into one of rows [out, in], which must be asked for in order.
// It reads the stored matrix once for as many outputs as fit its scratch.
func (ps *Params) transposer(stored func(row int, dst []float32), out, in int) func(o int, dst []float32) {
	width := max(1, min(out, transposeFloats/max(1, in)))
	block, line := make([]float32, width*in), make([]float32, out)
	return func(o int, dst []float32) {
		first := o - o%width
		if o == first {
			n := min(width, out-first)
			for i := range in {
				stored(i, line)
				for j, v := range line[first : first+n] {
					block[j*in+i] = v
				}
			}
		}
		copy(dst, block[(o-first)*in:(o-first+1)*in])
	}
}
