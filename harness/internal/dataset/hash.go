package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"

	"github.com/archbench/archbench/lm"
)

// Hash identifies the documents that a training was given and their order. Each batch is chained to those before it, so a
// training that continues from a stored hash ends with the same one as a training without interruption. The zero value is
// the hash of no batches.
type Hash struct{ sum [sha256.Size]byte }

// ParseHash reads what [Hash.String] wrote.
func ParseHash(s string) (h Hash, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h.sum) {
		return h, fmt.Errorf("%q is no hash of an order: want %d hex digits", s, 2*len(h.sum))
	}
	return Hash{[sha256.Size]byte(b)}, nil
}

// String returns the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h.sum[:]) }

// Add chains the next batch: its tokens, targets and weights.
func (h *Hash) Add(batch []lm.TrainDocument) {
	all := sha256.New()
	all.Write(h.sum[:])
	writeNumbers(all, len(batch), func(i int) uint32 { return uint32(len(batch[i].Tokens)) })
	for _, d := range batch {
		targets := d.Predicted()
		writeNumbers(all, len(d.Tokens), func(i int) uint32 { return uint32(d.Tokens[i]) })
		writeNumbers(all, len(targets), func(i int) uint32 { return uint32(targets[i]) })
		writeNumbers(all, len(d.Weights), func(i int) uint32 { return math.Float32bits(d.Weights[i]) })
	}
	all.Sum(h.sum[:0])
}

// writeNumbers writes the number n and n numbers.
func writeNumbers(all hash.Hash, n int, number func(i int) uint32) {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+4*n), uint64(n))
	for i := range n {
		b = binary.LittleEndian.AppendUint32(b, number(i))
	}
	all.Write(b)
}
