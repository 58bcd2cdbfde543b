package lmtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/lm"
)

// The tolerances of a fixture. Logits are compared with the reference's float64 logits. Their error may be logitsFactor
// times that of the reference's own float32 logits, or logitsLimit, whichever is larger.
const (
	logitsLimit  = 2e-5
	logitsFactor = 4
	lossLimit    = 1e-5
	promptTokens = 8 // of greedy; the rest is the expected continuation
)

// NotInFixture is the message of a comparison that the fixture has no data for.
const NotInFixture = "not in fixture"

// fixture is a folder with a model (config.json, model.safetensors) and reference.safetensors, which holds some of:
//
//	input_ids [batch, seq]          inputs and labels
//	logits    [batch, seq, vocab]   of the reference in float32
//	logits64  [batch, seq, vocab]   of the same model in float64
//	loss      [1]                   mean cross-entropy of predicting token t+1 at position t
//	greedy    [1, 8+n]              8 prompt tokens and n greedy ones
//	grad.NAME                       gradient of the loss with respect to parameter NAME
type fixture struct {
	file   *safetensors.File
	inputs [][]int32 // nil: none
	model  lm.Model
	info   lm.ModelInfo
	arch   lm.Description

	logits [][]float32 // of the model, per sequence; set by score
	nll    [][]float64
}

// CompareFixture loads the model in a fixture's folder and compares it with the reference's stored outputs: logits, loss,
// greedy tokens, and gradients if the plugin can train. Missing outputs are n/a, "not in fixture". It is a failure if there
// is nothing to compare.
func CompareFixture(ctx context.Context, arch lm.Architecture, dir string, o Options) []Check {
	f, err := openFixture(ctx, arch, dir, o)
	if err != nil {
		return []Check{conclude("fixture", figure{}, err)}
	}
	defer f.file.Close()
	defer f.model.Close()
	var checks []Check
	compared := 0.0
	for _, c := range []struct {
		name string
		run  func(context.Context) (figure, error)
	}{
		{"logits", f.compareLogits}, {"loss", f.compareLoss}, {"greedy", f.compareGreedy}, {"gradients", f.compareGradients},
	} {
		start := time.Now()
		measured, err := c.run(ctx)
		result := conclude(c.name, measured, err)
		result.Took = time.Since(start)
		checks = append(checks, result)
		if result.Status != Unavailable {
			compared++
		}
	}
	all := figure{value: compared, unit: "comparisons"}
	if compared == 0 {
		err = fmt.Errorf("%s has nothing to compare with", filepath.Join(dir, "reference.safetensors"))
	}
	return append(checks, conclude("fixture", all, err))
}

func openFixture(ctx context.Context, arch lm.Architecture, dir string, o Options) (*fixture, error) {
	file, err := safetensors.Open(filepath.Join(dir, "reference.safetensors"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: a fixture is a folder with config.json, model.safetensors and reference.safetensors", err)
	}
	if err != nil {
		return nil, err
	}
	f := &fixture{file: file}
	if err := f.open(ctx, arch, dir, o); err != nil {
		_ = file.Close() // the first error counts
		return nil, err
	}
	return f, nil
}

func (f *fixture) open(ctx context.Context, arch lm.Architecture, dir string, o Options) (err error) {
	if f.arch, err = arch.Describe(ctx); err != nil {
		return err
	}
	if f.inputs, err = f.tokens("input_ids"); err != nil {
		return err
	}
	f.model, err = arch.Load(ctx, lm.LoadRequest{
		Checkpoint: dir, Precision: o.Precision, Threads: o.Threads, Device: o.Device, Options: o.Options,
	})
	if err != nil {
		return err
	}
	f.info = f.model.Info().Of(f.arch)
	return nil
}

// tokens reads rows of token ids, nil if the fixture has none of that name.
func (f *fixture) tokens(name string) ([][]int32, error) {
	info, ok := f.file.Info(name)
	if !ok {
		return nil, nil
	}
	if len(info.Shape) != 2 || info.Shape[0] < 1 || info.Shape[1] < 2 {
		return nil, fmt.Errorf("tensor %q has shape %v, want [batch, seq]", name, info.Shape)
	}
	ids, err := f.file.Int64s(name)
	if err != nil {
		return nil, err
	}
	var rows [][]int32
	for row := range slices.Chunk(ids, info.Shape[1]) {
		tokens := make([]int32, len(row))
		for i, id := range row {
			if tokens[i] = int32(id); int64(tokens[i]) != id {
				return nil, fmt.Errorf("tensor %q has %d, which is not a token", name, id)
			}
		}
		rows = append(rows, tokens)
	}
	return rows, nil
}

// floats reads a tensor of any floating-point type as float64, nil if the fixture has none of that name.
func (f *fixture) floats(name string) ([]float64, error) {
	info, ok := f.file.Info(name)
	if !ok {
		return nil, nil
	}
	if info.DType == safetensors.F64 {
		return f.file.Float64s(name)
	}
	narrow, err := f.file.Widen(name)
	if err != nil {
		return nil, err
	}
	return widened(narrow), nil
}

func widened(narrow []float32) []float64 {
	wide := make([]float64, len(narrow))
	for i, v := range narrow {
		wide[i] = float64(v)
	}
	return wide
}

// score scores the inputs, once for all comparisons.
func (f *fixture) score(ctx context.Context) error {
	if f.inputs == nil || f.logits != nil {
		return nil
	}
	req := lm.ScoreRequest{Logits: true}
	for _, tokens := range f.inputs {
		req.Sequences = append(req.Sequences, lm.Sequence{Tokens: tokens, From: 1})
	}
	k := kit{info: f.info}
	reply, err := k.checkedScore(ctx, f.model, req)
	if err != nil {
		return err
	}
	for _, s := range reply.Scores {
		f.logits = append(f.logits, s.Logits)
		f.nll = append(f.nll, s.NLL)
	}
	return nil
}

// compareLogits compares the logits with the reference's, in float64 if it has them.
func (f *fixture) compareLogits(ctx context.Context) (figure, error) {
	narrow, err := f.floats("logits")
	if err != nil {
		return figure{}, err
	}
	wide, err := f.floats("logits64")
	if err != nil {
		return figure{}, err
	}
	if f.inputs == nil || narrow == nil && wide == nil {
		return figure{}, unavailable(NotInFixture)
	}
	result := figure{unit: logitDiff, limit: logitsLimit}
	want := narrow
	if wide != nil {
		want = wide
		result.unit += " to float64"
	}
	if narrow != nil && wide != nil {
		own := maxDiff(narrow, wide)
		result.limit = max(result.limit, logitsFactor*own)
		result.note = fmt.Sprintf("the reference's own float32 is off by %.3g", own)
	}
	if err := f.score(ctx); err != nil {
		return result, err
	}
	got := widened(slices.Concat(f.logits...))
	if len(got) != len(want) {
		return result, fmt.Errorf("%d logits, the reference has %d", len(got), len(want))
	}
	result.value = maxDiff(got, want)
	return result, nil
}

// compareLoss compares the mean loss over all predicted tokens with the reference's.
func (f *fixture) compareLoss(ctx context.Context) (figure, error) {
	want, err := f.floats("loss")
	if err != nil {
		return figure{}, err
	}
	if f.inputs == nil || len(want) != 1 {
		return figure{}, unavailable(NotInFixture)
	}
	if err := f.score(ctx); err != nil {
		return figure{}, err
	}
	var sum float64
	losses := slices.Concat(f.nll...)
	for _, nll := range losses {
		sum += nll
	}
	return figure{value: maxDiff([]float64{sum / float64(len(losses))}, want), unit: nats, limit: lossLimit}, nil
}

// compareGreedy continues the prompt and compares the tokens.
func (f *fixture) compareGreedy(ctx context.Context) (figure, error) {
	rows, err := f.tokens("greedy")
	if err != nil {
		return figure{}, err
	}
	if rows == nil {
		return figure{}, unavailable(NotInFixture)
	}
	result := figure{unit: "tokens identical"}
	for i, row := range rows {
		if len(row) <= promptTokens {
			return result, fmt.Errorf("greedy has %d tokens, want more than the %d of the prompt", len(row), promptTokens)
		}
		got, err := f.greedy(ctx, row[:promptTokens], len(row)-promptTokens)
		if err != nil {
			return result, err
		}
		for n, want := range row[promptTokens:] {
			if n >= len(got) || got[n] != want {
				return result, fmt.Errorf("row %d: token %d should be %d: %v", i, n, want, got)
			}
			result.value++
		}
	}
	return result, nil
}

// greedy continues a prompt by generation if the model can, else by scoring from scratch for every token.
func (f *fixture) greedy(ctx context.Context, prompt []int32, n int) ([]int32, error) {
	k := &kit{model: f.model, info: f.info, description: f.arch}
	if f.info.Has(lm.AbilityGenerate) && f.info.Has(lm.AbilityStep) {
		c, err := k.generate(ctx, lm.GenerateRequest{MaxNew: n}, prompt)
		if err != nil {
			return nil, err
		}
		return c.tokens[0], nil
	}
	text := slices.Clone(prompt)
	for range n {
		token, _, err := k.next(ctx, text)
		if err != nil {
			return nil, err
		}
		text = append(text, token)
	}
	return text[len(prompt):], nil
}

// gradientLimit bounds the distance of a gradient from the reference's, relative to its norm.
const gradientLimit = 1e-3

// compareGradients compares the gradient of the mean loss with the reference's, for every parameter in the fixture.
func (f *fixture) compareGradients(ctx context.Context) (figure, error) {
	names := slices.DeleteFunc(f.file.Names(), func(name string) bool { return !strings.HasPrefix(name, "grad.") })
	if f.inputs == nil || len(names) == 0 {
		return figure{}, unavailable(NotInFixture)
	}
	trainer, ok := lm.As[lm.Trainer](f.model)
	if !ok {
		return figure{}, unavailable(fmt.Sprintf("no ability %s", lm.AbilityTrain))
	}
	got, err := f.gradients(ctx, trainer)
	if err != nil {
		return figure{}, err
	}
	defer got.Close()
	result := figure{unit: "|Δ gradient| / |gradient|", limit: gradientLimit}
	for _, name := range names {
		want, err := f.floats(name)
		if err != nil {
			return result, err
		}
		parameter := strings.TrimPrefix(name, "grad.")
		own, err := got.Widen(parameter)
		if err != nil {
			return result, fmt.Errorf("the gradient of parameter %q: %w", parameter, err)
		}
		if d := distance(own, want); !(d <= result.value) {
			result.value, result.note = d, "largest for "+parameter
		}
	}
	return result, nil
}

// gradients returns the gradient of the inputs' mean loss, as written by a training.
func (f *fixture) gradients(ctx context.Context, trainer lm.Trainer) (*safetensors.File, error) {
	t, err := trainer.OpenTraining(ctx, lm.TrainingRequest{})
	if err != nil {
		return nil, err
	}
	defer t.Close()
	dir, err := os.MkdirTemp("", "lmtest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // an open file stays readable
	step := lm.TrainStep{Gradients: filepath.Join(dir, "gradients.safetensors")}
	for _, tokens := range f.inputs {
		step.Documents = append(step.Documents, lm.TrainDocument{Tokens: tokens})
	}
	if _, err := trained(ctx, t, step); err != nil {
		return nil, err
	}
	return safetensors.Open(step.Gradients)
}

// distance returns the norm of the difference of two vectors relative to that of the second; infinite if their lengths
// differ.
func distance(got []float32, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var apart, size float64
	for i, w := range want {
		apart, size = apart+(float64(got[i])-w)*(float64(got[i])-w), size+w*w
	}
	return math.Sqrt(apart / max(size, math.SmallestNonzeroFloat64))
}
