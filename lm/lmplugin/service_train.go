package lmplugin

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// servedTraining is a training on the plugin's side. Calls on it take turns.
type servedTraining struct {
	training lm.Training
	model    uint64
	turn     sync.Mutex
}

func (s *service) OpenTraining(ctx context.Context, req *lmpb.OpenTrainingRequest) (*lmpb.OpenTrainingResponse, error) {
	start := time.Now()
	if req.GetLoad() == nil {
		reply, err := s.openTraining(ctx, req.GetModel(), req)
		if err != nil {
			return nil, err
		}
		reply.ComputeNs = sinceNs(start)
		return reply, nil
	}
	if req.GetModel() != 0 {
		return nil, lm.Errorf(lm.Invalid, "", "the request has model %d and one to load, want one of them", req.GetModel())
	}
	model, err := s.arch.Load(ctx, loadFromPB(req.GetLoad()))
	if err != nil {
		return nil, err
	}
	id := s.models.add(model)
	reply, err := s.openTraining(ctx, id, req)
	if err != nil {
		_, gone := s.models.remove(id)
		return nil, errors.Join(err, gone, model.Close())
	}
	reply.Info, reply.ComputeNs = infoToPB(model.Info()), sinceNs(start)
	return reply, nil
}

// openTraining opens a training of a loaded model.
func (s *service) openTraining(ctx context.Context, id uint64, req *lmpb.OpenTrainingRequest) (*lmpb.OpenTrainingResponse, error) {
	return withModel(s, id, opOpenTraining, lm.AbilityTrain, func(trainer lm.Trainer, _ time.Time) (*lmpb.OpenTrainingResponse, error) {
		training, err := trainer.OpenTraining(ctx, trainingFromPB(req))
		if err != nil {
			return nil, err
		}
		reply := trainingInfoToPB(training.Info())
		reply.Model, reply.Training = id, s.trainings.add(&servedTraining{training: training, model: id})
		return reply, nil
	})
}

// useTraining waits for a training's turn. Its model stays loaded until done is called.
func (s *service) useTraining(id uint64) (training lm.Training, done func(), err error) {
	t, doneTraining, err := s.trainings.use(id)
	if err != nil {
		return nil, nil, err
	}
	_, doneModel, err := s.models.use(t.model)
	if err != nil {
		doneTraining()
		return nil, nil, err
	}
	t.turn.Lock()
	return t.training, func() { t.turn.Unlock(); doneModel(); doneTraining() }, nil
}

func (s *service) TrainStep(stream grpc.ClientStreamingServer[lmpb.TrainStepRequest, lmpb.TrainStepResponse]) error {
	header, in, err := receive[lmpb.TrainStepHeader](stream.Recv, func(h *lmpb.TrainStepHeader) int { return max(0, int(h.GetSequences())) })
	if err != nil {
		return err
	}
	training, done, err := s.useTraining(header.GetTraining())
	if err != nil {
		return err
	}
	defer done()
	step, err := trainStepFromPB(header, in)
	if err != nil {
		return err
	}
	if id := header.GetTeacher().GetModel(); id != 0 {
		teacher, doneTeacher, err := s.models.use(id)
		if err != nil {
			return err
		}
		defer doneTeacher()
		step.Teacher.Model = teacher
	}
	start := time.Now()
	reply, err := training.Step(stream.Context(), step)
	if err != nil {
		return err
	}
	wire := trainReplyToPB(reply)
	wire.ComputeNs = computeNs(reply.Compute, start)
	return stream.SendAndClose(wire)
}

func (s *service) SaveTraining(ctx context.Context, req *lmpb.SaveTrainingRequest) (*lmpb.SaveTrainingResponse, error) {
	training, done, err := s.useTraining(req.GetTraining())
	if err != nil {
		return nil, err
	}
	defer done()
	start := time.Now()
	if err := training.Save(ctx, req.GetDir()); err != nil {
		return nil, err
	}
	return &lmpb.SaveTrainingResponse{ComputeNs: sinceNs(start)}, nil
}

func (s *service) CloseTraining(_ context.Context, req *lmpb.CloseTrainingRequest) (*lmpb.CloseTrainingResponse, error) {
	start := time.Now()
	t, err := s.trainings.remove(req.GetTraining())
	if err != nil {
		return nil, err
	}
	if err := t.training.Close(); err != nil {
		return nil, err
	}
	return &lmpb.CloseTrainingResponse{ComputeNs: sinceNs(start)}, nil
}
