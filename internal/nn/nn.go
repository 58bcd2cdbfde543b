// Package nn holds what the architectures are built of: parameters, layers and the tape for backward.
//
// A layer has one Forward, which serves scoring, cached decoding and training. It takes a [Pass], which owns the
// memory of activations, counts FLOPs and bytes when asked, and carries a [Tape] when gradients are wanted; without
// one, recording costs nothing. Activations are [Mat] values, dense row-major matrices with one row a token.
//
// Parameters are gorgonia tensors over memory that this package owns, or packed matrices of package kernel. Shapes
// are validated when a model is loaded; later a wrong shape is a broken invariant and panics.
package nn

import (
	"math"
	"slices"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/state"
)

// Mat is a matrix of activations [Rows, Cols], one row a token. Grad is its adjoint, present while taping.
type Mat struct {
	Rows, Cols int
	Data       []float32
	Grad       []float32
}

// Row returns row r of the data.
func (m Mat) Row(r int) []float32 { return m.Data[r*m.Cols : (r+1)*m.Cols] }

// rowGrad returns the gradient of row r.
func (m Mat) rowGrad(r int) []float32 { return m.Grad[r*m.Cols : (r+1)*m.Cols] }

// Slice returns rows lo to hi as a matrix that shares memory.
func (m Mat) Slice(lo, hi int) Mat {
	s := Mat{Rows: hi - lo, Cols: m.Cols, Data: m.Data[lo*m.Cols : hi*m.Cols]}
	if m.Grad != nil {
		s.Grad = m.Grad[lo*m.Cols : hi*m.Cols]
	}
	return s
}

// parts returns a matrix that shares memory, whose rows are n equal parts of each row.
func (m Mat) parts(n int) Mat {
	return Mat{Rows: m.Rows * n, Cols: m.Cols / n, Data: m.Data, Grad: m.Grad}
}

// Span is one document's part of a Batch: rows Start to Start+Len.
type Span struct {
	Start, Len int
	// State is what the document carries from earlier tokens. The layers of a Forward advance theirs, and
	// Batch.Advance the number of tokens. Nil: the span is the whole document and nothing is kept.
	State *state.Document
}

// Batch is the input of a Forward: the new tokens of one or several documents, one after the other.
type Batch struct {
	Tokens []int32
	Spans  []Span
}

// Advance notes in the states that the batch has gone through all layers.
func (b Batch) Advance() {
	for _, s := range b.Spans {
		if s.State != nil {
			s.State.Advance(s.Len)
		}
	}
}

// Pass is one execution of a model: the memory of its activations and what is recorded on the way. It is reused
// from call to call and must not be shared by goroutines.
type Pass struct {
	Pool  *kernel.Pool
	Tape  *Tape    // nil: no backward
	Count *Counter // nil: no counting

	arena  arena
	tasks  tasks
	steady bool // see product
}

// New returns an uninitialised matrix that lives until Release of an earlier Mark, or Reset.
func (p *Pass) New(rows, cols int) Mat {
	m := Mat{Rows: rows, Cols: cols, Data: p.arena.alloc(rows * cols)}
	if p.Tape != nil {
		m.Grad = p.arena.alloc(rows * cols)
		clear(m.Grad)
	}
	return m
}

// Scratch returns n uninitialised floats with the life of a matrix from New and no gradient.
func (p *Pass) Scratch(n int) []float32 { return p.arena.alloc(n) }

// Mark remembers how much memory is in use.
func (p *Pass) Mark() Mark { return p.arena.mark }

// Release frees what was allocated since m, except while taping: backward needs it.
func (p *Pass) Release(m Mark) {
	if p.Tape == nil {
		p.arena.release(m)
	}
}

// PoisonReleased fills freed activations with NaN, so that a layer that reads them shows. Tests set it before the first
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
		p.Tape.ops = p.Tape.ops[:0]
	}
}

// PeakBytes is the most memory that activations have taken since ResetPeak.
func (p *Pass) PeakBytes() int64 { return int64(4 * p.arena.peak) }

// ResetPeak starts a new peak.
func (p *Pass) ResetPeak() { p.arena.peak = p.arena.inUse() }

// Mark is a position in a Pass's memory.
type Mark struct{ slab, offset, before int }

// arena is a stack of slabs. Slabs are kept, so a steady state allocates nothing.
type arena struct {
	slabs [][]float32
	mark  Mark // slab and offset of the next allocation; before: floats in the slabs below
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

// Tape records what backward has to do, in the order of the forward.
type Tape struct{ ops []func() }

// Record adds the backward of one operation: it adds to the gradients of the operation's inputs and parameters
// from the gradient of its output.
func (t *Tape) Record(backward func()) { t.ops = append(t.ops, backward) }

// Backward runs the records in reverse. The caller has set the gradient of the output.
func (t *Tape) Backward() {
	for _, backward := range slices.Backward(t.ops) {
		backward()
	}
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

// Component names the part of the model that the following operations belong to.
func (p *Pass) Component(name string) {
	if p.Count != nil {
		p.Count.component = name
	}
}

// Add counts an operation that the current component executed. Bytes are those of weights, inputs, outputs and
// state that it reads or writes, each once.
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
