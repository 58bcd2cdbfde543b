package task

import (
	"fmt"

	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/lm"
)

// Batches are the training examples of a task in batches of one size. It is safe for concurrent use.
type Batches struct {
	task   *Task
	size   int
	first  uint64          // example of the first batch, if none repeats
	epochs *dataset.Epochs // nil: no example repeats
}

// stride lies between the first examples of neighbouring seeds, 2^64 over the golden ratio, so that no two of few seeds come
// near each other.
const stride = 0x9e3779b97f4a7c15

// Batches returns the training examples in batches of size, in an order that depends on the seed. A fixed number of examples
// is shuffled for each pass over them; otherwise every batch is new, and different seeds give different examples.
func (t *Task) Batches(size int, seed uint64) (*Batches, error) {
	n := t.sizes[dataset.Train]
	switch {
	case size < 1:
		return nil, fmt.Errorf("task %s: a batch of %d examples: want at least 1", t, size)
	case n > 0 && n < size:
		return nil, fmt.Errorf("task %s: %d examples are fewer than a batch of %d: raise examples, or lower --batch", t, n, size)
	case n == 0:
		return &Batches{task: t, size: size, first: seed * stride}, nil
	}
	return &Batches{task: t, size: size, epochs: dataset.NewEpochs(seed, 0, n)}, nil
}

// Batch returns the documents of an update, from 0. It depends on the task, the size, the seed and the update only.
func (b *Batches) Batch(update int) ([]lm.TrainDocument, error) {
	if update < 0 {
		return nil, fmt.Errorf("task %s: there is no update %d", b.task, update)
	}
	documents := make([]lm.TrainDocument, b.size)
	for i := range documents {
		place := uint64(update)*uint64(b.size) + uint64(i)
		number := b.first + place
		if b.epochs != nil {
			number = uint64(b.epochs.At(place))
		}
		documents[i] = b.task.Example(dataset.Train, number).TrainDocument
	}
	return documents, nil
}
