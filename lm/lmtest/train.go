package lmtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/archbench/archbench/lm"
)

// trainingSlack is the tolerated relative difference between sums in different orders.
const trainingSlack = 1e-4

// checkTraining checks that a step reports the loss of scoring, that micro-batches add up to their batch, that updates
// reduce the loss, and that a saved training resumes exactly.
func checkTraining(ctx context.Context, k *kit) (figure, error) {
	t, err := k.openTraining(ctx, k.request(1), "")
	if err != nil {
		return figure{}, err
	}
	defer t.Model().Close()
	defer t.Close()
	step := lm.TrainStep{Update: true, LearningRate: 1e-3, ClipNorm: 1, Documents: []lm.TrainDocument{
		{Tokens: k.text, Targets: k.someTargets()}, {Tokens: k.document(2, 5), Weights: []float32{1, 0.5, 0, 2, 1}},
	}}
	f := figure{unit: "nats learned"}
	whole, err := k.compareLoss(ctx, t, step)
	if err != nil {
		return f, err
	}
	if err := k.compareMicroBatches(ctx, step, whole); err != nil {
		return f, err
	}
	last := whole
	for range 5 {
		if last, err = trained(ctx, t, step); err != nil {
			return f, err
		}
	}
	if f.value = whole.Loss - last.Loss; !(f.value > 0) {
		return f, fmt.Errorf("after 5 updates on a batch its loss is %g, before it was %g", last.Loss, whole.Loss)
	}
	return f, errors.Join(k.compareResumed(ctx, t, step), k.refusedSteps(ctx, t, step))
}

// openTraining loads a model and opens a training of it.
func (k *kit) openTraining(ctx context.Context, load lm.LoadRequest, resume string) (lm.Training, error) {
	m, err := k.arch.Load(ctx, load)
	if err != nil {
		return nil, err
	}
	trainer, ok := lm.As[lm.Trainer](m)
	if !ok {
		return nil, errors.Join(notImplemented(lm.AbilityTrain), m.Close())
	}
	t, err := trainer.OpenTraining(ctx, lm.TrainingRequest{Seed: 1, Resume: resume})
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return t, t.Info().Check(k.info.Parameters, resume != "")
}

// trained runs a step and checks its reply.
func trained(ctx context.Context, t lm.Training, step lm.TrainStep) (lm.TrainReply, error) {
	reply, err := t.Step(ctx, step)
	if err != nil {
		return reply, err
	}
	before := reply.Updates
	if reply.Updated {
		before--
	}
	return reply, step.Check(t.Info(), before, reply)
}

// compareLoss runs the first step and compares its loss with that of scoring the same targets before it.
func (k *kit) compareLoss(ctx context.Context, t lm.Training, step lm.TrainStep) (lm.TrainReply, error) {
	req := lm.ScoreRequest{}
	for _, d := range step.Documents {
		req.Sequences = append(req.Sequences, lm.Sequence{Tokens: d.Tokens, Targets: d.Predicted()})
	}
	scores, err := k.checkedScore(ctx, t.Model(), req)
	if err != nil {
		return lm.TrainReply{}, err
	}
	var sum, weight float64
	for i, d := range step.Documents {
		n := 0
		for p, target := range d.Predicted() {
			if target < 0 {
				continue
			}
			w := 1.0
			if d.Weights != nil {
				w = float64(d.Weights[p])
			}
			sum, weight, n = sum+w*scores.Scores[i].NLL[n], weight+w, n+1
		}
	}
	reply, err := trained(ctx, t, step)
	if err == nil && !near(reply.Loss, sum/weight) {
		err = fmt.Errorf("the loss of the step is %g, scoring gives %g", reply.Loss, sum/weight)
	}
	return reply, err
}

// near reports whether two sums are equal up to rounding.
func near(a, b float64) bool {
	return math.Abs(a-b) <= trainingSlack*math.Max(math.Abs(a), math.Abs(b))
}

// compareMicroBatches repeats the step on a model with the same seed, one document at a time.
func (k *kit) compareMicroBatches(ctx context.Context, step lm.TrainStep, whole lm.TrainReply) error {
	t, err := k.openTraining(ctx, k.request(1), "")
	if err != nil {
		return err
	}
	defer t.Model().Close()
	defer t.Close()
	var loss float64
	for i, d := range step.Documents {
		part := step
		part.Documents, part.Update = []lm.TrainDocument{d}, i == len(step.Documents)-1
		_, own := part.Counted()
		part.Weight = own / whole.Weight
		reply, err := trained(ctx, t, part)
		if err != nil {
			return err
		}
		loss += part.Weight * reply.Loss
		if part.Update && (!near(loss, whole.Loss) || !near(reply.GradientNorm, whole.GradientNorm)) {
			return fmt.Errorf("micro-batches have a loss of %g and a gradient norm of %g, their batch %g and %g",
				loss, reply.GradientNorm, whole.Loss, whole.GradientNorm)
		}
		if !part.Update {
			if err := kindError("saving between micro-batches", t.Save(ctx, filepath.Join(cmp.Or(k.options.TempDir, os.TempDir()), "unsaved")), lm.Invalid); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareResumed checks that a training and its saved copy continue identically, and that documents carry on from their
// states if the model has any.
func (k *kit) compareResumed(ctx context.Context, t lm.Training, step lm.TrainStep) error {
	dir, err := os.MkdirTemp(k.options.TempDir, "lmtest")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	step.Documents = k.pieces(step.Documents)
	if _, err := trained(ctx, t, step); err != nil {
		return err
	}
	if err := t.Save(ctx, dir); err != nil {
		return err
	}
	load := k.request(1)
	load.Checkpoint, load.Config, load.Variant = dir, "", ""
	again, err := k.openTraining(ctx, load, dir)
	if err != nil {
		return err
	}
	defer again.Model().Close()
	defer again.Close()
	step.Documents[0].Carry = k.info.Has(lm.AbilityStep)
	for range carriedPieces {
		want, err := trained(ctx, t, step)
		if err != nil {
			return err
		}
		got, err := trained(ctx, again, step)
		if err != nil {
			return fmt.Errorf("resumed: %w", err)
		}
		if got.Loss != want.Loss || got.GradientNorm != want.GradientNorm || got.Updates != want.Updates {
			return fmt.Errorf("resumed, update %d has a loss of %v and a gradient norm of %v; uninterrupted, %v and %v in update %d",
				got.Updates, got.Loss, got.GradientNorm, want.Loss, want.GradientNorm, want.Updates)
		}
	}
	return nil
}

// carriedPieces is the number of further pieces that compareResumed feeds of a document.
const carriedPieces = 3

// pieces returns documents whose first is short enough to carry on within the context limit.
func (k *kit) pieces(docs []lm.TrainDocument) []lm.TrainDocument {
	docs = append([]lm.TrainDocument{}, docs...)
	if limit := k.info.ContextLimit; limit > 0 {
		docs[0].Tokens = docs[0].Tokens[:min(len(docs[0].Tokens), limit/(1+carriedPieces))]
		docs[0].Targets = docs[0].Targets[:len(docs[0].Tokens)]
	}
	return docs
}

// refusedSteps checks that invalid steps are refused.
func (k *kit) refusedSteps(ctx context.Context, t lm.Training, good lm.TrainStep) error {
	try := func(what string, change func(s *lm.TrainStep)) error {
		bad := good
		bad.Documents = append([]lm.TrainDocument{}, good.Documents...)
		change(&bad)
		_, err := t.Step(ctx, bad)
		return kindError(what, err, lm.Invalid)
	}
	return errors.Join(
		try("no documents", func(s *lm.TrainStep) { s.Documents = nil }),
		try("a target outside the vocabulary", func(s *lm.TrainStep) {
			s.Documents[0].Targets = append([]int32{int32(k.info.Vocab)}, s.Documents[0].Targets[1:]...)
		}),
		try("a weight below 0", func(s *lm.TrainStep) { s.Documents[1].Weights = []float32{1, 1, 1, -1, 1} }),
		try("no targets", func(s *lm.TrainStep) { s.Documents = []lm.TrainDocument{{Tokens: k.text[:1]}} }),
		try("a learning rate below 0", func(s *lm.TrainStep) { s.LearningRate = -1 }),
		try("an unknown auxiliary loss", func(s *lm.TrainStep) { s.Auxiliary = map[string]float64{"no such loss": 1} }),
	)
}
