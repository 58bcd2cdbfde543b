package engine

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// trainRows bounds the tokens of one forward and backward pass, and with them the memory of activations, unless one
// document has more. The documents of a step run in several passes, whose gradients add up.
const trainRows = 2048

// trainStep is a step in progress.
type trainStep struct {
	*training
	lm.TrainStep
	pass   *nn.Pass
	weight float64 // sum of the targets' weights
	states []*state.Document
	losses nn.Losses
	added  bool // to the gradient
}

// Step implements lm.Training. It reports neither states nor gradients of a step that failed: after an error other than of
// a bad request the training has ended.
func (t *training) Step(ctx context.Context, step lm.TrainStep) (lm.TrainReply, error) {
	var reply lm.TrainReply
	err := t.model.compute(ctx, "train step", func(l *lane) error {
		start := time.Now()
		if t.ended != nil {
			return t.ended
		}
		if err := t.check(step); err != nil {
			return err
		}
		s := &trainStep{training: t, TrainStep: step, pass: &l.pass}
		err := s.run(ctx, &reply)
		if err != nil {
			err = s.failed(err)
		}
		reply.Compute = time.Since(start)
		return err
	})
	return reply, err
}

// failed returns the error to report. The training ends, unless the request is at fault and nothing has happened yet.
func (s *trainStep) failed(err error) error {
	kind := lm.KindOf(err)
	bad := kind == lm.Invalid || kind == lm.Unsupported
	if bad && !s.added {
		return err
	}
	s.ended = lm.Errorf(lm.Invalid, "", "the training has ended with an earlier error: %v", err)
	if bad {
		return lm.Errorf(lm.Internal, "", "in the middle of a step: %v", err)
	}
	return err
}

// check returns an error of kind Invalid or Unsupported for a step that cannot run.
func (t *training) check(step lm.TrainStep) error {
	info := t.model.info
	if err := step.Validate(info.Vocab, t.info); err != nil {
		return err
	}
	if err := t.checkTeacher(step); err != nil {
		return err
	}
	stateless := t.model.net.NewState() == nil
	for i, d := range step.Documents {
		length := len(d.Tokens)
		switch {
		case !d.Carry:
		case stateless:
			return lm.Errorf(lm.Unsupported, "", "document %d: %s needs the whole sequence at once: it carries no state", i, info.Mode)
		case i >= len(t.carried):
			return lm.Errorf(lm.Invalid, "", "document %d has no state to carry on from: the last step had %d documents", i, len(t.carried))
		default:
			length += t.carried[i].Len()
		}
		if info.ContextLimit > 0 && length > info.ContextLimit {
			return lm.Errorf(lm.Invalid, "", "document %d: %d tokens, with those it carries on from, are beyond the context limit of %d", i, length, info.ContextLimit)
		}
	}
	return nil
}

// run runs a step that check allows.
func (s *trainStep) run(ctx context.Context, reply *lm.TrainReply) error {
	reply.Targets, s.weight = s.Counted()
	s.rescale(lossScale(s.TrainStep))
	s.begin()
	for first := 0; first < len(s.Documents); {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := s.group(first)
		if err := s.forwardBackward(ctx, first, end); err != nil {
			return err
		}
		first = end
	}
	s.spare, s.carried, s.pending = s.carried, s.states, true
	return s.finish(reply)
}

// begin makes the states that the documents start from: copies of the carried ones, and empty ones.
func (s *trainStep) begin() {
	for i, d := range s.Documents {
		switch {
		case d.Carry:
			s.states = append(s.states, s.carried[i].Fork())
		case len(s.spare) > 0:
			last := len(s.spare) - 1
			s.states, s.spare = append(s.states, s.spare[last]), s.spare[:last]
			s.states[i].Reset()
		default:
			if st := s.model.net.NewState(); st != nil {
				s.states = append(s.states, st)
			}
		}
	}
}

// group returns the end of the documents that run in one pass, from first on.
func (s *trainStep) group(first int) int {
	rows, end := 0, first
	for end < len(s.Documents) {
		rows += len(s.Documents[end].Tokens)
		if end > first && rows > trainRows {
			break
		}
		end++
	}
	return end
}

// forwardBackward runs documents [first, end) and adds to losses and gradients.
func (s *trainStep) forwardBackward(ctx context.Context, first, end int) error {
	p := s.pass
	p.Reset()
	p.Tape, p.Recompute = &s.tape, s.checkpointing
	p.Draws = &nn.Draws{Seed: s.seed, Update: uint32(s.info.Updates), Part: s.passes}
	s.passes++
	defer func() { p.Tape, p.Draws, p.Recompute, s.tape = nil, nil, false, nn.Tape{} }()
	batch, before := s.batch(first, end)
	hidden, err := s.model.forward(p, batch)
	if err != nil {
		return err
	}
	rows, objective, err := s.objective(ctx, first, end)
	if err != nil || len(objective.Targets) == 0 {
		return err
	}
	if len(rows) == hidden.Rows {
		rows = nil
	}
	s.added = true
	losses := s.model.net.Output().Loss(p, nn.Pick(p, hidden, rows), objective)
	s.losses.NLL += losses.NLL
	s.losses.Targets += losses.Targets
	s.losses.Distillation += losses.Distillation
	swap(batch, before)
	p.Tape.Backward()
	swap(batch, before)
	return nil
}

// batch returns documents [first, end) as a batch, and copies of their states if the backward pass runs layers again.
func (s *trainStep) batch(first, end int) (b nn.Batch, before []*state.Document) {
	for i := first; i < end; i++ {
		tokens := s.Documents[i].Tokens
		span := nn.Span{Start: len(b.Tokens), Len: len(tokens)}
		if len(s.states) > 0 {
			span.State = s.states[i]
			if s.checkpointing {
				before = append(before, span.State.Fork())
			}
		}
		b.Tokens, b.Spans = append(b.Tokens, tokens...), append(b.Spans, span)
	}
	return b, before
}

// swap exchanges the states of a batch with those of before.
func swap(b nn.Batch, before []*state.Document) {
	for i, st := range before {
		b.Spans[i].State.Swap(st)
	}
}

// finish reports the step, writes the gradient and updates the weights, if requested.
func (s *trainStep) finish(reply *lm.TrainReply) error {
	reply.Weight, reply.Loss = s.weight, s.losses.NLL
	reply.Parts = map[string]float64{lm.PartTargets: s.losses.Targets}
	reply.Objective = s.losses.Targets
	if s.Teacher != nil {
		reply.Parts[lm.PartDistillation] = s.losses.Distillation
		reply.Objective += s.losses.Distillation
	}
	norm, norms := s.norms()
	sum := norm + reply.Objective
	reply.Finite = !math.IsNaN(sum) && !math.IsInf(sum, 0)
	if s.Gradients != "" {
		if err := s.writeGradients(s.Gradients); err != nil {
			return &lm.Error{Kind: lm.Resource, Err: err}
		}
	}
	if s.Update {
		reply.GradientNorm, reply.GradientNorms = norm, norms
		if reply.Finite {
			s.update(s.TrainStep, norm)
			reply.Updated = true
		}
		s.clear()
	}
	reply.Updates = s.info.Updates
	return nil
}

// scaleOf is the factor of this step's mean loss in the gradient.
func (s *trainStep) scaleOf() float64 { return cmp.Or(s.Weight, 1) * s.scale }
