package state

import "github.com/archbench/archbench/internal/kernel"

// Resolvent is the state of one causal resolvent layer: the last diagonal entry g of every head and, if rows are used, the
// last row y applied to the values. Its size does not depend on the number of tokens. It is float64, because the recursion
// amplifies rounding errors by up to |g|².
type Resolvent struct {
	G kernel.Complex // [heads]
	Y kernel.Complex // [heads, values]
}

// NewResolvent returns the state of an empty document; values is 0 if rows are not used.
func NewResolvent(heads, values int) *Resolvent {
	return &Resolvent{G: kernel.NewComplex(heads), Y: kernel.NewComplex(heads * values)}
}

// Bytes implements Layer: 16 bytes for every complex number.
func (s *Resolvent) Bytes() int64 { return int64(16 * (s.G.Len() + s.Y.Len())) }

// Fork implements Layer.
func (s *Resolvent) Fork() Layer { return &Resolvent{G: s.G.Clone(), Y: s.Y.Clone()} }

// Reset implements Layer.
func (s *Resolvent) Reset() {
	s.G.Clear()
	s.Y.Clear()
}

var _ Layer = (*Resolvent)(nil)
