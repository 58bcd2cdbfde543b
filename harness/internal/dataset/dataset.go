// Package dataset has what corpora and tasks share as sources of training data: the sides of a split, streams of random
// numbers with random access, the order of an epoch, and a hash of what a training was given.
//
// A source is an interface{ Batch(update int) ([]lm.TrainDocument, error) }. A batch depends on the source's settings and
// the number of the update alone, so a resumed training continues without a replay, and all architectures are given the
// same tokens in the same order.
package dataset

import (
	"encoding/binary"
	"math/rand/v2"
)

// Split is a side of a data set.
type Split int

// The sides: to train on, to choose by, and to report.
const (
	Train Split = iota
	Valid
	Test
	Splits = 3 // their number
)

// String returns "training", "validation" or "test".
func (s Split) String() string { return [Splits]string{"training", "validation", "test"}[s] }

// epochStream is the stream that epochs are shuffled from; those of splits are below [Splits].
const epochStream = 1 << 32

// Random returns the generator of one item of one stream. Different arguments give independent generators: they are the
// key of ChaCha8.
func Random(seed, stream, item uint64) *rand.Rand {
	var key [32]byte
	for i, v := range [...]uint64{seed, stream, item} {
		binary.LittleEndian.PutUint64(key[8*i:], v)
	}
	return rand.New(rand.NewChaCha8(key))
}
