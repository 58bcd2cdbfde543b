package state

import "slices"

// SSM is what one layer of a state-space model carries: the last inputs of its convolution and its recurrent state.
// Its size does not depend on the number of tokens. Both stay in float32 whatever the precision of the weights,
// because rounding errors of a recurrence add up over the document.
type SSM struct {
	Tail []float32 // [taps-1, channels], oldest input first
	H    []float32 // the recurrent state, in the layout of its layer
}

// Stack is the State of a model all of whose layers are state-space layers.
type Stack struct {
	Layers []SSM
	tokens int
}

// NewStack returns the state of an empty document: layers times a convolution tail of tail floats and a recurrent
// state of h floats.
func NewStack(layers, tail, h int) *Stack {
	s := &Stack{Layers: make([]SSM, layers)}
	for i := range s.Layers {
		s.Layers[i] = SSM{Tail: make([]float32, tail), H: make([]float32, h)}
	}
	return s
}

// Advance notes that n more tokens went through all layers.
func (s *Stack) Advance(n int) { s.tokens += n }

// Len implements State.
func (s *Stack) Len() int { return s.tokens }

// Bytes implements State.
func (s *Stack) Bytes() int64 {
	var floats int
	for _, l := range s.Layers {
		floats += len(l.Tail) + len(l.H)
	}
	return int64(4 * floats)
}

// Fork implements State.
func (s *Stack) Fork() State {
	fork := &Stack{Layers: make([]SSM, len(s.Layers)), tokens: s.tokens}
	for i, l := range s.Layers {
		fork.Layers[i] = SSM{Tail: slices.Clone(l.Tail), H: slices.Clone(l.H)}
	}
	return fork
}

// Reset implements State.
func (s *Stack) Reset() {
	for _, l := range s.Layers {
		clear(l.Tail)
		clear(l.H)
	}
	s.tokens = 0
}

var _ State = (*Stack)(nil)
