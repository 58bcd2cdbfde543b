package lmtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/archbench/archbench/lm"
)

// kit is one run of the checks: the model under test and the text to test it on.
type kit struct {
	arch        lm.Architecture
	options     Options
	description lm.Description
	model       lm.Model
	info        lm.ModelInfo
	text        []int32
	rounding    float64 // mean |Δ nats| between the precision and f32; 0: not measured yet
}

func newKit(arch lm.Architecture, o Options) *kit {
	o.Tokens = cmp.Or(o.Tokens, 160)
	o.Tolerance = cmp.Or(o.Tolerance, 1e-4)
	o.Timeout = cmp.Or(o.Timeout, 2*time.Minute)
	return &kit{arch: arch, options: o}
}

func (k *kit) close() {
	if k.model != nil {
		_ = k.model.Close()
	}
}

// has reports whether the model or, until it is loaded, the plugin has an ability.
func (k *kit) has(a lm.Ability) bool {
	if k.model == nil {
		return k.description.Has(a)
	}
	return k.info.Has(a)
}

// request returns the request for the model under test. seed initialises a model without a checkpoint.
func (k *kit) request(seed uint64) lm.LoadRequest {
	req := lm.LoadRequest{
		Precision: k.options.Precision,
		Threads:   k.options.Threads,
		Device:    k.options.Device,
		Options:   k.options.Options,
	}
	switch {
	case k.options.Checkpoint != "":
		req.Checkpoint = k.options.Checkpoint
	case k.options.Config != "":
		req.Config, req.Seed = k.options.Config, seed
	default:
		req.Variant, req.Seed = k.options.Variant, seed
		if req.Variant == "" && len(k.description.Variants) > 0 {
			req.Variant = k.description.Variants[0].Name
		}
	}
	return req
}

// document returns n random tokens, determined by the seed.
func (k *kit) document(seed uint64, n int) []int32 {
	r := rand.New(rand.NewPCG(seed, 0))
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = r.Int32N(int32(k.info.Vocab))
	}
	return tokens
}

// score scores whole documents.
func (k *kit) score(ctx context.Context, logits bool, documents ...[]int32) (lm.ScoreReply, error) {
	req := lm.ScoreRequest{Logits: logits}
	for _, tokens := range documents {
		req.Sequences = append(req.Sequences, lm.Sequence{Tokens: tokens, From: 1})
	}
	return k.checkedScore(ctx, k.model, req)
}

// checkedScore refuses a reply that does not fit its request, so that checks can index it.
func (k *kit) checkedScore(ctx context.Context, m lm.Model, req lm.ScoreRequest) (lm.ScoreReply, error) {
	reply, err := m.Score(ctx, req)
	if err != nil {
		return reply, err
	}
	return reply, req.Check(k.info.Vocab, reply)
}

// row returns the logits after position p of a document scored from 1.
func (k *kit) row(logits []float32, p int) []float32 {
	return logits[p*k.info.Vocab : (p+1)*k.info.Vocab]
}

// newState opens a state. A model that is not causal may refuse, since it has nothing to carry.
func (k *kit) newState(ctx context.Context) (lm.State, lm.Stepper, error) {
	stepper, ok := lm.As[lm.Stepper](k.model)
	if !ok {
		return nil, nil, notImplemented(lm.AbilityStep)
	}
	state, err := stepper.NewState(ctx)
	if lm.KindOf(err) == lm.Unsupported && !k.info.Causal {
		return nil, nil, unavailable("a model that sees the future carries no state")
	}
	return state, stepper, err
}

// stateAfter opens a state and feeds tokens to it.
func (k *kit) stateAfter(ctx context.Context, tokens []int32) (lm.State, lm.Stepper, error) {
	state, stepper, err := k.newState(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, err := feed(ctx, stepper, state, tokens, 0, lm.WantNothing); err != nil {
		return nil, nil, errors.Join(err, state.Close())
	}
	return state, stepper, nil
}

// notImplemented returns the error of a model that declares an ability without implementing it.
func notImplemented(a lm.Ability) error {
	return fmt.Errorf("the ability %s is declared, but the model does not implement it", a)
}

// feed appends tokens in pieces of the given size, 0 for all at once, and joins the outputs.
func feed(ctx context.Context, stepper lm.Stepper, state lm.State, tokens []int32, size int, want lm.Want) (lm.StepOutput, error) {
	var all lm.StepOutput
	for piece := range slices.Chunk(tokens, cmp.Or(size, len(tokens))) {
		reply, err := stepper.Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: piece}}, Want: want})
		if err != nil {
			return all, err
		}
		if len(reply.Outputs) != 1 {
			return all, fmt.Errorf("%d outputs for one input", len(reply.Outputs))
		}
		all.NLL = append(all.NLL, reply.Outputs[0].NLL...)
		all.Logits = append(all.Logits, reply.Outputs[0].Logits...)
	}
	return all, nil
}

// maxDiff returns the largest absolute difference; it is infinite if a value is NaN or the lengths differ.
func maxDiff[T float32 | float64](a, b []T) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var largest float64
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		largest = max(largest, d)
	}
	return largest
}

// argmax returns the most likely token, the lowest id on ties, and its lead over the next one.
func argmax(logits []float32) (best int32, gap float64) {
	gap = math.Inf(1)
	for i := 1; i < len(logits); i++ {
		switch d := float64(logits[i]) - float64(logits[best]); {
		case d > 0:
			best, gap = int32(i), d
		default:
			gap = min(gap, -d)
		}
	}
	return best, gap
}

// expect returns an error unless ok.
func expect(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// kindError fails unless err is of one of the kinds.
func kindError(what string, err error, kinds ...lm.Kind) error {
	if err == nil {
		return fmt.Errorf("%s: no error, want kind %v", what, kinds)
	}
	if !slices.Contains(kinds, lm.KindOf(err)) {
		return fmt.Errorf("%s: error of kind %v, want %v: %w", what, lm.KindOf(err), kinds, err)
	}
	return nil
}
