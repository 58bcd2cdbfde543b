package engine

import (
	"context"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/lm"
)

// Memory implements lm.MemoryReporter. A training adds its gradients and the optimizer's moments. The peak of activations
// is that of the model's passes since the last reset. Passes keep their memory for reuse, so the process's memory does not
// shrink.
func (m *Model) Memory(ctx context.Context, reset bool) (lm.Memory, error) {
	var mem lm.Memory
	err := m.compute(ctx, "memory", func(l *lane) error {
		var states int64
		m.mu.Lock()
		for s := range m.sessions {
			states += s.state.Bytes()
		}
		m.mu.Unlock()
		gradients, optimizer, carried := m.training.memory()
		mem.Live = append(append(mem.Live, m.info.Bytes...), lm.ByteClass{Class: "state", Bytes: states + carried})
		if gradients > 0 {
			mem.Live = append(mem.Live, lm.ByteClass{Class: "gradients", Bytes: gradients}, lm.ByteClass{Class: "optimizer", Bytes: optimizer})
		}
		mem.Peak = []lm.ByteClass{{Class: "activations", Bytes: l.pass.PeakBytes() + m.second.pass.PeakBytes()}}
		if reset {
			l.pass.ResetPeak()
			m.second.pass.ResetPeak()
		}
		return nil
	})
	return mem, err
}

// Save implements lm.Saver. Each tensor is saved in the format that it is held in, float32 or bf16, so the saved model is
// bit-identical.
func (m *Model) Save(ctx context.Context, dir string) error {
	return m.compute(ctx, "save", func(*lane) error {
		stored, err := m.params.Tensors()
		if err != nil {
			return &lm.Error{Kind: lm.Unsupported, Err: err}
		}
		if err := checkpoint.Save(dir, m.net.Config(), checkpointTensors(stored)); err != nil {
			return &lm.Error{Kind: lm.Resource, Err: err}
		}
		return nil
	})
}

// checkpointTensors converts tensors to those of a checkpoint.
func checkpointTensors(stored []nn.StoredTensor) []safetensors.Tensor {
	tensors := make([]safetensors.Tensor, len(stored))
	for i, t := range stored {
		dtype := safetensors.F32
		if t.Format.Kind == kernel.KindBF16 {
			dtype = safetensors.BF16
		}
		tensors[i] = safetensors.Tensor{Name: t.Name, Shape: t.Shape, DType: dtype, ReadRows: func(lo, hi int, dst []float32) error {
			t.ReadRows(lo, hi, dst)
			return nil
		}}
	}
	return tensors
}
