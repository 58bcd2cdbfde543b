package state

import "testing"

func TestResolvent(t *testing.T) {
	const layers, heads, values = 3, 4, 5
	s := NewResolvent(layers, heads, values)
	if got, want := s.Bytes(), int64(layers*heads*(1+values)*16); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
	s.Layer(1).G.Set(2, 3+4i)
	s.Layer(2).Y.Set(heads*values-1, 5i)
	s.Advance(7)
	fork, ok := s.Fork().(*Resolvent)
	if !ok || fork.Len() != 7 || fork.Layer(1).G.At(2) != 3+4i || fork.Layer(2).Y.At(heads*values-1) != 5i {
		t.Fatalf("the fork is %+v", fork)
	}
	s.Layer(1).G.Set(2, 1)
	if fork.Layer(1).G.At(2) != 3+4i {
		t.Error("the fork shares memory")
	}
	s.Reset()
	if s.Len() != 0 || s.Layer(1).G.At(2) != 0 || s.Layer(2).Y.At(heads*values-1) != 0 {
		t.Error("something is left after reset")
	}
	if fork.Len() != 7 || fork.Bytes() != s.Bytes() {
		t.Error("resetting changed the fork")
	}
}
