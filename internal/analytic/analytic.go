// Package analytic predicts the cost of the architectures' layers from formulas. It implements the counting rule of
// docs/counting.md and shares no code with the layers. Predictions must equal the counts of a real execution exactly,
// so a mistake in either shows.
//
// A multiply-add is 2 FLOPs; any other arithmetic operation, division or transcendental is 1. Bytes count weights,
// inputs, outputs and state, each once per operation. rows is the number of tokens that go through a layer at once.
package analytic

import (
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/lm"
)

// Work is a cost request in numbers: each of Docs documents gets Len more tokens after Past earlier ones.
type Work struct {
	Docs, Len, Past int
	LogitRows       int  // rows that go through the output matrix
	State           bool // keys and values are kept for later tokens
	Backward        bool
}

// WorkOf translates a request.
func WorkOf(req lm.CostRequest) (Work, error) {
	w := Work{Docs: req.Batch, Len: req.Length, State: true}
	switch req.Phase {
	case lm.Prefill:
		w.LogitRows = req.Batch
	case lm.Scoring:
		w.LogitRows = req.Batch * req.Length
	case lm.Decode:
		w.Len, w.Past, w.LogitRows = 1, req.Length, req.Batch
	case lm.Train:
		w.LogitRows, w.State, w.Backward = req.Batch*req.Length, false, true
	default:
		return w, lm.Errorf(lm.Invalid, "", "unknown phase %q", req.Phase)
	}
	return w, nil
}

// Rows is the number of new tokens.
func (w Work) Rows() int { return w.Docs * w.Len }

// Sheet adds up the operations of a piece of work by component. A backward pass costs twice the forward pass; that of
// attention two and a half times, because it recomputes scores.
type Sheet struct {
	items     []lm.CostItem
	component int
	backward  bool
	// Fewest makes costs that depend on the data as small as they can be, where they are otherwise as large.
	Fewest bool
}

// NewSheet returns an empty sheet for w.
func NewSheet(w Work) *Sheet { return &Sheet{backward: w.Backward} }

// Items returns the sums in the order in which components were first named.
func (s *Sheet) Items() []lm.CostItem { return s.items }

// Component selects the part of the model that the following operations belong to.
func (s *Sheet) Component(name string) {
	for i := range s.items {
		if s.items[i].Component == name {
			s.component = i
			return
		}
	}
	s.component = len(s.items)
	s.items = append(s.items, lm.CostItem{Component: name})
}

// Add adds an operation. Its backward pass costs twice as much.
func (s *Sheet) Add(flops, bytes int) {
	if s.backward {
		flops, bytes = 3*flops, 3*bytes
	}
	s.add(flops, bytes)
}

func (s *Sheet) add(flops, bytes int) {
	s.items[s.component].FLOPs += int64(flops)
	s.items[s.component].Bytes += int64(bytes)
}

// Linear multiplies rows × in by an [out, in] matrix.
func (s *Sheet) Linear(rows, in, out int, f kernel.Format) {
	s.Add(2*rows*in*out, WeightBytes(f, out, in)+4*rows*(in+out))
}

// Bias adds a vector to every row.
func (s *Sheet) Bias(rows, out int) { s.Add(rows*out, 4*out) }

// Affine is Linear and, if there is one, its Bias.
func (s *Sheet) Affine(rows, in, out int, f kernel.Format, bias bool) {
	s.Linear(rows, in, out, f)
	if bias {
		s.Bias(rows, out)
	}
}

// Embedding looks up rows of a table.
func (s *Sheet) Embedding(rows, dim int, f kernel.Format) {
	s.Add(0, rows*(WeightBytes(f, 1, dim)+4*dim))
}

// LayerNorm normalises rows. Per element: mean 1, deviation 1, square and sum 2, normalise 2, weight and bias 2. Per
// row: 5.
func (s *Sheet) LayerNorm(rows, dim int) { s.Add(rows*(8*dim+5), 4*(2*rows+2)*dim) }

// RMSNorm scales rows. Per element: square and sum 2, normalise 1, weight 1. Per row: 4.
func (s *Sheet) RMSNorm(rows, dim int) { s.Add(rows*(4*dim+4), 4*(2*rows+1)*dim) }

// Residual adds two matrices of n elements.
func (s *Sheet) Residual(n int) { s.Add(n, 12*n) }

// Activation applies a function of the given FLOPs to n elements.
func (s *Sheet) Activation(n, flops int) { s.Add(flops*n, 8*n) }

// SwiGLU is silu(gate)·up over n elements: 4 FLOPs for silu and the product.
func (s *Sheet) SwiGLU(n int) { s.Add(5*n, 12*n) }

// Angles computes the rotations of rows tokens for heads of dim components.
func (s *Sheet) Angles(rows, dim int) { s.Add(3*rows*dim/2, 4*rows*dim+2*dim) }

// Rotate rotates heads of dim components in rows tokens: two products and a sum per component.
func (s *Sheet) Rotate(rows, heads, dim int) {
	n := rows * heads * dim
	s.Add(3*n, 8*n+4*rows*dim)
}

// WeightBytes is the size of an [out, in] matrix in a format: 4 or 2 bytes per weight, or codes of 1 or ½ byte, each
// row padded to a whole byte, plus a float32 scale per group of a row.
func WeightBytes(f kernel.Format, out, in int) int {
	group := in
	if f.Group > 0 {
		group = f.Group
	}
	scales := 4 * out * ceilDiv(in, group)
	switch f.Kind {
	case kernel.KindF32:
		return 4 * out * in
	case kernel.KindBF16:
		return 2 * out * in
	case kernel.KindInt8:
		return out*in + scales
	default:
		return out*ceilDiv(in, 2) + scales
	}
}

func ceilDiv(n, d int) int { return (n + d - 1) / d }
