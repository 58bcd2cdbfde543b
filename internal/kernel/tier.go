package kernel

import (
	"fmt"
	"os"
	"strings"
)

// tier is a set of kernels for one kind of CPU. A tier starts as a copy of a slower one and replaces the kernels it has
// faster variants of, so a new tier is one file and one entry in tiers.
type tier struct {
	name   string
	usable func() bool // whether this CPU can run it
	// found lists the optional instructions in use that change results; nil: none.
	found func() []string

	// matrix packs a weight matrix in the layout that the tier's products read.
	matrix func(f Format, out, in int, row func(o int, dst []float32)) Matrix
	// panel is the number of outputs of a panel.
	panel int
	// product computes y = x·wᵀ for rows rows of x with float32 weights w; nil: the tier uses the reference.
	product func(pool *Pool, w *operand, y, x []float32, rows int)
	// mulT computes y[:, lo:hi] = x·w[lo:hi, :]ᵀ with x [rows, in], w [out, in] and y [rows, out].
	mulT func(y, x, w []float32, rows, in, out, lo, hi int)
	// mulAdd computes c += a·b with a [m, k], b [k, n] and c [m, n]; a turned a is stored as [k, m].
	mulAdd func(pool *Pool, c, a, b []float32, m, n, k int, turned bool)

	// turn writes columns [lo, hi) of src, [rows, cols], as rows of dst, [cols, rows].
	turn func(dst, src []float32, rows, cols, lo, hi int)

	// narrow rounds x to bf16.
	narrow    func(dst []uint16, x []float32)
	dot       func(x, y []float32) float32
	axpy      func(a float32, x, y []float32)
	add       func(dst, x, y []float32)
	addMul    func(dst, x, y []float32)
	expAxpy   func(a, shift float32, x, y []float32) // y += a·e^(x - shift)
	exp       func(dst, x []float32)
	silu      func(dst, x []float32)
	gelu      func(dst, x []float32)
	geluNew   func(dst, x []float32)
	softplus  func(dst, x []float32)
	relu      func(dst, x []float32)
	swiglu    func(dst, gate, up []float32)
	rowMax    func(x []float32) float32
	expSum    func(x []float32, shift float32) float64
	rmsNorm   func(dst, x, w []float32, eps float64)
	layerNorm func(dst, x, w, b []float32, eps float64)
	// rotate rotates the pairs (x, y) by angles; flip is -0 to rotate back, else 0.
	rotate func(x, y, cos, sin []float32, flip float32)
	grad   gradKernels
	adamW  func(w, g, m, v []float32, r *adamRates)

	ceilings []Ceiling
	read     func(x []byte)

	attention attentionKernels
	scan      scanKernels
	resolvent resolventKernels
}

// tiers lists all tiers, fastest first. The reference is always last and always usable.
var tiers = append(simdTiers(), &reference)

// active is the tier in use, chosen before main starts.
var active, errTier = chooseTier(os.Getenv("ARCHBENCH_KERNEL"))

// chooseTier returns the named tier, or the fastest usable one if name is empty.
func chooseTier(name string) (*tier, error) {
	var names []string
	for _, t := range tiers {
		usable := t.usable()
		if usable && (name == "" || name == t.name) {
			return t, nil
		}
		if name == t.name {
			return &reference, fmt.Errorf("ARCHBENCH_KERNEL=%s: this CPU cannot run these kernels", name)
		}
		if usable {
			names = append(names, t.name)
		}
	}
	return &reference, fmt.Errorf("ARCHBENCH_KERNEL=%s: unknown kernels: use one of %s", name, strings.Join(names, ", "))
}

// Available reports whether the kernels that ARCHBENCH_KERNEL asks for exist and run on this CPU. A plugin checks this
// before it loads a model; the reference is in use until then.
func Available() error { return errTier }

// Tier names the kernels in use and the optional instructions found, which change the last places of results:
// "avx512+bf16+vnni".
func Tier() string { return active.fullName() }

// fullName is the name with the optional instructions found.
func (t *tier) fullName() string {
	if t.found == nil {
		return t.name
	}
	return strings.Join(append([]string{t.name}, t.found()...), "+")
}
