package state

import "testing"

func TestStack(t *testing.T) {
	s := NewStack(3, 6, 8)
	if got, want := s.Bytes(), int64(4*3*(6+8)); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
	s.Layers[1].Tail[2], s.Layers[2].H[3] = 1, 2
	s.Advance(5)
	fork := s.Fork().(*Stack)
	s.Layers[1].Tail[2], s.Layers[2].H[3] = 7, 7
	s.Advance(1)
	if fork.Len() != 5 || fork.Layers[1].Tail[2] != 1 || fork.Layers[2].H[3] != 2 {
		t.Errorf("a fork changes with its origin: %d tokens, %v", fork.Len(), fork.Layers)
	}
	if fork.Bytes() != s.Bytes() {
		t.Errorf("a fork takes %d bytes, its origin %d", fork.Bytes(), s.Bytes())
	}
	s.Reset()
	if s.Len() != 0 || s.Layers[1].Tail[2] != 0 || s.Layers[2].H[3] != 0 || fork.Layers[2].H[3] != 2 {
		t.Errorf("after reset %d tokens and %v, the fork %v", s.Len(), s.Layers, fork.Layers)
	}
}
