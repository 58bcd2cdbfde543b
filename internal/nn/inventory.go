package nn

import (
	"fmt"
	"path"
	"slices"

	"github.com/archbench/archbench/internal/kernel"
)

// ClassBytes is the memory of one class of weights.
type ClassBytes struct {
	Class string
	Bytes int64
}

// Bytes returns the memory of the weights by class, in the order of the Class constants, without empty classes.
func (ps *Params) Bytes() []ClassBytes {
	sums := map[string]int64{}
	for _, t := range ps.list {
		sums[t.class] += t.bytes
	}
	for _, m := range ps.copies {
		sums[ClassHead] += m.Bytes()
	}
	var list []ClassBytes
	for _, class := range []string{ClassEmbedding, ClassLinear, ClassHead, ClassNorm, ClassOther} {
		if sums[class] > 0 {
			list = append(list, ClassBytes{class, sums[class]})
		}
	}
	return list
}

// Count is the number of parameters. A tied head is not counted again.
func (ps *Params) Count() int64 {
	var n int64
	for _, t := range ps.list {
		rows, cols := matrixShape(t.shape)
		n += int64(rows) * int64(cols)
	}
	return n
}

// Ignore names tensors that a checkpoint may hold but the model does not need, such as buffers. Patterns are those of
// path.Match.
func (ps *Params) Ignore(patterns ...string) { ps.ignored = append(ps.ignored, patterns...) }

// Switch says that a boolean key of config.json decides whether the model has the tensors that match the patterns, so that a
// disagreement of config and checkpoint can be explained. Patterns are those of path.Match.
func (ps *Params) Switch(key string, on bool, patterns ...string) {
	ps.switches = append(ps.switches, tensorSwitch{key, on, patterns})
}

// tensorSwitch is a key that decides whether a model has some tensors.
type tensorSwitch struct {
	key      string
	on       bool
	patterns []string
}

// switched explains, after a mark, that the model has or lacks a tensor because of a switch; "" if none decides it.
func (ps *Params) switched(mark, name string) string {
	for _, s := range ps.switches {
		if matches(s.patterns, name) {
			return fmt.Sprintf("%s %s is %t, in config.json or by default; if the checkpoint is right, set it to %t (--option %s=%t)", mark, s.key, s.on, !s.on, s.key, !s.on)
		}
	}
	return ""
}

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

// Warnings returns what is unusual about the source, and one warning per tensor that is neither declared nor ignored.
func (ps *Params) Warnings() []string {
	if ps.src == nil {
		return nil
	}
	var list []string
	used := map[string]bool{}
	for name := range ps.used {
		used[ps.src.find(name)] = true
	}
	for _, name := range ps.src.Names() {
		if !used[name] && !matches(ps.ignored, name) {
			list = append(list, fmt.Sprintf("tensor %q of the checkpoint is unknown to the model and was not loaded%s", name, ps.switched(":", name)))
		}
	}
	slices.Sort(list)
	return append(slices.Clone(ps.warnings), list...)
}

// matches reports whether a tensor matches a pattern, prefixes apart.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		_, wanted := split(pattern)
		_, own := split(name)
		ok, _ := path.Match(wanted, own)
		return ok
	})
}

// StoredTensor is a tensor in the layout of its file.
type StoredTensor struct {
	Name  string
	Shape []int
	// Format is float32, or bf16 for a matrix of a model in bf16.
	Format kernel.Format
	// ReadRows widens rows [lo, hi) of the tensor, seen as [Shape[0], the rest], into dst.
	ReadRows func(lo, hi int, dst []float32)
}

// Tensors lists the tensors of a checkpoint of the model, in the order of declaration. It fails for quantised weights:
// the original values are gone.
func (ps *Params) Tensors() ([]StoredTensor, error) {
	list := make([]StoredTensor, 0, len(ps.list))
	for _, t := range ps.list {
		if t.matrix != nil && t.matrix.Format().Quantised() {
			return nil, fmt.Errorf("tensor %q is quantised to %s: load the model in f32 or bf16 to save it", t.name, t.matrix.Format())
		}
		list = append(list, StoredTensor{Name: t.name, Shape: t.shape, Format: t.format(), ReadRows: t.readRows})
	}
	return list, nil
}

// format is that of the matrix; any other tensor is float32.
func (t *stored) format() kernel.Format {
	if t.matrix == nil {
		return kernel.F32
	}
	return t.matrix.Format()
}

// readRows widens stored rows [lo, hi).
func (t *stored) readRows(lo, hi int, dst []float32) {
	_, cols := matrixShape(t.shape)
	switch {
	case t.transposed:
		line := make([]float32, t.shape[0])
		for o := range cols {
			t.matrix.Row(o, line)
			for i := lo; i < hi; i++ {
				dst[(i-lo)*cols+o] = line[i]
			}
		}
	case t.matrix != nil:
		for i := lo; i < hi; i++ {
			t.matrix.Row(i, dst[(i-lo)*cols:][:cols])
		}
	default:
		copy(dst, t.param.W[lo*cols:hi*cols])
	}
}

// StoredAs lists the trainable parameters with other values than their weights, such as gradients. values returns those of
// a parameter in its own layout; ReadRows returns them in that of the file.
func (ps *Params) StoredAs(values func(p *Param) []float32) []StoredTensor {
	var list []StoredTensor
	for _, t := range ps.list {
		if t.param == nil {
			continue
		}
		x := values(t.param)
		list = append(list, StoredTensor{Name: t.name, Shape: t.shape, Format: kernel.F32, ReadRows: func(lo, hi int, dst []float32) {
			t.rowsOf(x, lo, hi, dst)
		}})
	}
	return list
}

// rowsOf copies rows [lo, hi), in the layout of the file, of values in that of the parameter.
func (t *stored) rowsOf(x []float32, lo, hi int, dst []float32) {
	rows, cols := matrixShape(t.shape)
	if !t.transposed {
		copy(dst, x[lo*cols:hi*cols])
		return
	}
	for i := lo; i < hi; i++ {
		for o := range cols {
			dst[(i-lo)*cols+o] = x[o*rows+i]
		}
	}
}

// FromStored copies values in the layout of the file to dst, in that of the parameter.
func (p *Param) FromStored(dst, stored []float32) {
	if !p.Transposed {
		copy(dst, stored)
		return
	}
	out, in := p.Shape[0], p.Shape[1]
	kernel.Transpose(nil, dst, stored, in, out)
}
