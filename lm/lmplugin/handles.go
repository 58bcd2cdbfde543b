package lmplugin

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/archbench/archbench/lm"
)

// handles maps the handles known to the host to values of one kind. Handles are never 0 and never reused.
type handles[T any] struct {
	kind string // for messages
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
		return value, nil, lm.Errorf(lm.NotFound, "", "no %s with handle %d", h.kind, id)
	}
	x.calls.Add(1)
	return x.value, x.calls.Done, nil
}

// remove makes a handle invalid for new calls and waits for those in progress.
func (h *handles[T]) remove(id uint64) (value T, err error) {
	h.mu.Lock()
	x, ok := h.live[id]
	delete(h.live, id)
	h.mu.Unlock()
	if !ok {
		return value, lm.Errorf(lm.NotFound, "", "no %s with handle %d", h.kind, id)
	}
	x.calls.Wait()
	return x.value, nil
}

// removeWhere removes the handles whose values match, and returns those values.
func (h *handles[T]) removeWhere(match func(T) bool) (values []T) {
	h.mu.Lock()
	live := maps.Clone(h.live)
	h.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(live)) {
		if !match(live[id].value) {
			continue
		}
		if value, err := h.remove(id); err == nil {
			values = append(values, value)
		}
	}
	return values
}

// document is a state on the plugin's side. Calls on it take turns, so a call that follows a cancelled one waits for it to
// end.
type document struct {
	state lm.State
	model uint64
	turn  chan struct{} // holds one value while a call uses the state
}

func newDocument(model uint64, state lm.State) *document {
	return &document{state: state, model: model, turn: make(chan struct{}, 1)}
}

// claim waits for the turn of every document, in the order of their handles, so that two calls cannot deadlock.
func claim(ctx context.Context, documents map[uint64]*document) (release func(), err error) {
	var claimed []*document
	release = func() {
		for _, d := range claimed {
			<-d.turn
		}
	}
	for _, id := range slices.Sorted(maps.Keys(documents)) {
		select {
		case documents[id].turn <- struct{}{}:
			claimed = append(claimed, documents[id])
		case <-ctx.Done():
			release()
			return nil, ctx.Err()
		}
	}
	return release, nil
}
