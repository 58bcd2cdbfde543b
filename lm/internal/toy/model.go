package toy

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/archbench/archbench/lm"
)

// Model is a loaded toy model. It implements every optional interface of package lm.
type Model struct {
	config      Config
	embed, head []float32 // [vocab_size, hidden_size]
	initialised bool
	loadTime    time.Duration
	closed      atomic.Bool
	training    atomic.Bool // whether a training is open
}

var (
	_ lm.Model          = (*Model)(nil)
	_ lm.Stepper        = (*Model)(nil)
	_ lm.Generator      = (*Model)(nil)
	_ lm.Coster         = (*Model)(nil)
	_ lm.MemoryReporter = (*Model)(nil)
	_ lm.Saver          = (*Model)(nil)
)

// Info implements lm.Model.
func (m *Model) Info() lm.ModelInfo {
	config, _ := json.Marshal(m.config)
	return lm.ModelInfo{
		Architecture:  "toy",
		Config:        string(config),
		Parameters:    int64(len(m.embed) + len(m.head)),
		Bytes:         []lm.ByteClass{{Class: "weights", Bytes: m.weightBytes()}},
		Vocab:         m.config.VocabSize,
		BOS:           -1,
		ContextLimit:  m.config.ContextLimit,
		Causal:        true,
		StateKind:     "constant",
		Precision:     "f32",
		HeadPrecision: "f32",
		Kernels:       "reference",
		Threads:       1,
		Initialised:   m.initialised,
		LoadTime:      m.loadTime,
		Device:        lm.Device{Name: "cpu"},
	}
}

func (m *Model) weightBytes() int64 { return int64(4 * (len(m.embed) + len(m.head))) }

// Close implements lm.Model.
func (m *Model) Close() error {
	m.closed.Store(true)
	return nil
}

// open fails if the model is closed or the context is done.
func (m *Model) open(ctx context.Context, op string) error {
	if m.closed.Load() {
		return lm.Errorf(lm.Invalid, op, "the model is closed")
	}
	return ctx.Err()
}

// check refuses tokens outside the vocabulary and positions beyond the context.
func (m *Model) check(op string, tokens []int32, before int) error {
	for i, t := range tokens {
		if t < 0 || int(t) >= m.config.VocabSize {
			return lm.Errorf(lm.Invalid, op, "token %d at position %d is outside the vocabulary of %d", t, before+i, m.config.VocabSize)
		}
	}
	if limit := m.config.ContextLimit; limit > 0 && before+len(tokens) > limit {
		return lm.Errorf(lm.Invalid, op, "%d tokens exceed the context limit of %d", before+len(tokens), limit)
	}
	return nil
}

// counter counts executed operations; a nil counter counts nothing.
type counter struct{ recurrence, head lm.CostItem }

// advance sets h to decay·h + E[token].
func (m *Model) advance(h []float64, token int32, count *counter) {
	e := m.embed[int(token)*len(h):]
	for i := range h {
		h[i] = m.config.Decay*h[i] + float64(e[i])
	}
	if count != nil {
		count.recurrence.FLOPs += int64(2 * len(h))
		count.recurrence.Bytes += int64((8 + 4 + 8) * len(h))
	}
}

// logits returns U·h.
func (m *Model) logits(h []float64, count *counter) []float32 {
	out := make([]float32, m.config.VocabSize)
	for v := range out {
		var sum float64
		for i, x := range h {
			sum += x * float64(m.head[v*len(h)+i])
		}
		out[v] = float32(sum)
	}
	if count != nil {
		count.head.FLOPs += int64(2 * len(m.head))
		count.head.Bytes += int64(4*len(m.head) + 8*len(h) + 4*len(out))
	}
	return out
}

// logSoftmax returns the log-probabilities of logits.
func logSoftmax(logits []float32) []float64 {
	largest := float64(slices.Max(logits))
	var sum float64
	for _, x := range logits {
		sum += math.Exp(float64(x) - largest)
	}
	out := make([]float64, len(logits))
	for i, x := range logits {
		out[i] = float64(x) - largest - math.Log(sum)
	}
	return out
}

// Score implements lm.Model.
func (m *Model) Score(ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
	start := time.Now()
	if err := m.open(ctx, "score"); err != nil {
		return lm.ScoreReply{}, err
	}
	var versus *Model
	if req.Versus != nil {
		other, ok := req.Versus.(interface{ toy() *Model })
		if !ok || other.toy().config.VocabSize != m.config.VocabSize {
			return lm.ScoreReply{}, lm.Errorf(lm.Invalid, "score", "the model to compare with has another vocabulary")
		}
		versus = other.toy()
	}
	if len(req.Sequences) == 0 {
		return lm.ScoreReply{}, lm.Errorf(lm.Invalid, "score", "no sequences")
	}
	reply := lm.ScoreReply{Scores: make([]lm.Scores, len(req.Sequences))}
	for i, s := range req.Sequences {
		if err := s.Check(m.config.VocabSize); err != nil {
			return lm.ScoreReply{}, lm.Errorf(lm.Invalid, "score", "sequence %d: %w", i, err)
		}
		if err := m.check("score", s.Tokens, 0); err != nil {
			return lm.ScoreReply{}, err
		}
		scores, err := m.score(ctx, s, versus)
		if err != nil {
			return lm.ScoreReply{}, err
		}
		if !req.Logits {
			scores.Logits = nil
		}
		if !req.Ranks {
			scores.Best, scores.Rank = nil, nil
		}
		reply.Scores[i] = scores
	}
	reply.Compute = time.Since(start)
	return reply, nil
}

// toy gives access to the model inside a wrapper that embeds it.
func (m *Model) toy() *Model { return m }

// score scores one document.
func (m *Model) score(ctx context.Context, s lm.Sequence, versus *Model) (lm.Scores, error) {
	var out lm.Scores
	h := make([]float64, m.config.HiddenSize)
	var hv []float64
	if versus != nil {
		hv = make([]float64, versus.config.HiddenSize)
	}
	for p, token := range s.Tokens {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		m.advance(h, token, nil)
		if versus != nil {
			versus.advance(hv, token, nil)
		}
		if p < s.From-1 || s.Targets != nil && s.Targets[p] < 0 {
			continue
		}
		logits := m.logits(h, nil)
		out.Logits = append(out.Logits, logits...)
		if s.Targets == nil && p == len(s.Tokens)-1 {
			break
		}
		logp, target := logSoftmax(logits), target(s, p)
		out.NLL = append(out.NLL, -logp[target])
		out.Best, out.Rank = append(out.Best, argmax(logits)), append(out.Rank, rank(logits, target))
		if versus != nil {
			other := versus.logits(hv, nil)
			out.KL = append(out.KL, divergence(logSoftmax(other), logp))
			out.Top1 = append(out.Top1, argmax(other) == argmax(logits))
		}
	}
	return out, nil
}

// target returns the token to predict after position p.
func target(s lm.Sequence, p int) int32 {
	if s.Targets != nil {
		return s.Targets[p]
	}
	return s.Tokens[p+1]
}

// rank returns how many tokens rank before one, by logit and then by id.
func rank(logits []float32, token int32) (before int32) {
	for v, z := range logits {
		if z > logits[token] || z == logits[token] && int32(v) < token {
			before++
		}
	}
	return before
}

// divergence returns KL(p || q) of two rows of log-probabilities.
func divergence(logp, logq []float64) float64 {
	var sum float64
	for i, l := range logp {
		sum += math.Exp(l) * (l - logq[i])
	}
	return max(0, sum)
}

func argmax(logits []float32) int32 {
	best := 0
	for i, x := range logits {
		if x > logits[best] {
			best = i
		}
	}
	return int32(best)
}

// Cost implements lm.Coster.
func (m *Model) Cost(ctx context.Context, req lm.CostRequest) (lm.CostReply, error) {
	start := time.Now()
	if err := m.open(ctx, "cost"); err != nil {
		return lm.CostReply{}, err
	}
	batch, length := int64(req.Batch), int64(req.Length)
	if batch < 1 || length < 1 {
		return lm.CostReply{}, lm.Errorf(lm.Invalid, "cost", "batch %d and length %d must be positive", batch, length)
	}
	tokens, rows := length, int64(1)
	switch req.Phase {
	case lm.Prefill:
	case lm.Scoring:
		rows = length
	case lm.Decode:
		tokens = 1
	default:
		return lm.CostReply{}, lm.Errorf(lm.Unsupported, "cost", "no cost of phase %q", req.Phase)
	}
	hidden, vocab := int64(m.config.HiddenSize), int64(m.config.VocabSize)
	reply := lm.CostReply{StateBytes: -1, Analytic: []lm.CostItem{
		{Component: "recurrence", FLOPs: batch * tokens * 2 * hidden, Bytes: batch * tokens * 20 * hidden},
		{Component: "head", FLOPs: batch * rows * 2 * vocab * hidden, Bytes: batch * rows * (4*vocab*hidden + 8*hidden + 4*vocab)},
	}}
	if req.Count {
		reply.Counted = m.count(int(batch*tokens), int(batch*rows))
	}
	reply.Compute = time.Since(start)
	return reply, nil
}

// count executes that many steps and output rows and counts them.
func (m *Model) count(steps, rows int) []lm.CostItem {
	count := counter{recurrence: lm.CostItem{Component: "recurrence"}, head: lm.CostItem{Component: "head"}}
	h := make([]float64, m.config.HiddenSize)
	for range steps {
		m.advance(h, 0, &count)
	}
	for range rows {
		m.logits(h, &count)
	}
	return []lm.CostItem{count.recurrence, count.head}
}

// Memory implements lm.MemoryReporter.
func (m *Model) Memory(ctx context.Context, _ bool) (lm.Memory, error) {
	if err := m.open(ctx, "memory"); err != nil {
		return lm.Memory{}, err
	}
	classes := []lm.ByteClass{{Class: "weights", Bytes: m.weightBytes()}}
	return lm.Memory{Live: classes, Peak: classes}, nil
}

// draw chooses the next token: the most likely at temperature 0, else one drawn from the tempered distribution.
func draw(logits []float32, temperature float64, r *rand.Rand) int32 {
	if temperature == 0 {
		return argmax(logits)
	}
	u := r.Float64()
	for i, l := range logSoftmax(tempered(logits, temperature)) {
		if u -= math.Exp(l); u <= 0 {
			return int32(i)
		}
	}
	return int32(len(logits) - 1)
}
