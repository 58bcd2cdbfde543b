// Package state holds what a model carries between the tokens of one document: the keys and values of attention,
// the tail of a convolution, recurrent states. Each kind is a plain struct that its layer reads and advances; an
// architecture gives every layer of a [Document] the kind that it needs.
package state

import "fmt"

// Layer is what one document carries through one layer.
type Layer interface {
	// Bytes is the memory held now.
	Bytes() int64
	// Fork returns an independent copy.
	Fork() Layer
	// Reset makes it the state of an empty document; memory may be kept for reuse.
	Reset()
}

// Document is everything that one document carries through one model.
type Document struct {
	layers []Layer
	tokens int
}

// New returns the state of an empty document from those of its n layers.
func New(n int, layer func(l int) Layer) *Document {
	d := &Document{layers: make([]Layer, n)}
	for l := range d.layers {
		d.layers[l] = layer(l)
	}
	return d
}

// Of returns what d carries through layer l, nil where d is nil. The kind is that of the layer: another one is a broken
// invariant of the architecture and panics.
func Of[L Layer](d *Document, l int) (layer L) {
	if d == nil {
		return layer
	}
	layer, ok := d.layers[l].(L)
	if !ok {
		panic(fmt.Sprintf("state: layer %d carries a %T, and reads a %T", l, d.layers[l], layer))
	}
	return layer
}

// Advance notes that n more tokens went through all layers.
func (d *Document) Advance(n int) { d.tokens += n }

// Len is the number of tokens seen. While a Forward runs it is the number before it.
func (d *Document) Len() int { return d.tokens }

// Bytes is the memory held now.
func (d *Document) Bytes() (n int64) {
	for _, l := range d.layers {
		n += l.Bytes()
	}
	return n
}

// Fork returns an independent copy.
func (d *Document) Fork() *Document {
	f := &Document{layers: make([]Layer, len(d.layers)), tokens: d.tokens}
	for i, l := range d.layers {
		f.layers[i] = l.Fork()
	}
	return f
}

// Reset makes it the state of an empty document; memory may be kept for reuse.
func (d *Document) Reset() {
	for _, l := range d.layers {
		l.Reset()
	}
	d.tokens = 0
}
