package nn

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/archbench/archbench/internal/kernel"
)

// Source provides stored weights; checkpoint.Folder is one. [Params] finds its tensors under the model's names even if the
// program that saved them added or dropped prefixes, see named.
type Source interface {
	// Names lists the tensors.
	Names() []string
	// Shape of the tensor of that name.
	Shape(name string) ([]int, bool)
	// Absence explains why the source lacks a tensor, "" if it does not know.
	Absence(name string) string
	// NonFinite counts the values in rows [lo, hi) of the tensor that are infinite or NaN as float32, and returns the index
	// of the first among all values of the tensor.
	NonFinite(name string, lo, hi int) (count, first int)
	// ReadRows widens rows [lo, hi) of the tensor, seen as [shape[0], the rest], into dst. A scalar is one row.
	ReadRows(name string, lo, hi int, dst []float32) error
	// Float32s returns the tensor's own memory if it is stored as aligned float32, else nil. It stays valid until the
	// source is closed and must not be written.
	Float32s(name string) []float32
	// BF16s is the same for bfloat16.
	BF16s(name string) []uint16
	// ReleasePages lets the system drop the tensor's pages once it is packed. It stays readable.
	ReleasePages(name string)
}

// Param is a parameter in float32.
type Param struct {
	Name  string
	Shape []int // in memory
	// Transposed means that the file holds the matrix as [in, out]; Shape is [out, in].
	Transposed bool
	W          []float32 // by rows
	Grad       []float32 // allocated by Params.Train
	// Decay says that weight decay acts on it. It does on matrices declared as such: linears, gates, embeddings and heads,
	// not on what Params.Tensor declares, such as biases, norms, taps, decays and vectors.
	Decay bool
	// Component is the cost component of a linear, otherwise the class. Gradient norms are reported by it.
	Component string

	mapped bool              // W belongs to the source
	moved  func(w []float32) // points the matrix over W to new memory
}

// Classes of weights, by which ModelInfo reports their memory.
const (
	ClassEmbedding = "embedding"
	ClassLinear    = "linear" // the linears of the blocks
	ClassHead      = "head"   // an untied output matrix; a tied one is counted as embedding
	ClassNorm      = "norm"
	ClassOther     = "other" // convolutions, decays and other parameters declared with Tensor
)

// Params is the registry of a model's tensors. An architecture declares each tensor once, with its name, shape and
// initialisation; the declaration serves loading, initialising, counting bytes and saving. Errors stick: after the last
// declaration, Err returns the first error, which names the tensor.
type Params struct {
	src       *named // nil: initialise
	seed      uint64
	precision Precision
	parts     map[string]bool // components that have linears
	used      map[string]bool
	list      []stored
	copies    []kernel.Matrix // packed copies of a tied embedding, for the head
	warnings  []string
	derived   []func() // see derive
	ignored   []string // patterns of tensors that the model does not need
	switches  []tensorSwitch
	stop      func() error // called before every row
	pool      *kernel.Pool // transposes and checks stored tensors
	err       error
}

// stored is one declared tensor and how to read it back for saving.
type stored struct {
	name   string
	shape  []int // in the file
	class  string
	bytes  int64
	param  *Param        // nil if packed
	matrix kernel.Matrix // nil if not a matrix

	transposed bool // the file holds [in, out]
}

// NewParams returns a registry that loads from src, or initialises from seed if src is nil.
func NewParams(src Source, seed uint64, precision Precision) *Params {
	ps := &Params{
		seed: seed, precision: precision, parts: map[string]bool{}, used: map[string]bool{},
		stop: func() error { return nil },
	}
	if src != nil {
		ps.src = newNamed(src)
	}
	return ps
}

// StopOn sets a function that can end the declarations early: stop is called before each row is read or drawn, and its
// first error becomes Err. Initialising a large model takes minutes.
func (ps *Params) StopOn(stop func() error) { ps.stop = stop }

// On sets the pool whose threads the declarations use.
func (ps *Params) On(pool *kernel.Pool) { ps.pool = pool }

// Precision is the precision of the matrices.
func (ps *Params) Precision() Precision { return ps.precision }

// Part declares the linears of one component, which may have a precision of its own.
type Part struct {
	*Params
	component string
}

// In returns the part in which the linears of a component are declared. component is the name in [Pass.Component].
func (ps *Params) In(component string) Part {
	ps.parts[component] = true
	return Part{ps, component}
}

// Stored reports whether the source holds a tensor; a new model has none.
func (ps *Params) Stored(name string) bool {
	if ps.src == nil {
		return false
	}
	_, ok := ps.src.Shape(name)
	return ok
}

// New reports whether the weights are initialised from a seed.
func (ps *Params) New() bool { return ps.src == nil }

// CheckPrecision fails if the precision names a component that has no linears.
func (ps *Params) CheckPrecision() error {
	for name := range ps.precision.Parts {
		if !ps.parts[name] {
			return fmt.Errorf("precision %s: the model has no component %q to set a precision for: it has %s", ps.precision, name,
				strings.Join(slices.Sorted(maps.Keys(ps.parts)), ", "))
		}
	}
	return nil
}

// Err returns the first error of the declarations so far.
func (ps *Params) Err() error { return ps.err }

// fail keeps the first error.
func (ps *Params) fail(err error) {
	if ps.err == nil {
		ps.err = err
	}
}

// open marks name as used and checks the stored tensor.
func (ps *Params) open(name string, shape []int) bool {
	if ps.used[name] {
		ps.fail(fmt.Errorf("tensor %q is declared twice", name))
	}
	ps.used[name] = true
	if ps.src == nil {
		return true
	}
	if err := ps.check(name, shape); err != nil {
		ps.fail(err)
		return false
	}
	return true
}

// check checks that the source holds the tensor in the given shape, with finite values.
func (ps *Params) check(name string, shape []int) error {
	got, ok := ps.src.Shape(name)
	stored := ps.src.find(name)
	switch {
	case !ok:
		return fmt.Errorf("tensor %q of shape %v is missing from the checkpoint: %s%s", name, shape, ps.src.why(name), ps.switched(";", name))
	case !slices.Equal(got, shape):
		return fmt.Errorf("tensor %q has shape %v in the checkpoint, want %v", stored, got, shape)
	}
	if n, first := ps.nonFinite(name, shape); n > 0 {
		rows, cols := matrixShape(shape)
		return fmt.Errorf("tensor %q holds non-finite values, read as float32: %d of %d, the first in row %d, column %d (counted from 0)", stored, n, rows*cols, first/cols, first%cols)
	}
	return nil
}

// nonFinite counts the values of a tensor that are not finite and finds the first, on all threads.
func (ps *Params) nonFinite(name string, shape []int) (count, first int) {
	var mu sync.Mutex
	rows, _ := matrixShape(shape)
	ps.pool.Each(rows, func(lo, hi int) {
		n, at := ps.src.NonFinite(name, lo, hi)
		if n == 0 {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if count == 0 || at < first {
			first = at
		}
		count += n
	})
	return count, first
}

// reader returns a function that reads or draws one stored row of a tensor. After a failure it leaves dst unchanged and
// Err is set.
func (ps *Params) reader(name string, shape []int, init Init) func(row int, dst []float32) {
	if !ps.open(name, shape) {
		return func(int, []float32) {}
	}
	rng := newRowRand(ps.seed, name)
	return func(row int, dst []float32) {
		if ps.err != nil {
			return
		}
		err := ps.stop()
		switch {
		case err != nil:
		case ps.src == nil:
			init(rng.row(row), row, dst)
		default:
			err = ps.src.ReadRows(name, row, row+1, dst)
		}
		if err != nil {
			ps.fail(fmt.Errorf("tensor %q: %w", name, err))
		}
	}
}

// Tensor declares a parameter that stays in float32: a bias, a convolution, a decay. A scalar has no shape.
func (ps *Params) Tensor(name string, init Init, shape ...int) *Param {
	return ps.tensor(name, ClassOther, init, shape)
}

// tensor declares a float32 parameter of the given class, over the source's own memory if possible.
func (ps *Params) tensor(name string, class string, init Init, shape []int) *Param {
	rows, cols := matrixShape(shape)
	p := &Param{Name: name, Shape: shape, Component: class}
	read := ps.reader(name, shape, init)
	if ps.src != nil && ps.err == nil {
		p.W = ps.src.Float32s(name)
		p.mapped = p.W != nil
	}
	if p.W == nil {
		p.W = make([]float32, rows*cols)
		for r := range rows {
			read(r, p.W[r*cols:(r+1)*cols])
		}
	}
	if ps.src != nil && !p.mapped {
		ps.src.ReleasePages(name)
	}
	ps.list = append(ps.list, stored{name: name, shape: shape, class: class, bytes: int64(4 * len(p.W)), param: p})
	return p
}

// matrixShape returns shape as [shape[0], the rest].
func matrixShape(shape []int) (rows, cols int) {
	if len(shape) == 0 {
		return 1, 1
	}
	cols = 1
	for _, n := range shape[1:] {
		cols *= n
	}
	return shape[0], cols
}
