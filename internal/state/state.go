// Package state holds the state that a model carries between the tokens of one document: the keys and values of
// attention, the tail of a convolution, recurrent states. Each kind is a plain struct that its layer reads and advances;
// an architecture chooses the kind of each layer of a [Document].
package state

import "fmt"

// Layer is the state of one document in one layer.
type Layer interface {
	// Bytes is the memory held now.
	Bytes() int64
	// Fork returns an independent copy.
	Fork() Layer
	// Reset makes it the state of an empty document. It may keep memory for reuse.
	Reset()
}

// Convolved is the state of a layer with a convolution.
type Convolved interface {
	Layer
	// ConvTail holds the last inputs of the convolution, [taps-1, channels], oldest first. The layer advances it in place.
	ConvTail() []float32
}

// Document is the state of one document in all layers of a model.
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

// Of returns the state of d in layer l, or nil if d is nil. It panics if the state is of another kind than the layer reads,
// which is a bug of the architecture.
func Of[L Layer](d *Document, l int) (layer L) {
	if d == nil {
		return layer
	}
	layer, ok := d.layers[l].(L)
	if !ok {
		panic(fmt.Sprintf("state: layer %d has a %T but reads a %T", l, d.layers[l], layer))
	}
	return layer
}

// Advance adds n to the number of tokens, after all layers have processed them.
func (d *Document) Advance(n int) { d.tokens += n }

// Len is the number of tokens seen. During a Forward it does not yet include the new tokens.
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

// Reset makes it the state of an empty document. It may keep memory for reuse.
func (d *Document) Reset() {
	for _, l := range d.layers {
		l.Reset()
	}
	d.tokens = 0
}
