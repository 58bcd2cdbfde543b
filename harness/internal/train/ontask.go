package train

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/task"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// The measures of tasks, beside the loss.
const (
	AboveChance = "accuracy_above_chance" // 0 for a guesser, 1 if all answers are right
	Accuracy    = "accuracy"
)

// onTask is training on a task.
type onTask struct {
	task  *task.Task
	batch *task.Batches
	n     int // examples of the evaluation
}

// leastExamples is the number of examples that an evaluation has if it can, however long they are.
const leastExamples = 16

// OnTask returns data of a task, size examples an update, in the order of the seed. An evaluation asks for the answers of validation examples of about
// evalTokens tokens in all.
func OnTask(t *task.Task, info lm.ModelInfo, size, evalTokens int, seed uint64) (Data, error) {
	switch longest := max(t.Longest(dataset.Train), t.Longest(dataset.Valid)); {
	case t.Vocab() > info.Vocab:
		return nil, wrong{ErrRequest, fmt.Errorf("task %s has %d tokens, and the model's vocabulary %d: choose a model with more, or lower vocab of the task", t, t.Vocab(), info.Vocab)}
	case info.ContextLimit > 0 && longest > info.ContextLimit:
		return nil, wrong{ErrRequest, fmt.Errorf("task %s has examples of %d tokens, and the model reads at most %d", t, longest, info.ContextLimit)}
	case !info.Has(lm.AbilityAnswers):
		return nil, wrong{ErrRequest, fmt.Errorf("task %s needs the model's answers: n/a (no ability %s)", t, lm.AbilityAnswers)}
	}
	batch, err := t.Batches(size, seed)
	if err != nil {
		return nil, wrong{ErrRequest, err}
	}
	n := max(leastExamples, evalTokens/t.Longest(dataset.Valid))
	if all := t.Examples(dataset.Valid); all > 0 {
		n = min(n, all)
	}
	return &onTask{t, batch, n}, nil
}

// About implements [Data].
func (d *onTask) About() About {
	sum := sha256.Sum256([]byte("archbench task 2\n" + d.task.String()))
	return About{Name: "task " + d.task.String(), SHA256: hex.EncodeToString(sum[:]), Length: d.task.Longest(dataset.Train), Licence: "generated"}
}

// Batch implements [Data].
func (d *onTask) Batch(update int) ([]lm.TrainDocument, error) { return d.batch.Batch(update) }

// Evaluate implements [Data].
func (d *onTask) Evaluate(ctx context.Context, m lm.Model) ([]Measure, error) {
	var score task.Score
	nats := 0.0
	err := inCalls(d.n, func(lo, hi int) error {
		var examples []task.Example
		req := lm.ScoreRequest{Ranks: true}
		for i := lo; i < hi; i++ {
			e := d.task.Example(dataset.Valid, uint64(i))
			examples, req.Sequences = append(examples, e), append(req.Sequences, e.Sequence())
		}
		reply, err := m.Score(ctx, req)
		if err != nil {
			return err
		}
		for i, s := range reply.Scores {
			for _, v := range s.NLL {
				nats += v
			}
			if err := score.Add(d.task, examples[i], s.Best); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []Measure{
		{AboveChance, record.Real(score.Corrected()), unit.One, 1},
		{Accuracy, record.Real(score.Accuracy()), unit.One, 1},
		{Loss, record.Real(nats / float64(score.Answers)), unit.Nat, -1},
	}, nil
}
