package state

import (
	"slices"

	"github.com/archbench/archbench/internal/kernel"
)

// Resolvent is what the causal resolvent layers of one model carry for one document: the last diagonal entry g of
// every head and, where rows are used, the last row y applied to the values. Its size does not depend on the number
// of tokens. It stays in float64: the recursion amplifies rounding by up to |g|².
type Resolvent struct {
	layers []ResolventLayer
	tokens int
}

// ResolventLayer is the part of one layer.
type ResolventLayer struct {
	G kernel.Complex // [heads]
	Y kernel.Complex // [heads, values]
}

// NewResolventLayer returns the zero state of a layer; values is 0 where rows are not used.
func NewResolventLayer(heads, values int) ResolventLayer {
	return ResolventLayer{G: kernel.NewComplex(heads), Y: kernel.NewComplex(heads * values)}
}

// NewResolvent returns the state of an empty document.
func NewResolvent(layers, heads, values int) *Resolvent {
	s := &Resolvent{layers: make([]ResolventLayer, layers)}
	for i := range s.layers {
		s.layers[i] = NewResolventLayer(heads, values)
	}
	return s
}

// Layer returns the part of layer l, which the layer advances in place.
func (s *Resolvent) Layer(l int) ResolventLayer { return s.layers[l] }

// Advance notes that n more tokens went through all layers.
func (s *Resolvent) Advance(n int) { s.tokens += n }

// Len implements State.
func (s *Resolvent) Len() int { return s.tokens }

// Bytes implements State: 16 bytes for every complex number.
func (s *Resolvent) Bytes() int64 {
	var n int
	for _, l := range s.layers {
		n += l.G.Len() + l.Y.Len()
	}
	return int64(16 * n)
}

// Fork implements State.
func (s *Resolvent) Fork() State {
	fork := &Resolvent{layers: slices.Clone(s.layers), tokens: s.tokens}
	for i, l := range s.layers {
		fork.layers[i] = ResolventLayer{G: l.G.Clone(), Y: l.Y.Clone()}
	}
	return fork
}

// Reset implements State.
func (s *Resolvent) Reset() {
	for _, l := range s.layers {
		l.G.Clear()
		l.Y.Clear()
	}
	s.tokens = 0
}

var _ State = (*Resolvent)(nil)
