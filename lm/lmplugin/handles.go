package lmplugin

import (
	"context"
	"slices"
	"sync"

	"github.com/archbench/archbench/lm"
)

// handles names live values of one sort for the other end. Names are never 0 and never reused.
type handles[T any] struct {
	sort string // in words, for messages
	mu   sync.Mutex
	last uint64
	live map[uint64]*handle[T]
}

type handle[T any] struct {
	value T
	calls sync.WaitGroup // in progress
}

func (h *handles[T]) add(value T) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.live == nil {
		h.live = map[uint64]*handle[T]{}
	}
	h.last++
	h.live[h.last] = &handle[T]{value: value}
	return h.last
}

// use returns the value of a handle, which stays alive until done is called.
func (h *handles[T]) use(id uint64) (value T, done func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x, ok := h.live[id]
	if !ok {
		return value, nil, lm.Errorf(lm.NotFound, "", "no %s with handle %d", h.sort, id)
	}
	x.calls.Add(1)
	return x.value, x.calls.Done, nil
}

// remove takes a handle away from new calls and waits for those in progress.
func (h *handles[T]) remove(id uint64) (value T, err error) {
	h.mu.Lock()
	x, ok := h.live[id]
	delete(h.live, id)
	h.mu.Unlock()
	if !ok {
		return value, lm.Errorf(lm.NotFound, "", "no %s with handle %d", h.sort, id)
	}
	x.calls.Wait()
	return x.value, nil
}

// where lists the handles whose values satisfy keep.
func (h *handles[T]) where(keep func(T) bool) []uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []uint64
	for id, x := range h.live {
		if keep(x.value) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// document is a state on the plugin's side. Calls on it take turns, so that one that comes after a cancelled call
// finds it at rest.
type document struct {
	state lm.State
	model uint64
	turn  chan struct{} // holds one value while a call uses the state
}

func newDocument(model uint64, state lm.State) *document {
	return &document{state: state, model: model, turn: make(chan struct{}, 1)}
}

// claim waits for the turn of every document. They are claimed in the order of their handles, so that two calls
// cannot wait for each other.
func claim(ctx context.Context, documents map[uint64]*document) (release func(), err error) {
	ids := make([]uint64, 0, len(documents))
	for id := range documents {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	claimed := ids[:0:0]
	release = func() {
		for _, id := range claimed {
			<-documents[id].turn
		}
	}
	for _, id := range ids {
		select {
		case documents[id].turn <- struct{}{}:
			claimed = append(claimed, id)
		case <-ctx.Done():
			release()
			return nil, ctx.Err()
		}
	}
	return release, nil
}
