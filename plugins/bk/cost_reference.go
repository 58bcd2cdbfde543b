package main

import "github.com/archbench/archbench/lm"

// referenceCounter is the FLOPs counter that the reference project publishes. It always counts the bidirectional core,
// experts of twice the width, and 5 FLOPs per element of a norm. It omits v_proj, gates, values, biases, residuals and the
// phases of the router. Reports show it beside our count, never instead.
type referenceCounter struct{ *Config }

// items returns the counter's result: forward for scoring and prefill, where it counts the logits of every position,
// forward and backward for training, and nothing for decoding, which it does not cover.
func (r referenceCounter) items(req lm.CostRequest) (items []lm.CostItem) {
	if req.Phase == lm.Decode {
		return nil
	}
	d, layers, experts, k, vocab := int64(r.Dim), int64(r.Layers), int64(r.MoE.Experts), int64(r.MoE.TopK), int64(r.Vocab)
	n := int64(req.Batch) * int64(req.Length)
	norm, moe := 5*n*d, n*(2*d*experts+3*experts+k*(8*d*d+2*d))
	linear := func(in, out int64) int64 { return 2 * n * in * out }
	for _, part := range []struct {
		name              string
		forward, backward int64
	}{
		{"embedding", n * d, n * d},
		{"norm", (layers + 1) * norm, (layers + 1) * norm},
		{"moe", layers * moe, 2 * layers * moe},
		{"bk_core", layers * 34 * n, layers * 26 * n},
		{"output_proj", layers * linear(2, d), 2 * layers * linear(2, d)},
		{"head", linear(d, vocab), 2 * linear(d, vocab)},
	} {
		flops := part.forward
		if req.Phase == lm.Train {
			flops += part.backward
		}
		items = append(items, lm.CostItem{Component: "reference counter: " + part.name, FLOPs: flops})
	}
	return items
}
