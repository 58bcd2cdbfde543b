package lmplugin

import (
	"cmp"
	"context"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// training is the proxy of a training in the plugin.
type training struct {
	part
	info    lm.TrainingInfo
	updates int64 // so far; guarded by mu
}

var (
	_ lm.Trainer  = (*client)(nil)
	_ lm.Trainer  = (*model)(nil)
	_ lm.Training = (*training)(nil)
)

const opOpenTraining = "opentraining"

// OpenTraining implements lm.Trainer for a model that the request loads.
func (c *client) OpenTraining(ctx context.Context, req lm.TrainingRequest) (lm.Training, error) {
	if req.Load == nil {
		return nil, lm.Errorf(lm.Invalid, opOpenTraining, "the request names no model to load; to train a loaded model, call its OpenTraining")
	}
	if !c.description.Has(lm.AbilityTrain) {
		return nil, noAbility(opOpenTraining, lm.AbilityTrain)
	}
	return c.openTraining(ctx, req, nil)
}

func (m *model) OpenTraining(ctx context.Context, req lm.TrainingRequest) (lm.Training, error) {
	if err := m.ready(opOpenTraining, lm.AbilityTrain); err != nil {
		return nil, err
	}
	if req.Load != nil {
		return nil, lm.Errorf(lm.Invalid, opOpenTraining, "the request names a model to load, but this model is loaded already")
	}
	return m.client.openTraining(ctx, req, m)
}

// openTraining opens a training of m or, if it is nil, of the model that the request loads.
func (c *client) openTraining(ctx context.Context, req lm.TrainingRequest, m *model) (lm.Training, error) {
	wire := trainingToPB(req)
	if m != nil {
		wire.Model = m.handle
	} else {
		var err error
		if wire.Load, err = c.loadRequest(*req.Load); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	reply, err := c.rpc.OpenTraining(ctx, wire)
	took := time.Since(start)
	if err != nil {
		return nil, c.failed(ctx, opOpenTraining, err)
	}
	if m == nil {
		m, err = c.loaded(*req.Load, reply.GetModel(), reply.GetInfo(), took)
	}
	if err == nil && reply.GetTraining() == 0 {
		err = lm.Faultf(lm.Malformed, "a training without a handle")
	}
	info := trainingInfoFromPB(reply)
	if err == nil {
		err = info.Check(m.info.Parameters, req.Resume != "")
	}
	if err != nil {
		return nil, c.failed(ctx, opOpenTraining, err)
	}
	return &training{part: part{model: m, handle: reply.GetTraining(), kind: "training"}, info: info, updates: info.Updates}, nil
}

func (t *training) Info() lm.TrainingInfo { return t.info }

func (t *training) Model() lm.Model { return t.model }

func (t *training) Step(ctx context.Context, step lm.TrainStep) (lm.TrainReply, error) {
	const op = "trainstep"
	if err := t.ready(op); err != nil {
		return lm.TrainReply{}, err
	}
	if err := step.Validate(t.model.info.Vocab, t.info); err != nil {
		return lm.TrainReply{}, lm.Errorf(lm.Invalid, op, "%w", err)
	}
	header := trainHeader(step, t.handle)
	if step.Teacher != nil && step.Teacher.Model != nil {
		teacher, ok := step.Teacher.Model.(*model)
		if !ok || teacher.client != t.model.client {
			return lm.TrainReply{}, lm.Errorf(lm.Invalid, op, "the teacher lives in another plugin process")
		}
		if err := teacher.ready(op); err != nil {
			return lm.TrainReply{}, err
		}
		header.Teacher.Model = teacher.handle
	}
	reply, err := t.step(ctx, header, step)
	return reply, t.model.client.failed(ctx, op, err)
}

func (t *training) step(ctx context.Context, header *lmpb.TrainStepHeader, step lm.TrainStep) (reply lm.TrainReply, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := time.Now()
	stream, err := t.model.client.rpc.TrainStep(ctx)
	if err != nil {
		return reply, err
	}
	if err := sendStep(stream, header, step.Documents); err != nil {
		return reply, err
	}
	wire, err := stream.CloseAndRecv()
	if err != nil {
		return reply, err
	}
	reply = trainReplyFromPB(wire)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := cmp.Or(step.Check(t.info, t.updates, reply), lm.CheckClock("the time of the work", reply.Compute, time.Since(start))); err != nil {
		return lm.TrainReply{}, err
	}
	t.updates = reply.Updates
	return reply, nil
}

func (t *training) Save(ctx context.Context, dir string) error {
	const op = "savetraining"
	if err := t.ready(op); err != nil {
		return err
	}
	_, err := t.model.client.rpc.SaveTraining(ctx, &lmpb.SaveTrainingRequest{Training: t.handle, Dir: dir})
	return t.model.client.failed(ctx, op, err)
}

func (t *training) Close() error {
	return t.release("closetraining", func(ctx context.Context) error {
		_, err := t.model.client.rpc.CloseTraining(ctx, &lmpb.CloseTrainingRequest{Training: t.handle})
		return err
	})
}
