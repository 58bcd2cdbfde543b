package state

import "slices"

// SSM is the state of one layer of a state-space model: the last inputs of its convolution and its recurrent state. Its
// size does not depend on the number of tokens. Both are float32 in every precision, because the rounding errors of a
// recurrence accumulate over the document.
type SSM struct {
	Tail []float32 // [taps-1, channels], oldest input first
	H    []float32 // the recurrent state, in the layout of its layer
}

// NewSSM returns the state of an empty document: a convolution tail of tail floats and a recurrent state of h floats.
func NewSSM(tail, h int) *SSM { return &SSM{Tail: make([]float32, tail), H: make([]float32, h)} }

// Bytes implements Layer.
func (s *SSM) Bytes() int64 { return int64(4 * (len(s.Tail) + len(s.H))) }

// Fork implements Layer.
func (s *SSM) Fork() Layer { return &SSM{Tail: slices.Clone(s.Tail), H: slices.Clone(s.H)} }

// Reset implements Layer.
func (s *SSM) Reset() {
	clear(s.Tail)
	clear(s.H)
}

// ConvTail implements Convolved.
func (s *SSM) ConvTail() []float32 { return s.Tail }

var _ Convolved = (*SSM)(nil)
