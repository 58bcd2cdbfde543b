// Package lmfake provides a language model for tests of the harness. It predicts bytes from a hash of all preceding bytes,
// takes almost no time, and misbehaves on demand. Its losses are easy to recompute in a test.
package lmfake

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/archbench/archbench/lm"
)

// The vocabulary has the bytes and the start token.
const (
	Vocab = 257
	BOS   = 256
)

// Architecture is a fake plugin. The zero value is well-behaved.
type Architecture struct {
	Name      string       // "": fake
	Abilities []lm.Ability // nil: all but calibrate, answers and train
	Limit     int          // context limit; 0: none
	NoBOS     bool
	Config    string // of its models, "": {}; the option eta_min replaces it

	Leak       bool          // predictions depend on the next token
	LeakLength bool          // predictions depend on the number of tokens
	BatchLeak  bool          // predictions depend on the size of the batch
	StateLeak  bool          // the state is corrupted at chunk boundaries
	NaN        bool          // losses are NaN
	Unsteady   bool          // predictions differ from call to call
	PerToken   time.Duration // reported compute time of each token; 0: the real time
	Sleep      time.Duration // real duration of each call
	Noise      float64       // weight of the noise of precisions other than f32
	Fail       error         // if not nil, every call on a model fails with it

	// Tell may change a reply before it is returned: a *lm.ModelInfo, *lm.ScoreReply, *lm.StepReply, *lm.GenerateChunk,
	// *lm.CostReply, *lm.Memory or *lm.TrainReply.
	Tell func(reply any)
	// Before runs before each call of the given name, and may fail it.
	Before func(ctx context.Context, call string) error
}

var allAbilities = []lm.Ability{
	lm.AbilityStep, lm.AbilityGenerate, lm.AbilityCost, lm.AbilityCount, lm.AbilityMemory, lm.AbilityVersus,
}

// Describe implements lm.Architecture.
func (a *Architecture) Describe(context.Context) (lm.Description, error) {
	abilities := a.Abilities
	if abilities == nil {
		abilities = allAbilities
	}
	return lm.Description{
		Name: cmp.Or(a.Name, "fake"), Version: "1", Language: "go", Summary: "hash of all bytes", Abilities: abilities,
		Variants:   []lm.Variant{{Name: "tiny", Config: "{}"}},
		Precisions: []string{"f32", "bf16", "int8", "int4"}, Kernels: "reference",
	}, nil
}

// Load implements lm.Architecture.
func (a *Architecture) Load(ctx context.Context, req lm.LoadRequest) (lm.Model, error) {
	if err := a.before(ctx, "load"); err != nil {
		return nil, err
	}
	d, err := a.Describe(ctx)
	if err != nil {
		return nil, err
	}
	m := &model{arch: a, precision: cmp.Or(req.Precision, "f32")}
	m.info = lm.ModelInfo{
		Architecture: d.Name, Mode: "hash", Config: cmp.Or(a.Config, "{}"), Parameters: 1000, Bytes: []lm.ByteClass{{Class: "blocks", Bytes: 4000}},
		Vocab: Vocab, BOS: BOS, ContextLimit: a.Limit, Causal: true, StateKind: "constant", Precision: m.precision,
		HeadPrecision: "f32", Kernels: "reference", Threads: req.Threads, Initialised: req.Checkpoint == "",
		Abilities: d.Abilities,
	}
	if a.NoBOS {
		m.info.BOS = -1
	}
	if damping := req.Options["eta_min"]; damping != "" {
		m.info.Config = `{"eta_min": ` + damping + `}`
	}
	m.readBias(req.Checkpoint)
	a.tell(&m.info)
	return m, nil
}

func (a *Architecture) tell(reply any) {
	if a.Tell != nil {
		a.Tell(reply)
	}
}

// cost returns the reported compute time of n tokens since start.
func (a *Architecture) cost(n int, start time.Time) time.Duration {
	if a.PerToken > 0 {
		return a.PerToken * time.Duration(n)
	}
	return time.Since(start)
}

// before delays a call and returns its error, if any.
func (a *Architecture) before(ctx context.Context, call string) error {
	if a.Sleep > 0 {
		time.Sleep(a.Sleep)
	}
	if a.Before != nil {
		if err := a.Before(ctx, call); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return &lm.Error{Op: call, Kind: lm.Deadline, Err: err}
	}
	return a.Fail
}

// model is a loaded fake.
type model struct {
	arch      *Architecture
	precision string
	info      lm.ModelInfo
	bias      []float32 // of the logits, once trained

	states atomic.Int64
	calls  atomic.Int32 // of Score
}

var (
	_ lm.Stepper        = (*model)(nil)
	_ lm.Generator      = (*model)(nil)
	_ lm.Coster         = (*model)(nil)
	_ lm.MemoryReporter = (*model)(nil)
	_ lm.Trainer        = (*model)(nil)
)

// Info implements lm.Model.
func (m *model) Info() lm.ModelInfo { return m.info }

// Close implements lm.Model.
func (m *model) Close() error { return nil }

// hash is the hash of all tokens so far.
type hash uint64

func (h hash) add(token int32) hash { return (h^hash(token+1))*0x9E3779B97F4A7C15 + 1 }

// logits returns the predictions after a hash.
func (m *model) logits(h hash) []float32 {
	noise := 0.0
	if m.precision != "f32" {
		noise = m.arch.Noise
	}
	out := make([]float32, Vocab)
	for v := range out {
		x := h.add(int32(v)) >> 20
		out[v] = float32(3*float64(x%1000)/1000 + noise*float64((x>>10)%100)/100)
		if m.bias != nil {
			out[v] += m.bias[v]
		}
	}
	return out
}

// normaliser returns the logarithm of the sum of the exponentials.
func normaliser(logits []float32) float64 {
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(float64(x))
	}
	return math.Log(sum)
}

// Score implements lm.Model.
func (m *model) Score(ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
	if err := m.arch.before(ctx, "score"); err != nil {
		return lm.ScoreReply{}, err
	}
	start, tokens := time.Now(), 0
	m.calls.Add(1)
	var reply lm.ScoreReply
	for _, s := range req.Sequences {
		if s.Targets != nil {
			reply.Scores = append(reply.Scores, m.answer(s))
			tokens += len(s.Tokens)
			continue
		}
		if s.From < 1 || s.From > len(s.Tokens) {
			return reply, lm.Errorf(lm.Invalid, "score", "from %d of %d tokens", s.From, len(s.Tokens))
		}
		reply.Scores = append(reply.Scores, m.score(s, req))
		tokens += len(s.Tokens)
	}
	reply.Compute = m.arch.cost(tokens, start)
	m.arch.tell(&reply)
	return reply, nil
}

func (m *model) score(s lm.Sequence, req lm.ScoreRequest) (out lm.Scores) {
	other, _ := req.Versus.(*model)
	var h hash
	for p, token := range s.Tokens {
		h = h.add(token)
		if p < s.From-1 {
			continue
		}
		last := p == len(s.Tokens)-1
		if last && !req.Logits {
			break
		}
		logits := m.logits(m.spoiled(h, s.Tokens, p, len(req.Sequences)))
		if req.Logits {
			out.Logits = append(out.Logits, logits...)
		}
		if last {
			break
		}
		out.NLL = append(out.NLL, m.loss(logits, s.Tokens[p+1]))
		if other != nil {
			base := other.logits(h)
			out.KL = append(out.KL, divergence(base, logits))
			out.Top1 = append(out.Top1, argmax(base) == argmax(logits))
		}
	}
	return out
}

// answer scores targets.
func (m *model) answer(s lm.Sequence) (out lm.Scores) {
	var h hash
	for p, token := range s.Tokens {
		h = h.add(token)
		if s.Targets[p] < 0 {
			continue
		}
		logits := m.logits(h)
		out.NLL = append(out.NLL, m.loss(logits, s.Targets[p]))
		best, above := argmax(logits), int32(0)
		for v, x := range logits {
			if z := logits[s.Targets[p]]; x > z || x == z && int32(v) < s.Targets[p] {
				above++
			}
		}
		out.Best, out.Rank = append(out.Best, best), append(out.Rank, above)
	}
	return out
}

// spoiled mixes into a hash what the fake must not know.
func (m *model) spoiled(h hash, tokens []int32, p, batch int) hash {
	if m.arch.Leak && p+1 < len(tokens) {
		h = h.add(tokens[p+1])
	}
	if m.arch.LeakLength {
		h = h.add(int32(len(tokens)))
	}
	if m.arch.BatchLeak {
		h = h.add(int32(batch))
	}
	if m.arch.Unsteady {
		h = h.add(m.calls.Load())
	}
	return h
}

func (m *model) loss(logits []float32, token int32) float64 {
	if m.arch.NaN {
		return math.NaN()
	}
	return normaliser(logits) - float64(logits[token])
}

// divergence returns KL(p || q) of two sets of logits, in nats.
func divergence(p, q []float32) float64 {
	zp, zq := normaliser(p), normaliser(q)
	sum := 0.0
	for v := range p {
		logP := float64(p[v]) - zp
		sum += math.Exp(logP) * (logP - (float64(q[v]) - zq))
	}
	return sum
}

func argmax(x []float32) int32 { return int32(slices.Index(x, slices.Max(x))) }
