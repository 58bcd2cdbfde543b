package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/lm"
)

const (
	// trialShare is the share of a budget of time in which a trial repeats an update, and mostTrials how often at most.
	trialShare = 0.05
	mostTrials = 5
	// memoryShare is the share of the free memory that the activations of a step may take.
	memoryShare = 0.5
)

// trial finds out what an update, an evaluation and a save take, and how many documents fit into a step. It evaluates the model
// before the first update, and makes updates with a learning rate of 0. The model is loaded anew afterwards.
func (t *trainer) trial(ctx context.Context, o Options) (err error) {
	begun := time.Now()
	if t.now.First, err = t.data.Evaluate(ctx, t.model); err != nil {
		return fmt.Errorf("evaluate the model before the first update: %w", err)
	}
	t.now.Last = t.now.First
	p := &t.plan.Pace
	p.Evaluation = time.Since(begun)
	documents, err := t.data.Batch(0)
	if err != nil {
		return wrong{ErrRequest, err}
	}
	p.Tokens = tokensOf(documents)
	p.FLOPs, t.plan.FLOPsBy = t.cost(ctx, o.Batch, o.Length)
	if err := t.size(ctx, documents, o); err != nil {
		return err
	}
	if o.Budget.Time == 0 {
		return t.reload(ctx)
	}
	if p.Update, err = t.time(ctx, documents, o.Budget.Time); err != nil {
		return err
	}
	saving := time.Now()
	if err := t.saveNowhere(ctx); err != nil {
		return err
	}
	p.Saving = time.Since(saving)
	if err := t.reload(ctx); err != nil {
		return err
	}
	t.plan.Trial = time.Since(begun) + p.Saving
	return nil
}

// size finds how many documents fit into a step: by the memory that one takes, unless the user says it.
func (t *trainer) size(ctx context.Context, documents []lm.TrainDocument, o Options) error {
	t.now.MicroBatch = min(o.MicroBatch, o.Batch)
	if o.MicroBatch == 0 {
		t.now.MicroBatch = o.Batch
	}
	reporter, ok := lm.As[lm.MemoryReporter](t.model)
	if o.MicroBatch > 0 || !ok {
		return nil
	}
	if _, err := reporter.Memory(ctx, true); err != nil {
		return err
	}
	if err := t.idle(ctx, documents[:1]); err != nil {
		return err
	}
	used, err := reporter.Memory(ctx, false)
	if err != nil {
		return err
	}
	if free, known := host.FreeMemory(); known {
		t.now.MicroBatch = fitting(o.Batch, used.Peak, free)
	}
	return nil
}

// fitting returns how many documents a step may have, if one takes the given memory.
func fitting(batch int, one []lm.ByteClass, free int64) int {
	var bytes int64
	for _, c := range one {
		if c.Device == "" {
			bytes += c.Bytes
		}
	}
	if bytes <= 0 {
		return batch
	}
	return max(1, min(batch, int(memoryShare*float64(free)/float64(bytes))))
}

// idle makes an update that changes no weight.
func (t *trainer) idle(ctx context.Context, documents []lm.TrainDocument) error {
	_, err := t.apply(ctx, documents, 0)
	if err != nil {
		return fmt.Errorf("try an update: %w", err)
	}
	return nil
}

// time returns the mean time of updates after the first.
func (t *trainer) time(ctx context.Context, documents []lm.TrainDocument, budget time.Duration) (time.Duration, error) {
	if err := t.idle(ctx, documents); err != nil {
		return 0, err
	}
	start := time.Now()
	for n := 1; ; n++ {
		if err := t.idle(ctx, documents); err != nil {
			return 0, err
		}
		if took := time.Since(start); n == mostTrials || took > time.Duration(trialShare*float64(budget)) {
			return took / time.Duration(n), nil
		}
	}
}

// saveNowhere saves the model into a folder that it removes.
func (t *trainer) saveNowhere(ctx context.Context) error {
	dir, err := os.MkdirTemp(t.folder.join(checkpoints), ".trial-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := t.training.Save(ctx, dir); err != nil {
		return fmt.Errorf("try to save: %w", err)
	}
	_, _, err = sums(filepath.Clean(dir))
	return err
}

// reload replaces the model of the trial by one with the first weights and an optimizer without a past.
func (t *trainer) reload(ctx context.Context) error {
	if err := t.unload(); err != nil {
		return err
	}
	return t.load(ctx, t.plan.Model.request(t.plan.Seed), "")
}

// cost returns the FLOPs of an update, and where they come from: the model's formula for forward and backward or, if it has none,
// three times that for forward, since backward computes the gradients of both operands of each product.
func (t *trainer) cost(ctx context.Context, batch, length int) (flops float64, by string) {
	coster, ok := lm.As[lm.Coster](t.model)
	if !ok {
		return 0, "n/a (no ability cost)"
	}
	sum := func(phase lm.Phase) (float64, error) {
		reply, err := coster.Cost(ctx, lm.CostRequest{Phase: phase, Batch: batch, Length: length})
		total := 0.0
		for _, item := range reply.Analytic {
			total += float64(item.FLOPs)
		}
		return total, err
	}
	flops, err := sum(lm.Train)
	if err == nil {
		return flops, "the model's formula for forward and backward"
	}
	forward, again := sum(lm.Scoring)
	if again != nil {
		return 0, fmt.Sprintf("n/a (%v)", errors.Join(err, again))
	}
	return 3 * forward, "three times the model's formula for forward"
}

func tokensOf(documents []lm.TrainDocument) (n int) {
	for _, d := range documents {
		n += len(d.Tokens)
	}
	return n
}
