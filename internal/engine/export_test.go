package engine

import "github.com/archbench/archbench/internal/nn"

// Params returns the model's parameters.
func (m *Model) Params() *nn.Params { return m.params }
