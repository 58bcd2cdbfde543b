package dataset

import "sync"

// Epochs orders n items for an endless number of passes. Each pass is a permutation of its own, drawn from all with equal
// chances. It is safe for concurrent use.
type Epochs struct {
	seed, source uint64
	n            int

	mu    sync.Mutex
	epoch uint64
	order []uint32 // of that epoch; nil: none yet
}

// NewEpochs returns the passes over n items, 1 to 2^32, that belong to a seed. Sources that are mixed have numbers, so that
// their orders differ.
func NewEpochs(seed, source uint64, n int) *Epochs { return &Epochs{seed: seed, source: source, n: n} }

// At returns the item at a place in the sequence of all passes: places 0 to n-1 are the first pass. Places of the same
// pass are quick; each change of pass takes time in proportion to n.
func (e *Epochs) At(place uint64) int {
	n := uint64(e.n)
	e.mu.Lock()
	defer e.mu.Unlock()
	if epoch := place / n; e.order == nil || epoch != e.epoch {
		e.shuffle(epoch)
	}
	return int(e.order[place%n])
}

// shuffle draws the order of an epoch.
func (e *Epochs) shuffle(epoch uint64) {
	if e.order == nil {
		e.order = make([]uint32, e.n)
	}
	for i := range e.order {
		e.order[i] = uint32(i)
	}
	Random(e.seed, epochStream+e.source, epoch).Shuffle(e.n, func(i, j int) { e.order[i], e.order[j] = e.order[j], e.order[i] })
	e.epoch = epoch
}
