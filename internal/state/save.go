package state

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Save writes the document, exactly. Every kind of layer is written by package gob: its exported fields, or what its
// GobEncode returns.
func (d *Document) Save(w io.Writer) error {
	enc := gob.NewEncoder(w)
	if err := enc.Encode(d.tokens); err != nil {
		return fmt.Errorf("save a document's state: %w", err)
	}
	for l, layer := range d.layers {
		if err := enc.Encode(layer); err != nil {
			return fmt.Errorf("save a document's state in layer %d: %w", l, err)
		}
	}
	return nil
}

// Load reads a saved document into d, an empty one of the same model. On error d is unusable.
func (d *Document) Load(r io.Reader) error {
	dec := gob.NewDecoder(r)
	if err := dec.Decode(&d.tokens); err != nil {
		return fmt.Errorf("load a document's state: %w", err)
	}
	for l, layer := range d.layers {
		fixed, isFixed := layer.(interface{ sizes() []int })
		var want []int
		if isFixed {
			want = fixed.sizes()
		}
		if err := dec.Decode(layer); err != nil {
			return fmt.Errorf("load a document's state in layer %d: %w", l, err)
		}
		if isFixed && !slices.Equal(fixed.sizes(), want) {
			return fmt.Errorf("load a document's state in layer %d: its sizes are %v, want %v", l, fixed.sizes(), want)
		}
	}
	return nil
}

// Swap exchanges the contents of two documents of the same model.
func (d *Document) Swap(other *Document) { *d, *other = *other, *d }

func (s *SSM) sizes() []int { return []int{len(s.Tail), len(s.H)} }

func (s *Resolvent) sizes() []int {
	return []int{len(s.G.Re), len(s.G.Im), len(s.Y.Re), len(s.Y.Im)}
}

// savedKV is a KV in float32.
type savedKV struct {
	Heads, Dim, Rows, Length int
	K, V                     []float32
}

// GobEncode implements gob.GobEncoder.
func (c *KV) GobEncode() ([]byte, error) {
	r, ok := c.ring.(*floatRing)
	if !ok {
		return nil, errors.New("keys and values in bf16 cannot be saved")
	}
	return encoded(savedKV{Heads: r.heads, Dim: r.dim, Rows: r.rows, Length: c.length, K: r.k, V: r.v})
}

// GobDecode implements gob.GobDecoder.
func (c *KV) GobDecode(data []byte) error {
	var s savedKV
	if err := decode(data, &s); err != nil {
		return err
	}
	r, ok := c.ring.(*floatRing)
	n := s.Heads * s.Rows * s.Dim
	switch {
	case !ok:
		return errors.New("keys and values in bf16 cannot be loaded")
	case s.Heads != r.heads || s.Dim != r.dim:
		return fmt.Errorf("%d heads of %d keys and values, want %d of %d", s.Heads, s.Dim, r.heads, r.dim)
	case s.Rows < 0 || s.Length < 0 || len(s.K) != n || len(s.V) != n || c.slots > 0 && s.Rows > c.slots || c.slots == 0 && s.Rows < s.Length:
		return fmt.Errorf("%d positions in %d rows with %d and %d numbers do not fit", s.Length, s.Rows, len(s.K), len(s.V))
	}
	*r = floatRing{k: s.K, v: s.V, heads: s.Heads, dim: s.Dim, rows: s.Rows}
	c.length = s.Length
	return nil
}

func encoded(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

func decode(data []byte, v any) error { return gob.NewDecoder(bytes.NewReader(data)).Decode(v) }
