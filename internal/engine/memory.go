package engine

import (
	"context"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/lm"
)

// Memory implements lm.MemoryReporter. The peak of activations is that of the model's own passes since the last
// reset; the memory that they reuse stays allocated and shows in the process.
func (m *Model) Memory(ctx context.Context, reset bool) (lm.Memory, error) {
	var mem lm.Memory
	err := m.compute(ctx, "memory", func(l *lane) error {
		var states int64
		m.mu.Lock()
		for s := range m.sessions {
			states += s.state.Bytes()
		}
		m.mu.Unlock()
		mem.Live = append(append(mem.Live, m.info.Bytes...), lm.ByteClass{Class: "state", Bytes: states})
		mem.Peak = []lm.ByteClass{{Class: "activations", Bytes: l.pass.PeakBytes() + m.second.pass.PeakBytes()}}
		if reset {
			l.pass.ResetPeak()
			m.second.pass.ResetPeak()
		}
		return nil
	})
	return mem, err
}

// Save implements lm.Saver.
func (m *Model) Save(ctx context.Context, dir string) error {
	return m.compute(ctx, "save", func(*lane) error {
		tensors, err := m.params.Tensors()
		if err != nil {
			return &lm.Error{Kind: lm.Unsupported, Err: err}
		}
		if err := checkpoint.Save(dir, m.net.Config(), tensors); err != nil {
			return &lm.Error{Kind: lm.Resource, Err: err}
		}
		return nil
	})
}
