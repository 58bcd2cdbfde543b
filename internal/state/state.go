// Package state holds what a model carries between the tokens of one document: the keys and values of attention,
// the tail of a convolution, recurrent states. Each kind is a plain struct that its layer reads and advances; an
// architecture composes them into a [State] per document.
package state

// State is everything that one document carries through one model.
type State interface {
	// Len is the number of tokens seen.
	Len() int
	// Bytes is the memory held now.
	Bytes() int64
	// Fork returns an independent copy.
	Fork() State
	// Reset makes it the state of an empty document; memory may be kept for reuse.
	Reset()
}
