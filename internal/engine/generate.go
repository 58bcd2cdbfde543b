package engine

import (
	"context"
	"slices"
	"time"

	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// Generate implements lm.Generator. At the end the states have seen the prompts and all new tokens except the last, from
// which nothing has been predicted yet.
func (m *Model) Generate(ctx context.Context, req lm.GenerateRequest, emit func(lm.GenerateChunk) bool) error {
	return m.compute(ctx, "generate", func(l *lane) error {
		if req.MaxNew < 1 {
			return lm.Errorf(lm.Invalid, "", "max new tokens is %d", req.MaxNew)
		}
		if err := checkSampling(req.Sampling); err != nil {
			return err
		}
		sessions, docs, err := m.sessionsOf(req.Inputs, 1)
		if err != nil {
			return err
		}
		g := &generation{model: m, lane: l, req: req, emit: emit, sessions: sessions}
		if err := g.prompt(ctx, docs); err != nil {
			return err
		}
		return g.run(ctx)
	})
}

// checkSampling returns an error for parameters out of range.
func checkSampling(s lm.Sampling) error {
	for _, c := range []struct {
		name  string
		value float64
		ok    bool
	}{
		{"temperature", s.Temperature, s.Temperature >= 0},
		{"top-k", float64(s.TopK), s.TopK >= 0},
		{"top-p", s.TopP, s.TopP >= 0 && s.TopP <= 1},
		{"repetition penalty", s.RepetitionPenalty, s.RepetitionPenalty >= 0},
	} {
		if !c.ok {
			return lm.Errorf(lm.Invalid, "", "%s is %v", c.name, c.value)
		}
	}
	return nil
}

// generation is the state of a Generate call.
type generation struct {
	model    *Model
	lane     *lane
	req      lm.GenerateRequest
	emit     func(lm.GenerateChunk) bool
	sessions []*session
	samplers []*sampler
	active   []int   // inputs that are not finished
	next     []int32 // newest token of each input, not fed yet
	chunk    lm.GenerateChunk
	started  time.Time // of the chunk
	stepped  time.Time // end of the last step, which is the start of the next
}

// prompt feeds the prompts and samples the first token of each.
func (g *generation) prompt(ctx context.Context, docs []document) error {
	start := time.Now()
	m, p := g.model, &g.lane.pass
	err := m.feed(ctx, g.lane, docs, func(doc int, hidden nn.Mat) error {
		g.sessions[doc].last = append(g.sessions[doc].last[:0], hidden.Row(hidden.Rows-1)...)
		return nil
	})
	if err != nil {
		return err
	}
	g.chunk.Tokens = make([][]int32, len(docs))
	g.chunk.Steps = make([]time.Duration, 0, min(g.req.MaxNew, max(1, g.req.Every))) // decoding allocates nothing
	g.next = make([]int32, len(docs))
	for i, s := range g.sessions {
		g.samplers = append(g.samplers, newSampler(lm.Sampler{Sampling: g.req.Sampling, Stream: uint64(i)}))
		g.samplers[i].see(docs[i].tokens...)
		g.active = append(g.active, i)
		mark := p.Mark()
		logits := m.logits(p, nn.Mat{Rows: 1, Cols: len(s.last), Data: s.last})
		g.next[i] = g.samplers[i].next(logits.Data)
		p.Release(mark)
	}
	g.chunk.Prefill = time.Since(start)
	return nil
}

// run decodes until every input is finished.
func (g *generation) run(ctx context.Context) error {
	g.started = time.Now()
	g.stepped = g.started
	for made := 1; ; made++ {
		g.active = slices.DeleteFunc(g.active, func(i int) bool { return slices.Contains(g.req.Stop, g.next[i]) })
		for _, i := range g.active {
			g.chunk.Tokens[i] = append(g.chunk.Tokens[i], g.next[i])
		}
		done := made == g.req.MaxNew || len(g.active) == 0
		if (done || made%max(1, g.req.Every) == 0) && !g.flush(done) || done {
			return nil
		}
		if err := g.step(ctx); err != nil {
			return err
		}
		now := time.Now()
		g.chunk.Steps = append(g.chunk.Steps, now.Sub(g.stepped))
		g.stepped = now
	}
}

// flush emits the chunk and starts the next one. It reports whether to go on.
func (g *generation) flush(done bool) bool {
	g.chunk.Compute, g.chunk.Done = time.Since(g.started), done
	more := g.emit(g.chunk)
	g.chunk = lm.GenerateChunk{Tokens: make([][]int32, len(g.sessions))}
	g.started = time.Now()
	g.stepped = g.started
	return more
}

// step feeds the newest token of each active input in one batch and samples the next ones.
func (g *generation) step(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m, l := g.model, g.lane
	l.pass.Reset()
	l.batch.Tokens, l.batch.Spans = l.batch.Tokens[:0], l.batch.Spans[:0]
	for row, i := range g.active {
		l.batch.Tokens = append(l.batch.Tokens, g.next[i])
		l.batch.Spans = append(l.batch.Spans, nn.Span{Start: row, Len: 1, State: g.sessions[i].state})
	}
	hidden, err := m.forward(&l.pass, l.batch)
	if err != nil {
		return err
	}
	logits := m.logits(&l.pass, hidden)
	for row, i := range g.active {
		g.sessions[i].last = append(g.sessions[i].last[:0], hidden.Row(row)...)
		g.next[i] = g.samplers[i].next(logits.Row(row))
	}
	return nil
}
