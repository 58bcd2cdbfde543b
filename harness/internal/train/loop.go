package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm"
)

// grace is how long an update may go on after an interruption, so that it can be saved.
const grace = 6 * time.Second

// patient returns a context that outlives ctx by the grace.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(work, func() { timer.Stop() })
	})
	return work, func() { stop(); cancel() }
}

// run makes the updates that the plan still lacks, with evaluations and checkpoints between them.
func (t *trainer) run(ctx context.Context) error {
	work, stop := patient(ctx)
	defer stop()
	for {
		if ctx.Err() != nil {
			return t.interrupt(work)
		}
		if t.due() {
			switch err := t.checkpoint(ctx, work); {
			case ctx.Err() != nil:
				return t.interrupt(work)
			case err != nil:
				return err
			}
		}
		if t.stopped || t.now.Update >= t.plan.Updates {
			return nil
		}
		if t.overtime() {
			t.stopped = true
			t.event(Overtime, fmt.Sprintf("%d of %d updates were made in %s: updates take longer than in the trial, and the schedule has not come to its end", t.now.Update, t.plan.Updates, t.plan.Budget.Time), "")
			continue
		}
		if err := t.step(work); err != nil {
			if ctx.Err() != nil {
				err = errors.Join(ErrInterrupted, err)
			}
			return err
		}
	}
}

// due reports whether the model must be evaluated and saved now.
func (t *trainer) due() bool {
	at := t.now.Update
	return at != t.now.LastAt && (at%t.plan.EvalEvery == 0 || at == t.plan.Updates || t.stopped)
}

// overtime reports whether a budget of time has no room for another update before the last evaluation.
func (t *trainer) overtime() bool {
	limit := t.plan.Budget.Time
	_, update := t.speed.speed()
	next := time.Duration(1e9*update) + t.plan.Pace.Evaluation + t.plan.Pace.Saving
	return limit > 0 && t.now.Update > 0 && t.elapsed()+t.plan.Trial+next > limit
}

func (t *trainer) elapsed() time.Duration { return time.Since(t.since) }

// checkpoint evaluates and saves.
func (t *trainer) checkpoint(ctx, work context.Context) error {
	start := time.Now()
	measures, err := t.data.Evaluate(ctx, t.model)
	if reply, ok := errors.AsType[*lm.ReplyError](err); ok && reply.Fault == lm.NonFinite {
		return t.spoilt(work, err)
	}
	if err != nil {
		return fmt.Errorf("evaluate update %d: %w", t.now.Update, err)
	}
	t.now.Last, t.now.LastAt = measures, t.now.Update
	if better(measures, t.now.Best) {
		t.now.Best, t.now.BestAt = measures, t.now.Update
	}
	t.now.Elapsed = t.elapsed()
	t.measured(measures, time.Since(start))
	if err := t.save(work); err != nil {
		return err
	}
	return t.journal.flush(work, true)
}

// spoilt goes back to weights whose losses are finite, if the plan allows it. The present ones are not saved.
func (t *trainer) spoilt(ctx context.Context, cause error) error {
	t.now.Events++
	if t.now.Attempt < t.plan.Recoveries {
		return t.recover(ctx, finding{kind: NonFinite, detail: fmt.Sprintf("evaluation: %v", cause)})
	}
	return wrong{ErrDiverged, fmt.Errorf("evaluate update %d: %w: the losses of the weights are no longer finite: lower --lr, or allow recoveries with --recover", t.now.Update, cause)}
}

// better compares the first measures of two evaluations. One that is not finite is never better.
func better(a, b []Measure) bool {
	switch {
	case len(a) == 0 || !a[0].Value.Finite():
		return false
	case len(b) == 0:
		return true
	}
	return float64(a[0].Better)*float64(a[0].Value-b[0].Value) > 0
}

// interrupt saves the weights of a training that ends early.
func (t *trainer) interrupt(work context.Context) error {
	t.now.Elapsed = t.elapsed()
	if err := t.save(work); err != nil {
		return errors.Join(ErrInterrupted, err)
	}
	return ErrInterrupted
}

// step makes the next update, and what the monitors call for.
func (t *trainer) step(ctx context.Context) error {
	documents, err := t.data.Batch(int(t.now.Update))
	if err != nil {
		return err
	}
	start := time.Now()
	rate := t.now.RateFactor * t.plan.Schedule.Rate(t.now.Update+1, t.plan.Updates)
	reply, err := t.apply(ctx, documents, rate)
	if outOfMemory(err) && t.now.MicroBatch > 1 {
		return t.halve(ctx, err)
	}
	if err != nil {
		return fmt.Errorf("update %d: %w", t.now.Update+1, err)
	}
	t.count(documents, reply, rate, time.Since(start))
	return t.watch(ctx)
}

// apply gives the documents of an update to the model, in steps of as many as fit into memory.
func (t *trainer) apply(ctx context.Context, documents []lm.TrainDocument, rate float64) (total lm.TrainReply, err error) {
	_, whole := lm.TrainStep{Documents: documents}.Counted()
	var steps []lm.TrainStep
	for part := range slices.Chunk(documents, t.now.MicroBatch) {
		step := lm.TrainStep{Documents: part, LearningRate: rate, ClipNorm: t.plan.ClipNorm}
		if n, own := step.Counted(); n > 0 {
			step.Weight = own / whole
			steps = append(steps, step)
		}
	}
	if len(steps) == 0 {
		return total, wrong{ErrRequest, errors.New("no token of the update's documents is to be predicted")}
	}
	var loss, objective float64
	var compute time.Duration
	targets := 0
	for i, step := range steps {
		step.Update = i == len(steps)-1
		if total, err = t.training.Step(ctx, step); err != nil {
			return total, err
		}
		loss, objective = loss+step.Weight*total.Loss, objective+step.Weight*total.Objective
		compute, targets = compute+total.Compute, targets+total.Targets
	}
	total.Loss, total.Objective, total.Compute, total.Targets = loss, objective, compute, targets
	return total, nil
}

// count adds an update to the state and the rows.
func (t *trainer) count(documents []lm.TrainDocument, reply lm.TrainReply, rate float64, took time.Duration) {
	tokens, longest := tokensOf(documents), 0
	for _, d := range documents {
		longest = max(longest, len(d.Tokens))
	}
	t.now.Update++
	t.now.Tokens += int64(tokens)
	t.now.FLOPs += t.plan.Pace.FLOPs
	t.now.Order = chained(t.now.Order, documents)
	t.now.Elapsed = t.elapsed()
	t.speed.add(tokens, took)
	norms := map[string]record.Real{}
	for component, norm := range reply.GradientNorms {
		norms[component] = record.Real(norm)
	}
	t.journal.rows.Steps = append(t.journal.rows.Steps, record.TrainingStep{
		Attempt: t.now.Attempt, Update: t.now.Update, Tokens: t.now.Tokens, FLOPs: t.now.FLOPs, Documents: len(documents), Length: longest, Targets: reply.Targets,
		Loss: record.Real(reply.Loss), Objective: record.Real(reply.Objective), Rate: rate, GradientNorm: record.Real(reply.GradientNorm), GradientNorms: norms,
		Applied: reply.Updated, Host: took, Plugin: reply.Compute, Elapsed: t.now.Elapsed,
	})
}

// chained extends the hash of what was given so far, "" for nothing, by an update.
func chained(order string, documents []lm.TrainDocument) string {
	h, err := dataset.ParseHash(order)
	if err != nil {
		h = dataset.Hash{}
	}
	h.Add(documents)
	return h.String()
}

// watch gives the last update to the monitors, and recovers from what they find if the plan allows it.
func (t *trainer) watch(ctx context.Context) error {
	last := &t.journal.rows.Steps[len(t.journal.rows.Steps)-1]
	for _, f := range t.now.Monitor.see(t.plan.Rules, last) {
		t.now.Events++
		if f.severe && t.now.Attempt < t.plan.Recoveries {
			return t.recover(ctx, f)
		}
		t.event(f.kind, f.detail, "")
	}
	if n := t.now.Monitor.NonFinite; n >= t.plan.Rules.GiveUp {
		return wrong{ErrDiverged, fmt.Errorf("%d updates in a row had a loss or gradient that is not finite: lower --lr, or allow recoveries with --recover", n)}
	}
	t.observe(t.progress())
	return t.journal.flush(ctx, false)
}

// finish records how the training ended.
func (t *trainer) finish(ctx context.Context, failure error) (*Result, error) {
	ctx = context.WithoutCancel(ctx)
	r := t.record
	r.Ended, r.OrderSHA, r.Updates, r.Tokens, r.FLOPs = time.Now().UTC(), t.now.Order, t.now.Update, t.now.Tokens, t.now.FLOPs
	r.Status = record.Done
	if failure != nil {
		r.Status = record.Interrupted
		t.event(Stopped, failure.Error(), "")
	}
	failure = errors.Join(failure, t.journal.end(ctx, r))
	return &Result{
		Training: r, Plan: t.plan, First: t.now.First, Last: t.now.Last, Best: t.now.Best, BestAt: t.now.BestAt,
		Complete: failure == nil && t.now.Update == t.plan.Updates,
	}, failure
}

// merged returns options with others that take precedence.
func merged(options, others map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, options)
	maps.Copy(all, others)
	return all
}
