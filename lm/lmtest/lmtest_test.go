package lmtest

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/internal/toy"
)

func TestToyPasses(t *testing.T) {
	checks := Run(t.Context(), toy.Architecture{}, Options{TempDir: t.TempDir()})
	Report(t, checks)
	if want := len(setup) + len(table); len(checks) != want || !OK(checks) {
		t.Errorf("%d of %d checks", len(checks), want)
	}
	for _, c := range checks {
		if c.Status == Unavailable {
			t.Errorf("%s: the toy has every ability", c)
		}
	}
}

func TestCheckpointPasses(t *testing.T) {
	dir := t.TempDir()
	m, err := toy.Architecture{}.Load(t.Context(), lm.LoadRequest{Config: toy.Default, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.(lm.Saver).Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	Report(t, Run(t.Context(), toy.Architecture{}, Options{Checkpoint: dir, TempDir: t.TempDir(), Chunks: []int{15, 16, 17}, Skip: []string{"cancellation"}}))
}

func TestContextLimit(t *testing.T) {
	config := `{"model_type": "toy", "vocab_size": 11, "hidden_size": 3, "decay": 0.5, "context_limit": 50}`
	Report(t, Run(t.Context(), toy.Architecture{}, Options{Config: config, TempDir: t.TempDir(), Skip: []string{"cancellation"}}))
}

// lying is a toy model whose Score breaks one promise.
type lying struct {
	*toy.Model
	score func(m *toy.Model, ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error)
}

func (l *lying) Score(ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
	if err := ctx.Err(); err != nil {
		return lm.ScoreReply{}, err
	}
	return l.score(l.Model, ctx, req)
}

// then returns a Score that spoils the toy's reply.
func then(spoil func(req lm.ScoreRequest, reply *lm.ScoreReply)) func(*toy.Model, context.Context, lm.ScoreRequest) (lm.ScoreReply, error) {
	return func(m *toy.Model, ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
		reply, err := m.Score(ctx, req)
		if err == nil {
			spoil(req, &reply)
		}
		return reply, err
	}
}

// TestBrokenPromises breaks one promise at a time, and the check for it must fail.
func TestBrokenPromises(t *testing.T) {
	noise := 0.0
	for _, c := range []struct {
		check string
		score func(*toy.Model, context.Context, lm.ScoreRequest) (lm.ScoreReply, error)
	}{
		{"shapes", then(func(_ lm.ScoreRequest, r *lm.ScoreReply) { r.Scores = r.Scores[:len(r.Scores)-1] })},
		{"shapes", then(func(_ lm.ScoreRequest, r *lm.ScoreReply) { r.Scores[0].NLL[2] = math.NaN() })},
		{"likelihood", then(func(_ lm.ScoreRequest, r *lm.ScoreReply) { r.Scores[0].NLL[0] += 1e-3 })},
		{"determinism", then(func(_ lm.ScoreRequest, r *lm.ScoreReply) {
			if noise++; len(r.Scores[0].Logits) > 0 {
				r.Scores[0].Logits[0] += float32(noise) * 1e-4
			}
		})},
		{"causality", then(func(q lm.ScoreRequest, r *lm.ScoreReply) { // every logit sees the last token
			for i, s := range r.Scores {
				for j := range s.Logits {
					s.Logits[j] += 1e-3 * float32(q.Sequences[i].Tokens[len(q.Sequences[i].Tokens)-1])
				}
			}
		})},
		{"prefix", then(func(q lm.ScoreRequest, r *lm.ScoreReply) { // every logit depends on the length
			for i, s := range r.Scores {
				for j := range s.Logits {
					s.Logits[j] += 1e-3 * float32(len(q.Sequences[i].Tokens))
				}
			}
		})},
		{"batch", then(func(q lm.ScoreRequest, r *lm.ScoreReply) {
			if len(q.Sequences) > 1 && q.Logits {
				r.Scores[0].Logits[0] += 1e-2
			}
		})},
		{"chunks", then(func(_ lm.ScoreRequest, r *lm.ScoreReply) { // an offset that steps do not have
			for _, s := range r.Scores {
				for j := range s.Logits {
					s.Logits[j] += 1e-3
				}
			}
		})},
		{"versus", then(func(_ lm.ScoreRequest, r *lm.ScoreReply) {
			if len(r.Scores[0].KL) > 0 {
				r.Scores[0].KL[3] = 1e-6
			}
		})},
		{"answers", then(func(_ lm.ScoreRequest, r *lm.ScoreReply) { // off by one
			for _, s := range r.Scores {
				for i := range s.Rank {
					if s.Rank[i] > 1 {
						s.Rank[i]--
					}
				}
			}
		})},
		{"answers", func(m *toy.Model, ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) { // shifts targets by one position
			for i, s := range req.Sequences {
				if s.Targets != nil && !req.Logits {
					req.Sequences = slices.Clone(req.Sequences)
					req.Sequences[i].Targets = append([]int32{s.Targets[len(s.Targets)-1]}, s.Targets[:len(s.Targets)-1]...)
				}
			}
			return m.Score(ctx, req)
		}},
		{"clocks", then(func(_ lm.ScoreRequest, r *lm.ScoreReply) { r.Compute = 0 })},
		{"clocks", then(func(_ lm.ScoreRequest, r *lm.ScoreReply) { r.Compute = time.Hour })},
		{"errors", func(m *toy.Model, ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
			reply, err := m.Score(ctx, req)
			if err != nil {
				err = errors.New("something is wrong") // loses the kind
			}
			return reply, err
		}},
		{"cancellation", func(m *toy.Model, ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
			start := time.Now()
			reply, err := m.Score(context.WithoutCancel(ctx), req)
			if ctx.Err() != nil { // keeps working, long enough even if the CPU has become faster, and reports the cancellation
				time.Sleep(3 * time.Since(start))
				err = ctx.Err()
			}
			return reply, err
		}},
	} {
		t.Run(c.check, func(t *testing.T) {
			arch := toy.Architecture{Wrap: func(_ string, m *toy.Model) (lm.Model, error) {
				return &lying{Model: m, score: c.score}, nil
			}}
			expectFailure(t, arch, c.check)
		})
	}
}

// TestUnsteadyIsNoLeak checks that a non-deterministic model is reported as such, not as seeing the future.
func TestUnsteadyIsNoLeak(t *testing.T) {
	noise := float32(0)
	arch := toy.Architecture{Wrap: func(_ string, m *toy.Model) (lm.Model, error) {
		return &lying{Model: m, score: then(func(_ lm.ScoreRequest, r *lm.ScoreReply) {
			for _, s := range r.Scores {
				for i := range s.Logits {
					noise++
					s.Logits[i] += 1e-3 * noise
				}
			}
		})}, nil
	}}
	c := expectFailure(t, arch, "causality")
	if !strings.Contains(c.Message, "not deterministic") || strings.Contains(c.Message, "future") {
		t.Errorf("%s", c)
	}
}

// forgetful is a toy model whose states break a promise.
type forgetful struct {
	*toy.Model
	sharedForks, deafResets, forgetSamplers bool
}

type forgetfulState struct {
	lm.State
	owner *forgetful
}

func (f *forgetful) NewState(ctx context.Context) (lm.State, error) {
	s, err := f.Model.NewState(ctx)
	return &forgetfulState{s, f}, err
}

func (s *forgetfulState) Fork(ctx context.Context) (lm.State, error) {
	if s.owner.sharedForks {
		return &forgetfulState{s.State, s.owner}, nil
	}
	fork, err := s.State.Fork(ctx)
	return &forgetfulState{fork, s.owner}, err
}

func (s *forgetfulState) Reset(ctx context.Context) error {
	if s.owner.deafResets {
		return nil
	}
	return s.State.Reset(ctx)
}

func (f *forgetful) Step(ctx context.Context, req lm.StepRequest) (lm.StepReply, error) {
	inputs := slices.Clone(req.Inputs)
	for i, in := range inputs {
		if s, ok := in.State.(*forgetfulState); ok {
			inputs[i].State = s.State
		}
		if f.forgetSamplers && in.Sample && in.Sampler == nil {
			inputs[i].Sampler = &lm.Sampler{Sampling: lm.Sampling{Temperature: 1}}
		}
	}
	req.Inputs = inputs
	return f.Model.Step(ctx, req)
}

func TestBrokenStates(t *testing.T) {
	for check, broken := range map[string]forgetful{
		"fork": {sharedForks: true}, "reset": {deafResets: true}, "sampled steps": {forgetSamplers: true},
	} {
		t.Run(check, func(t *testing.T) {
			expectFailure(t, toy.Architecture{Wrap: func(_ string, m *toy.Model) (lm.Model, error) {
				return &forgetful{Model: m, sharedForks: broken.sharedForks, deafResets: broken.deafResets, forgetSamplers: broken.forgetSamplers}, nil
			}}, check)
		})
	}
}

// boastful is a toy model that reports false results.
type boastful struct{ *toy.Model }

func (b boastful) Cost(ctx context.Context, req lm.CostRequest) (lm.CostReply, error) {
	reply, err := b.Model.Cost(ctx, req)
	if len(reply.Counted) > 0 {
		reply.Counted[0].FLOPs++
	}
	return reply, err
}

func (b boastful) Memory(context.Context, bool) (lm.Memory, error) {
	return lm.Memory{Live: []lm.ByteClass{{Class: "weights"}}, Peak: []lm.ByteClass{{Class: "weights"}}}, nil
}

func (b boastful) Generate(ctx context.Context, req lm.GenerateRequest, emit func(lm.GenerateChunk) bool) error {
	return b.Model.Generate(ctx, req, func(c lm.GenerateChunk) bool {
		for _, tokens := range c.Tokens {
			for i := range tokens {
				tokens[i] = (tokens[i] + 1) % 23
			}
		}
		return emit(c)
	})
}

func (b boastful) Save(context.Context, string) error { return nil }

func (b boastful) Close() error { return nil }

func TestBoasts(t *testing.T) {
	arch := toy.Architecture{Wrap: func(_ string, m *toy.Model) (lm.Model, error) { return boastful{m}, nil }}
	for _, check := range []string{"counted cost", "memory", "greedy", "save", "close"} {
		t.Run(check, func(t *testing.T) { expectFailure(t, arch, check) })
	}
}

// expectFailure runs one check, which must fail, and returns its result.
func expectFailure(t *testing.T, arch lm.Architecture, name string) Check {
	t.Helper()
	var skip []string
	for _, c := range slices.Concat(setup, table) {
		if c.name != name && c.name != "describe" && c.name != "load" {
			skip = append(skip, c.name)
		}
	}
	checks := Run(t.Context(), arch, Options{Skip: skip, TempDir: t.TempDir()})
	i := slices.IndexFunc(checks, func(c Check) bool { return c.Name == name })
	if i < 0 || checks[i].Status != Fail {
		t.Fatalf("%q did not fail: %v", name, checks)
	}
	t.Log(checks[i])
	return checks[i]
}

// undeclared hides an architecture's abilities.
type undeclared struct{ lm.Architecture }

func (u undeclared) Describe(ctx context.Context) (lm.Description, error) {
	d, err := u.Architecture.Describe(ctx)
	d.Abilities = nil
	return d, err
}

func TestUndeclaredIsUnavailable(t *testing.T) {
	checks := Run(t.Context(), undeclared{toy.Architecture{}}, Options{Skip: []string{"cancellation"}})
	Report(t, checks)
	for _, c := range checks {
		if c.Name == "chunks" && (c.Status != Unavailable || c.Message != "no ability step") {
			t.Errorf("%s", c)
		}
	}
}

func TestUnloadableEndsTheRun(t *testing.T) {
	checks := Run(t.Context(), toy.Architecture{}, Options{Variant: "no such variant"})
	if last := checks[len(checks)-1]; len(checks) != 2 || last.Name != "load" || last.Status != Fail || OK(checks) {
		t.Errorf("%v", checks)
	}
}

// misspelt declares an unknown ability.
type misspelt struct{ lm.Architecture }

func (m misspelt) Describe(ctx context.Context) (lm.Description, error) {
	d, err := m.Architecture.Describe(ctx)
	d.Abilities = append(d.Abilities, "stepp")
	return d, err
}

func TestMisspeltAbility(t *testing.T) {
	if c := expectFailure(t, misspelt{toy.Architecture{}}, "describe"); !strings.Contains(c.Message, `unknown ability "stepp"`) {
		t.Errorf("%s", c)
	}
}
