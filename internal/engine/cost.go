package engine

import (
	"context"
	"time"

	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// Cost implements lm.Coster.
func (m *Model) Cost(ctx context.Context, req lm.CostRequest) (lm.CostReply, error) {
	if req.Batch < 1 || req.Length < 1 {
		return lm.CostReply{}, lm.Errorf(lm.Invalid, "cost", "batch %d and length %d must be at least 1", req.Batch, req.Length)
	}
	var reply lm.CostReply
	err := m.compute(ctx, "cost", func(l *lane) error {
		start := time.Now()
		var err error
		if reply.Analytic, reply.Reference, err = m.net.Cost(req); err != nil {
			return err
		}
		if b, ok := m.net.(Bounded); ok {
			reply.Least, reply.Most = b.CostBounds(req)
		}
		reply.StateBytes = m.net.StateBytes(req.Length)
		if req.Count {
			reply.Counted, err = m.count(ctx, l, req)
		}
		reply.Compute = time.Since(start)
		return err
	})
	return reply, err
}

// count executes the work of req with a counter, in one Forward: the formulas assume that weights are read once.
func (m *Model) count(ctx context.Context, l *lane, req lm.CostRequest) ([]lm.CostItem, error) {
	docs := make([]document, req.Batch)
	tokens := make([]int32, req.Length)
	for i := range tokens {
		tokens[i] = int32((i * 7919) % m.info.Vocab)
	}
	for i := range docs {
		docs[i] = document{tokens: tokens, state: m.net.NewState()}
	}
	n := req.Length
	switch req.Phase {
	case lm.Prefill, lm.Scoring:
	case lm.Decode:
		if err := m.feed(ctx, l, docs, func(int, nn.Mat) error { return nil }); err != nil {
			return nil, err
		}
		n = 1
	default:
		return nil, lm.Errorf(lm.Unsupported, "", "phase %q is known by formula only", req.Phase)
	}
	p := &l.pass
	p.Reset()
	p.Count = &nn.Counter{}
	defer func() { p.Count = nil }()
	hidden, err := m.forward(p, together(docs, tokens[:n]))
	if err != nil {
		return nil, err
	}
	m.countLogits(p, req, hidden)
	var items []lm.CostItem
	p.Count.Each(func(component string, c nn.Cost) {
		items = append(items, lm.CostItem{Component: component, FLOPs: c.FLOPs, Bytes: c.Bytes})
	})
	return items, nil
}

// countLogits executes the head: on every row for scoring, else on the last row of each document.
func (m *Model) countLogits(p *nn.Pass, req lm.CostRequest, hidden nn.Mat) {
	if req.Phase == lm.Scoring {
		m.logits(p, hidden)
		return
	}
	last := p.New(req.Batch, hidden.Cols)
	per := hidden.Rows / req.Batch
	for b := range req.Batch {
		copy(last.Row(b), hidden.Row((b+1)*per-1))
	}
	m.logits(p, last)
}

// together returns a batch in which every document gets the same tokens.
func together(docs []document, tokens []int32) nn.Batch {
	var b nn.Batch
	for i := range docs {
		b.Spans = append(b.Spans, nn.Span{Start: len(b.Tokens), Len: len(tokens), State: docs[i].state})
		b.Tokens = append(b.Tokens, tokens...)
	}
	return b
}
