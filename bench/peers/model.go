package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// priced is a contender that knows a task's minimum cost.
type priced interface {
	// cost returns the floating-point operations and the bytes that must be read.
	cost(ctx context.Context, t task) (flops, bytes int64, err error)
}

// model is archbench itself: a model behind its plugin's boundary.
type model struct {
	plugin  *lmplugin.Plugin
	lm      lm.Model
	about   lm.Description
	content string           // identifies the plugin's files
	deep    map[int]lm.State // documents by depth, forked for each decoding
}

// load starts the plugin of an architecture and loads one model.
func load(ctx context.Context, bin, architecture string, req lm.LoadRequest) (*model, error) {
	path := filepath.Join(bin, lmplugin.Prefix+architecture)
	content, err := lmplugin.Identity(path)
	if err != nil {
		return nil, fmt.Errorf("%w: run make build", err)
	}
	p, err := lmplugin.Launch(ctx, lmplugin.Options{Path: path})
	if err != nil {
		return nil, err
	}
	m := &model{plugin: p, content: content[:12], deep: map[int]lm.State{}}
	if m.about, err = p.Describe(ctx); err == nil {
		m.lm, err = p.Load(ctx, req)
	}
	if err == nil {
		err = m.checkLogits(ctx)
	}
	if err != nil {
		_ = p.Close() // the first error counts
		return nil, err
	}
	return m, nil
}

func (m *model) version() string {
	info := m.lm.Info()
	return fmt.Sprintf("archbench-plugin-%s sha256:%s, %s, head %s, kernels %s, %d parameters",
		m.about.Name, m.content, info.Precision, info.HeadPrecision, info.Kernels, info.Parameters)
}

func (m *model) close() { _ = m.plugin.Close() }

// save writes a checkpoint.
func (m *model) save(ctx context.Context, dir string) error { return m.lm.(lm.Saver).Save(ctx, dir) }

func (m *model) run(ctx context.Context, t task) (timing, error) {
	switch t.op {
	case "prefill":
		return m.read(ctx, t.args[0], t.args[0], lm.WantLastLogits)
	case "stream":
		return m.read(ctx, t.args[0], 2048, lm.WantNLL)
	case "decode":
		return m.decode(ctx, t.args[0], t.args[1])
	}
	return timing{}, fmt.Errorf("archbench's models do not answer %q", t)
}

// tokens are pseudo-random and the same for every contender.
func (m *model) tokens(at, n int) []int32 {
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32(((at+i)*7919 + 11) % m.lm.Info().Vocab)
	}
	return tokens
}

// read times a new document of n tokens, read in chunks.
func (m *model) read(ctx context.Context, n, chunk int, want lm.Want) (timing, error) {
	state, took, err := m.document(ctx, n, chunk, want)
	if err == nil {
		err = state.Close()
	}
	return took, err
}

// document reads a new document of n tokens in chunks.
func (m *model) document(ctx context.Context, n, chunk int, want lm.Want) (state lm.State, sum timing, err error) {
	stepper := m.lm.(lm.Stepper)
	if state, err = stepper.NewState(ctx); err != nil {
		return nil, sum, err
	}
	for at := 0; at < n; at += chunk {
		in := lm.StepInput{State: state, Tokens: m.tokens(at, min(chunk, n-at))}
		start := time.Now()
		reply, err := stepper.Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{in}, Want: want})
		if err != nil {
			return nil, sum, errors.Join(err, state.Close())
		}
		sum.host += time.Since(start)
		sum.own += reply.Compute
	}
	return state, sum, nil
}

// decode generates greedily after a document of depth tokens, which is read once and forked. The first token comes from
// a prompt of one more token, outside the timed part.
func (m *model) decode(ctx context.Context, depth, count int) (timing, error) {
	if m.deep[depth] == nil {
		base, _, err := m.document(ctx, depth-1, 2048, lm.WantNothing)
		if err != nil {
			return timing{}, err
		}
		m.deep[depth] = base
	}
	state, err := m.deep[depth].Fork(ctx)
	if err != nil {
		return timing{}, err
	}
	defer state.Close()
	req := lm.GenerateRequest{
		Inputs: []lm.StepInput{{State: state, Tokens: m.tokens(depth-1, 1)}}, MaxNew: count + 1, Every: count + 1,
	}
	var took timing
	start := time.Now()
	err = m.lm.(lm.Generator).Generate(ctx, req, func(c lm.GenerateChunk) bool {
		took.own = c.Compute
		took.host = time.Since(start) - c.Prefill
		return true
	})
	return took, err
}

// checkLogits fails unless all logits after a few tokens are finite.
func (m *model) checkLogits(ctx context.Context) error {
	req := lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: m.tokens(0, 5), From: 5}}, Logits: true}
	reply, err := m.lm.Score(ctx, req)
	if err != nil {
		return err
	}
	for i, v := range reply.Scores[0].Logits {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("logit %d is %g", i, v)
		}
	}
	return nil
}

// cost implements priced with the model's own formulas.
func (m *model) cost(ctx context.Context, t task) (flops, bytes int64, err error) {
	req, times := lm.CostRequest{Phase: lm.Prefill, Batch: 1, Length: t.args[0]}, int64(1)
	if t.op == "decode" {
		times = int64(t.args[1])
		req.Phase, req.Length = lm.Decode, t.args[0]+t.args[1]/2
	}
	reply, err := m.lm.(lm.Coster).Cost(ctx, req)
	for _, item := range reply.Analytic {
		flops, bytes = flops+item.FLOPs, bytes+item.Bytes
	}
	return times * flops, times * bytes, err
}

// starter times a plugin from its start to a checkpoint's first token.
type starter struct {
	bin, architecture, checkpoint string
	threads                       int
}

func (s starter) version() string { return lmplugin.Prefix + s.architecture }
func (s starter) close()          {}

func (s starter) run(ctx context.Context, _ task) (timing, error) {
	start := time.Now()
	p, err := lmplugin.Launch(ctx, lmplugin.Options{Path: filepath.Join(s.bin, lmplugin.Prefix+s.architecture)})
	if err != nil {
		return timing{}, err
	}
	defer p.Close()
	m, err := p.Load(ctx, lm.LoadRequest{Checkpoint: s.checkpoint, Threads: s.threads})
	if err != nil {
		return timing{}, err
	}
	state, err := m.(lm.Stepper).NewState(ctx)
	if err != nil {
		return timing{}, err
	}
	req := lm.GenerateRequest{Inputs: []lm.StepInput{{State: state, Tokens: []int32{1, 2, 3, 4}}}, MaxNew: 1}
	err = m.(lm.Generator).Generate(ctx, req, func(lm.GenerateChunk) bool { return true })
	took := time.Since(start)
	return timing{own: took, host: took}, err
}
