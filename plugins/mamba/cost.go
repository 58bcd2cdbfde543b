package main

import (
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/lm"
)

// The formulas below count by the rule of docs/measurement.md: a multiply-add is 2 FLOPs, any other arithmetic
// operation, division, root, exponential or logarithm 1, comparisons and copies 0. They are written from the equations
// of the package comment, and tests hold them against the counts of real executions.
//
// The products of one block and token are those of Gu and Dao: 4dE for in_proj, 2Ek for the convolution, 2E(R+2S) for
// x_proj, 2RE for dt_proj, 7ES for the scan and 2Ed for out_proj. Beside them stand what is usually left out:
//
//	norm      4d + 4       square and add, mean, eps, root, reciprocal; two products an element
//	conv      E + 4E       its bias; silu x/(1+e^-x)
//	dt_proj   E + 3E       its bias; softplus log(1+e^x)
//	scan      3E           Δ·u, and the multiply-add with D
//	gate      5E           silu and the product
//	residual  d

// amount is a number of FLOPs and bytes.
type amount struct{ flops, bytes int64 }

func (a amount) plus(b amount) amount { return amount{a.flops + b.flops, a.bytes + b.bytes} }
func (a amount) times(n int64) amount { return amount{n * a.flops, n * a.bytes} }
func (a amount) item(name string) lm.CostItem {
	return lm.CostItem{Component: name, FLOPs: a.flops, Bytes: a.bytes}
}

// work is what one Forward and one Logits do.
type work struct {
	tokens int64 // in all documents
	docs   int64
	logits int64 // rows of the head
}

// workOf translates a request.
func workOf(req lm.CostRequest) work {
	docs, length := int64(req.Batch), int64(req.Length)
	switch req.Phase {
	case lm.Prefill:
		return work{docs * length, docs, docs}
	case lm.Decode:
		return work{docs, docs, docs} // nothing depends on the length
	default:
		return work{docs * length, docs, docs * length}
	}
}

// product is y = xWᵀ + b for n rows.
func product(f kernel.Format, n, in, out int64, bias bool) amount {
	a := amount{2 * n * in * out, f.Bytes(int(out), int(in)) + 4*n*(in+out)}
	if bias {
		a = a.plus(amount{n * out, 4 * out})
	}
	return a
}

// forwardCost returns the cost of each component.
func (m *Model) forwardCost(w work) []lm.CostItem {
	c := &m.config
	n, layers, d, e := w.tokens, int64(c.Layers), int64(c.Dim), int64(c.Channels)
	s, r, k, vocab := int64(c.States), int64(c.Rank), int64(c.Taps), int64(c.Vocab)
	linear, keep := m.Blocks[0].In.W.Format(), m.Blocks[0].Step.W.Format()
	norm := amount{n * (4*d + 4), 4 * (2*n + 1) * d}
	conv := amount{2 * n * e * k, 4 * (2*n*e + e*k + 2*w.docs*e*(k-1))}
	if c.ConvBias {
		conv = conv.plus(amount{n * e, 4 * e})
	}
	silu := amount{4 * n * e, 8 * n * e}
	step := amount{0, 8 * n * r}.plus(product(keep, n, r, e, true)).plus(amount{3 * n * e, 8 * n * e})
	scan := amount{n * e * (7*s + 3), 4 * (n*(3*e+2*s) + e*s + e + 2*w.docs*e*s)}
	return []lm.CostItem{
		amount{0, n * (m.Tokens.Table.Format().Bytes(1, c.Dim) + 4*d)}.item("embedding"),
		norm.times(layers + 1).item("norm"),
		product(linear, n, d, 2*e, c.Bias).times(layers).item("in_proj"),
		conv.plus(silu).times(layers).item("conv"),
		product(linear, n, e, r+2*s, false).times(layers).item("x_proj"),
		step.times(layers).item("dt_proj"),
		scan.times(layers).item("scan"),
		amount{5 * n * e, 12 * n * e}.times(layers).item("gate"),
		product(linear, n, e, d, c.Bias).times(layers).item("out_proj"),
		amount{n * d, 12 * n * d}.times(layers).item("residual"),
		product(m.Head.W.Format(), w.logits, d, vocab, false).item("head"),
	}
}

// trainCost adds the backward to a forward with all logits. A product costs twice its forward: one for the weights'
// gradient and one for the input's; elementwise parts are taken likewise. The scan recomputes its states (5 FLOPs a
// token, channel and state) and walks back over them (16, and 10 a token and channel). Bytes are taken as three times
// the forward's: each backward operation reads what its forward read and the gradient, and writes gradients.
func (m *Model) trainCost(w work) []lm.CostItem {
	items := m.forwardCost(w)
	for i := range items {
		if items[i].Component == "scan" {
			items[i].FLOPs += int64(m.config.Layers) * w.tokens * int64(m.config.Channels) * int64(21*m.config.States+10)
		} else {
			items[i].FLOPs *= 3
		}
		items[i].Bytes *= 3
	}
	return items
}

// Cost implements engine.Network. There is no reference counter of the architecture's own.
func (m *Model) Cost(req lm.CostRequest) (analytic, reference []lm.CostItem, err error) {
	switch req.Phase {
	case lm.Prefill, lm.Scoring, lm.Decode:
		return m.forwardCost(workOf(req)), nil, nil
	case lm.Train:
		return m.trainCost(workOf(req)), nil, nil
	default:
		return nil, nil, lm.Errorf(lm.Invalid, "cost", "unknown phase %q", req.Phase)
	}
}
