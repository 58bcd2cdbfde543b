package engine

import (
	"context"

	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// checkTeacher returns an error for a teacher that the training cannot learn from.
func (t *training) checkTeacher(step lm.TrainStep) error {
	if step.Teacher == nil || step.Teacher.Model == nil {
		return nil
	}
	m, ok := step.Teacher.Model.(*Model)
	switch {
	case !ok || m.arch != t.model.arch:
		return lm.Errorf(lm.Invalid, "", "the teacher is not a model of this plugin process")
	case m.closed.Load():
		return lm.Errorf(lm.Invalid, "", "the teacher is closed")
	case m.info.Vocab != t.model.info.Vocab:
		return lm.Errorf(lm.Invalid, "", "the teacher's vocabulary of %d is not the model's of %d", m.info.Vocab, t.model.info.Vocab)
	}
	for i, d := range step.Documents {
		if limit := m.info.ContextLimit; limit > 0 && len(d.Tokens) > limit {
			return lm.Errorf(lm.Invalid, "", "document %d: %d tokens are beyond the teacher's context limit of %d", i, len(d.Tokens), limit)
		}
		if d.Carry {
			return lm.Errorf(lm.Unsupported, "", "document %d carries on, of which the teacher has not seen the earlier tokens: give the teacher's logits instead", i)
		}
	}
	return nil
}

// objective returns the rows of documents [first, end) that have targets with a weight, in the order of the batch, and
// their objective.
func (s *trainStep) objective(ctx context.Context, first, end int) (rows []int, o *nn.Objective, err error) {
	o = &nn.Objective{Smoothing: s.LabelSmoothing, Scale: s.scaleOf()}
	start := 0
	var given [][]float32 // logits of a teacher, by row
	for _, d := range s.Documents[first:end] {
		row := 0 // in d.Teacher
		for i, target := range d.Predicted() {
			if target < 0 {
				continue
			}
			if w := weightOf(d, i); w > 0 {
				rows, o.Targets, o.Shares = append(rows, start+i), append(o.Targets, target), append(o.Shares, w/s.weight)
				if d.Teacher != nil {
					given = append(given, d.Teacher[row*s.model.info.Vocab:][:s.model.info.Vocab])
				}
			}
			row++
		}
		start += len(d.Tokens)
	}
	if s.Teacher == nil {
		return rows, o, nil
	}
	o.TeacherWeight, o.Temperature, o.Teacher = s.Teacher.Weight, s.Teacher.Temperature, givenLogits(given)
	if s.Teacher.Model != nil {
		o.Teacher, err = s.teacherLogits(ctx, first, end, rows)
	}
	return rows, o, err
}

// weightOf is the weight of target i.
func weightOf(d lm.TrainDocument, i int) float64 {
	if d.Weights == nil {
		return 1
	}
	return float64(d.Weights[i])
}

// givenLogits returns copies of given logits.
func givenLogits(given [][]float32) func(p *nn.Pass, lo, hi int) nn.Mat {
	return func(p *nn.Pass, lo, hi int) nn.Mat {
		logits := p.New(hi-lo, len(given[lo]))
		for r := range logits.Rows {
			copy(logits.Row(r), given[lo+r])
		}
		return logits
	}
}

// teacherLogits feeds documents [first, end) to the teacher and returns its logits for the given rows of the batch.
func (s *trainStep) teacherLogits(ctx context.Context, first, end int, rows []int) (func(p *nn.Pass, lo, hi int) nn.Mat, error) {
	m := s.Teacher.Model.(*Model)
	lane := &m.second
	defer lane.pass.Reset()
	var hidden [][]float32 // of all tokens
	for _, d := range s.Documents[first:end] {
		docs := []document{{tokens: d.Tokens, state: m.net.NewState()}}
		err := m.feed(ctx, lane, docs, func(_ int, h nn.Mat) error {
			for r := range h.Rows {
				hidden = append(hidden, append([]float32{}, h.Row(r)...))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return func(p *nn.Pass, lo, hi int) nn.Mat {
		x := p.New(hi-lo, len(hidden[0]))
		for r := range x.Rows {
			copy(x.Row(r), hidden[rows[lo+r]])
		}
		return m.net.Output().Forward(p, x)
	}, nil
}
