package state

import (
	"slices"

	"github.com/archbench/archbench/internal/kernel"
)

// Keyed is the state of one keyed resolvent layer with its convolution: the last diagonal entry g of every head, the
// products of keys and values, and the last inputs of the convolution. Its size does not depend on the number of tokens. g
// is float64, because its recursion amplifies rounding errors by up to |g|². Those of the products only decay, so they are
// float32.
type Keyed struct {
	G    kernel.Complex // [heads]
	Y    []float32      // [heads, values, keys] in the layout of its layer
	Tail []float32      // [taps-1, channels], before the convolution, oldest input first
}

// NewKeyed returns the state of an empty document: heads, products floats of products and a convolution tail of tail floats.
func NewKeyed(heads, products, tail int) *Keyed {
	return &Keyed{G: kernel.NewComplex(heads), Y: make([]float32, products), Tail: make([]float32, tail)}
}

// Bytes implements Layer: 16 bytes for every complex number, 4 for every other.
func (s *Keyed) Bytes() int64 { return int64(16*s.G.Len() + 4*(len(s.Y)+len(s.Tail))) }

// Fork implements Layer.
func (s *Keyed) Fork() Layer {
	return &Keyed{G: s.G.Clone(), Y: slices.Clone(s.Y), Tail: slices.Clone(s.Tail)}
}

// Reset implements Layer.
func (s *Keyed) Reset() {
	s.G.Clear()
	clear(s.Y)
	clear(s.Tail)
}

// ConvTail implements Convolved.
func (s *Keyed) ConvTail() []float32 { return s.Tail }

var _ Convolved = (*Keyed)(nil)
