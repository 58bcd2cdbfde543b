// Package nn holds the building blocks of architectures: parameters, layers and the tape of the backward pass.
//
// A layer has one Forward, which serves scoring, cached decoding and training. It takes a [Pass], which owns the
// memory of activations, counts FLOPs and bytes if a [Counter] is set, and records gradients if a [Tape] is set; without
// a tape, recording costs nothing. Activations are [Mat] values, dense row-major matrices with one row per token.
//
// Parameters are gorgonia tensors over memory owned by this package, or packed matrices of package kernel. Shapes
// are validated when a model is loaded; after that, a wrong shape is a bug and panics.
package nn

import (
	"math"
	"slices"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/state"
)

// Mat is a matrix of activations [Rows, Cols], one row per token. Grad is its gradient, present while taping.
type Mat struct {
	Rows, Cols int
	Data       []float32
	Grad       []float32
}

// Row returns row r of the data.
func (m Mat) Row(r int) []float32 { return m.Data[r*m.Cols : (r+1)*m.Cols] }

// rowGrad returns the gradient of row r.
func (m Mat) rowGrad(r int) []float32 { return m.Grad[r*m.Cols : (r+1)*m.Cols] }

// Slice returns rows [lo, hi) as a matrix that shares memory.
func (m Mat) Slice(lo, hi int) Mat {
	s := Mat{Rows: hi - lo, Cols: m.Cols, Data: m.Data[lo*m.Cols : hi*m.Cols]}
	if m.Grad != nil {
		s.Grad = m.Grad[lo*m.Cols : hi*m.Cols]
	}
	return s
}

// parts splits each row into n equal rows. The result shares memory.
func (m Mat) parts(n int) Mat {
	return Mat{Rows: m.Rows * n, Cols: m.Cols / n, Data: m.Data, Grad: m.Grad}
}

// Span is one document's part of a Batch: rows [Start, Start+Len).
type Span struct {
	Start, Len int
	// State is what the document carries from earlier tokens. Each layer advances its part during a Forward,
	// Batch.Advance the number of tokens. If it is nil, the span is the whole document and nothing is kept.
	State *state.Document
}

// Batch is the input of a Forward: the new tokens of one or more documents, concatenated.
type Batch struct {
	Tokens []int32
	Spans  []Span
}

// Advance adds the batch's tokens to the lengths of the states, after all layers have run.
func (b Batch) Advance() {
	for _, s := range b.Spans {
		if s.State != nil {
			s.State.Advance(s.Len)
		}
	}
}

// Pass is one execution of a model: the memory of its activations, the tape and the counter. It is reused between calls
// and must not be shared by goroutines.
type Pass struct {
	Pool  *kernel.Pool
	Tape  *Tape    // nil: no backward pass
	Count *Counter // nil: no counting
	Draws *Draws   // nil: no dropout
	// Recompute frees the activations of each [Residual] and computes them again in the backward pass, which then needs
	// little memory. The gradients are the same.
	Recompute bool

	arena  arena
	tasks  tasks
	steady bool // see product
	inner  Tape // of a step that is recomputed
}

// New returns an uninitialised matrix that is valid until the Release of an earlier Mark, or Reset.
func (p *Pass) New(rows, cols int) Mat {
	m := Mat{Rows: rows, Cols: cols, Data: p.arena.alloc(rows * cols)}
	if p.Tape != nil {
		m.Grad = p.arena.alloc(rows * cols)
		clear(m.Grad)
	}
	return m
}

// Scratch returns n uninitialised floats with the lifetime of a matrix from New, without a gradient.
func (p *Pass) Scratch(n int) []float32 { return p.arena.alloc(n) }

// zeros returns n zeros with the lifetime of Scratch.
func (p *Pass) zeros(n int) []float32 {
	x := p.Scratch(n)
	clear(x)
	return x
}

// Mark returns the current position in the pass's memory.
func (p *Pass) Mark() Mark { return p.arena.mark }

// Release frees what was allocated since m, except while taping: the backward pass needs it.
func (p *Pass) Release(m Mark) {
	if p.Tape == nil {
		p.arena.release(m)
	}
}

// PoisonReleased fills freed activations with NaN, which exposes layers that read them. Tests set it before the first
// Pass; it costs time.
var PoisonReleased bool

func poison(x []float32) {
	for i := range x {
		x[i] = float32(math.NaN())
	}
}

// Reset frees everything and forgets the tape's records.
func (p *Pass) Reset() {
	p.arena.release(Mark{})
	if p.Tape != nil {
		p.Tape.clear()
	}
}

// PeakBytes is the peak memory of activations since ResetPeak.
func (p *Pass) PeakBytes() int64 { return int64(4 * p.arena.peak) }

// ResetPeak restarts the peak from the memory in use.
func (p *Pass) ResetPeak() { p.arena.peak = p.arena.inUse() }

// Mark is a position in a Pass's memory.
type Mark struct{ slab, offset, before int }

// arena is a stack of slabs. Slabs are kept for reuse, so a steady state allocates nothing.
type arena struct {
	slabs [][]float32
	mark  Mark // the next allocation; before is the number of floats in the slabs below
	peak  int
}

const slabFloats = 1 << 18

func (a *arena) alloc(n int) []float32 {
	for a.mark.slab < len(a.slabs) && a.mark.offset+n > len(a.slabs[a.mark.slab]) {
		a.mark = Mark{a.mark.slab + 1, 0, a.mark.before + a.mark.offset}
	}
	if a.mark.slab == len(a.slabs) {
		a.slabs = append(a.slabs, make([]float32, max(n, slabFloats)))
	}
	s := a.slabs[a.mark.slab][a.mark.offset : a.mark.offset+n : a.mark.offset+n]
	a.mark.offset += (n + 15) &^ 15
	a.mark.offset = min(a.mark.offset, len(a.slabs[a.mark.slab]))
	a.peak = max(a.peak, a.inUse())
	return s
}

func (a *arena) inUse() int { return a.mark.before + a.mark.offset }

func (a *arena) release(m Mark) {
	if PoisonReleased {
		a.poison(m)
	}
	a.mark = m
}

// poison fills what has been allocated since m.
func (a *arena) poison(m Mark) {
	for i := m.slab; i <= a.mark.slab && i < len(a.slabs); i++ {
		from, to := 0, len(a.slabs[i])
		if i == m.slab {
			from = m.offset
		}
		if i == a.mark.slab {
			to = a.mark.offset
		}
		poison(a.slabs[i][from:max(from, to)])
	}
}

// Tape records the backward functions of operations, in the order of the forward pass.
type Tape struct{ ops []func() }

// Record adds the backward function of one operation. From the gradient of the operation's output it adds to the
// gradients of its inputs and parameters.
func (t *Tape) Record(backward func()) { t.ops = append(t.ops, backward) }

// Backward runs the recorded functions in reverse. The caller has set the gradient of the output.
func (t *Tape) Backward() {
	for _, backward := range slices.Backward(t.ops) {
		backward()
	}
	t.clear()
}

// clear forgets the records.
func (t *Tape) clear() {
	clear(t.ops)
	t.ops = t.ops[:0]
}

// Counter adds up the FLOPs and bytes of executed operations by component. The operations increment it themselves.
type Counter struct {
	component string
	order     []string
	costs     map[string]*Cost
}

// Cost is an amount of work.
type Cost struct{ FLOPs, Bytes int64 }

// Component sets the component that the following operations are counted for.
func (p *Pass) Component(name string) {
	if p.Count != nil {
		p.Count.component = name
	}
}

// Add counts an executed operation for the current component. Bytes are those of weights, inputs, outputs and state that
// it reads or writes, each counted once.
func (p *Pass) Add(flops, bytes int64) {
	if p.Count != nil {
		p.Count.add(flops, bytes)
	}
}

func (c *Counter) add(flops, bytes int64) {
	cost := c.costs[c.component]
	if cost == nil {
		if c.costs == nil {
			c.costs = map[string]*Cost{}
		}
		cost = &Cost{}
		c.costs[c.component] = cost
		c.order = append(c.order, c.component)
	}
	cost.FLOPs += flops
	cost.Bytes += bytes
}

// Each calls f for every component in the order of its first operation.
func (c *Counter) Each(f func(component string, cost Cost)) {
	for _, name := range c.order {
		f(name, *c.costs[name])
	}
}
