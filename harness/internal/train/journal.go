package train

import (
	"context"
	"errors"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
)

// flushPeriod is how often rows are given to the sinks.
const flushPeriod = time.Second

// journal gives rows to sinks, many at a time.
type journal struct {
	sinks   []Sink
	rows    record.TrainingRows
	flushed time.Time
}

// beginSinks opens the sinks of the training.
func (t *trainer) beginSinks(ctx context.Context) error {
	if t.running.Sinks != nil {
		t.journal.sinks = t.running.Sinks(t.record, t.plan)
	}
	for _, s := range t.journal.sinks {
		if err := s.Begin(ctx, t.record); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) rewind(ctx context.Context, attempt int, update int64) error {
	for _, s := range j.sinks {
		if err := s.Rewind(ctx, attempt, update); err != nil {
			return err
		}
	}
	return nil
}

// flush writes the rows that have come together, if it is time to or must be.
func (j *journal) flush(ctx context.Context, must bool) error {
	if j.rows.Empty() || !must && time.Since(j.flushed) < flushPeriod {
		return nil
	}
	for _, s := range j.sinks {
		if err := s.Write(ctx, j.rows); err != nil {
			return err
		}
	}
	j.rows, j.flushed = record.TrainingRows{}, time.Now()
	return nil
}

// end writes the rest and closes the sinks.
func (j *journal) end(ctx context.Context, r *record.Training) error {
	err := j.flush(ctx, true)
	for _, s := range j.sinks {
		err = errors.Join(err, s.End(ctx, r))
	}
	return err
}

// event adds an event of the training at its present state.
func (t *trainer) event(kind, detail, action string) {
	e := record.TrainingEvent{Attempt: t.now.Attempt, Update: t.now.Update, At: time.Now().UTC(), Kind: kind, Detail: detail, Action: action}
	t.journal.rows.Events = append(t.journal.rows.Events, e)
	p := t.progress()
	p.Event = &e
	t.observe(p)
}

// measured adds the rows of an evaluation.
func (t *trainer) measured(measures []Measure, took time.Duration) {
	for _, m := range measures {
		t.journal.rows.Evaluations = append(t.journal.rows.Evaluations, record.TrainingEvaluation{
			Attempt: t.now.Attempt, Update: t.now.Update, Tokens: t.now.Tokens, FLOPs: t.now.FLOPs, Metric: m.Name, Value: m.Value, Unit: m.Unit,
			Host: took, Elapsed: t.now.Elapsed,
		})
	}
	p := t.progress()
	p.Measures = measures
	t.observe(p)
}

func (t *trainer) observe(p Progress) {
	if t.running.Observe != nil {
		t.running.Observe(p)
	}
}

// speedometer measures the speed over the last updates.
type speedometer struct {
	tokens []int
	times  []time.Duration
}

// lastUpdates is the number of updates that the speed is taken over.
const lastUpdates = 20

func (s *speedometer) add(tokens int, took time.Duration) {
	s.tokens, s.times = append(s.tokens, tokens), append(s.times, took)
	first := max(0, len(s.times)-lastUpdates)
	s.tokens, s.times = s.tokens[first:], s.times[first:]
}

// speed returns tokens per second, and seconds per update; 0 without updates.
func (s *speedometer) speed() (tokens, update float64) {
	sum, time := 0, 0.0
	for i, n := range s.tokens {
		sum, time = sum+n, time+s.times[i].Seconds()
	}
	if time == 0 {
		return 0, 0
	}
	return float64(sum) / time, time / float64(len(s.times))
}

// progress is the present state, for people.
func (t *trainer) progress() Progress {
	tokens, update := t.speed.speed()
	p := Progress{Update: t.now.Update, Updates: t.plan.Updates, Speed: tokens}
	if n := len(t.now.Monitor.Losses); n > 0 {
		p.Loss = t.now.Monitor.Losses[n-1]
	}
	left := float64(t.plan.Updates-t.now.Update) * update
	pauses := float64((t.plan.Updates - t.now.Update + t.plan.EvalEvery - 1) / t.plan.EvalEvery)
	p.Left = time.Duration(1e9*left) + time.Duration(pauses*float64(t.plan.Pace.Evaluation+t.plan.Pace.Saving))
	return p
}
