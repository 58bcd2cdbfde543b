package nn

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"gorgonia.org/tensor"

	"github.com/archbench/archbench/internal/kernel"
)

// Source is where stored weights come from; checkpoint.Folder is one.
type Source interface {
	// Shape of the tensor of that name.
	Shape(name string) ([]int, bool)
	// ReadRows widens rows [lo, hi) of the tensor, seen as [shape[0], the rest], into dst. A scalar is one row.
	ReadRows(name string, lo, hi int, dst []float32) error
	// Float32s returns the tensor's own memory where it is stored as aligned float32, else nil. It stays valid
	// until the source is closed and must not be written.
	Float32s(name string) []float32
	// BF16s is the same for bfloat16.
	BF16s(name string) []uint16
}

// Param is a parameter in float32.
type Param struct {
	Name  string
	Shape []int
	Value *tensor.Dense
	W     []float32 // the backing of Value
	Grad  []float32 // allocated by Params.Train
}

// Init fills row row of a new tensor, seen as [shape[0], the rest]. r is seeded by the model's seed, the tensor's
// name and the row.
type Init func(r *rand.Rand, row int, dst []float32)

// Params is the registry of a model's tensors. An architecture declares each one once, with its name, shape and
// initialisation; the same declaration loads it, initialises it, counts its bytes and saves it. Errors stick: after
// the last declaration, Err returns the first of them, which names the tensor.
type Params struct {
	src    Source // nil: initialise
	seed   uint64
	format kernel.Format
	head   kernel.Format
	used   map[string]bool
	list   []stored
	err    error
}

// stored is one declared tensor and how to read it back for saving.
type stored struct {
	name  string
	shape []int
	class string
	bytes int64
	param *Param                     // nil if packed
	row   func(i int, dst []float32) // row i in the layout of the file
}

// NewParams returns a registry that loads from src, or initialises from seed where src is nil. format applies to
// the block linears; head to the output matrix.
func NewParams(src Source, seed uint64, format, head kernel.Format) *Params {
	return &Params{src: src, seed: seed, format: format, head: head, used: map[string]bool{}}
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

// Err returns the first error of the declarations so far.
func (ps *Params) Err() error { return ps.err }

// fail keeps the first error.
func (ps *Params) fail(err error) {
	if ps.err == nil {
		ps.err = err
	}
}

// rng returns the generator of one row of a new tensor.
func (ps *Params) rng(name string, row int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(ps.seed^h.Sum64(), uint64(row)))
}

// open checks that the source holds name with the given shape and returns a reader of its rows.
func (ps *Params) open(name string, shape []int, init Init) func(row int, dst []float32) {
	ps.used[name] = true
	if ps.src == nil {
		return func(row int, dst []float32) { init(ps.rng(name, row), row, dst) }
	}
	got, ok := ps.src.Shape(name)
	switch {
	case !ok:
		ps.fail(fmt.Errorf("tensor %q of shape %v is missing from the checkpoint", name, shape))
	case !slices.Equal(got, shape):
		ps.fail(fmt.Errorf("tensor %q has shape %v in the checkpoint, want %v", name, got, shape))
	default:
		return func(row int, dst []float32) {
			if err := ps.src.ReadRows(name, row, row+1, dst); err != nil {
				ps.fail(fmt.Errorf("tensor %q: %w", name, err))
			}
		}
	}
	return func(int, []float32) {}
}

// Tensor declares a parameter that stays in float32: a norm, a bias, a convolution. A scalar has no shape.
func (ps *Params) Tensor(name string, init Init, shape ...int) *Param {
	rows, cols := matrixShape(shape)
	p := &Param{Name: name, Shape: shape}
	read := ps.open(name, shape, init)
	if ps.src != nil && ps.err == nil {
		p.W = ps.src.Float32s(name)
	}
	if p.W == nil {
		p.W = make([]float32, rows*cols)
		for r := range rows {
			read(r, p.W[r*cols:(r+1)*cols])
		}
	}
	p.Value = dense(p.W, shape)
	ps.list = append(ps.list, stored{name: name, shape: shape, class: "other", bytes: int64(4 * len(p.W)), param: p,
		row: func(i int, dst []float32) { copy(dst, p.W[i*cols:(i+1)*cols]) }})
	return p
}

// matrixShape sees a tensor as [shape[0], the rest].
func matrixShape(shape []int) (rows, cols int) {
	rows, cols = 1, 1
	for i, n := range shape {
		if i == 0 {
			rows = n
		} else {
			cols *= n
		}
	}
	return rows, cols
}

// dense wraps w as a gorgonia tensor.
func dense(w []float32, shape []int) *tensor.Dense {
	if len(shape) == 0 {
		shape = []int{1}
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(w))
}
