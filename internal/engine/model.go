package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// Model is a loaded network as an lm.Model. It implements every optional interface; its info lists those that it supports.
type Model struct {
	arch   *Architecture
	net    Network // Close writes it under mu; the holder of the gate may read it
	params *nn.Params
	info   lm.ModelInfo
	pool   *kernel.Pool
	folder *checkpoint.Folder // nil if initialised
	closed atomic.Bool

	// The lanes belong to the holder of the architecture's gate. The second one is for comparisons, because a model may be
	// compared with itself. The training belongs to that holder too.
	main, second lane
	training     *training // nil: none

	mu       sync.Mutex // protects net and sessions from callers without the gate
	sessions map[*session]struct{}
}

// Interface guards.
var (
	_ lm.Model          = (*Model)(nil)
	_ lm.Stepper        = (*Model)(nil)
	_ lm.Generator      = (*Model)(nil)
	_ lm.Coster         = (*Model)(nil)
	_ lm.MemoryReporter = (*Model)(nil)
	_ lm.Saver          = (*Model)(nil)
)

// Info implements lm.Model.
func (m *Model) Info() lm.ModelInfo { return m.info }

// Close implements lm.Model. It waits for the call in flight. A second Close does nothing.
func (m *Model) Close() error {
	if m.closed.Swap(true) {
		return nil
	}
	m.arch.gate <- struct{}{}
	defer func() { <-m.arch.gate }()
	m.pool.Close()
	m.mu.Lock()
	m.net, m.params, m.main, m.second, m.training = nil, nil, lane{}, lane{}, nil
	clear(m.sessions)
	m.mu.Unlock()
	if m.folder != nil {
		return m.folder.Close()
	}
	return nil
}

// compute runs do while nothing else computes in this process: a computation uses all its threads, and two at once would
// disturb each other's timing.
func (m *Model) compute(ctx context.Context, op string, do func(l *lane) error) error {
	select {
	case m.arch.gate <- struct{}{}:
		defer func() { <-m.arch.gate }()
	case <-ctx.Done():
		return wrap(op, ctx.Err())
	}
	if m.closed.Load() {
		return lm.Errorf(lm.Invalid, op, "the model is closed")
	}
	defer m.main.pass.Reset()
	return wrap(op, do(&m.main))
}

// wrap adds the operation to an error and keeps its kind.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return &lm.Error{Op: op, Kind: lm.KindOf(err), Err: err}
}
