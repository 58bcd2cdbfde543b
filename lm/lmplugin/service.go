package lmplugin

import (
	"context"
	"errors"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// service serves an architecture to one host.
type service struct {
	lmpb.UnimplementedLanguageModelServiceServer
	arch      lm.Architecture
	models    handles[lm.Model]
	documents handles[*document]
	trainings handles[*servedTraining]
}

func newService(arch lm.Architecture) *service {
	return &service{
		arch:      arch,
		models:    handles[lm.Model]{kind: "model"},
		documents: handles[*document]{kind: "state"},
		trainings: handles[*servedTraining]{kind: "training"},
	}
}

// noAbility returns the error of a call that the plugin or model does not support, on either side of the wire.
func noAbility(op string, ability lm.Ability) error {
	return lm.Errorf(lm.Unsupported, op, "n/a (no ability %s)", ability)
}

// useAs returns a model as the optional interface T. The model stays loaded until done is called.
func useAs[T any](s *service, id uint64, op string, ability lm.Ability) (t T, done func(), err error) {
	model, done, err := s.models.use(id)
	if err != nil {
		return t, nil, err
	}
	t, ok := lm.As[T](model)
	if !ok {
		done()
		return t, nil, noAbility(op, ability)
	}
	return t, done, nil
}

// withModel runs do on a model as the optional interface T. The model stays loaded meanwhile.
func withModel[T, R any](s *service, id uint64, op string, ability lm.Ability, do func(t T, start time.Time) (*R, error)) (*R, error) {
	t, done, err := useAs[T](s, id, op, ability)
	if err != nil {
		return nil, err
	}
	defer done()
	return do(t, time.Now())
}

// sinceNs returns the nanoseconds since the start of a call, on the monotonic clock.
func sinceNs(start time.Time) int64 { return time.Since(start).Nanoseconds() }

// computeNs returns the model's own measurement or, without one, the time since the start.
func computeNs(measured time.Duration, start time.Time) int64 {
	if measured > 0 {
		return measured.Nanoseconds()
	}
	return sinceNs(start)
}

func (s *service) Describe(ctx context.Context, _ *lmpb.DescribeRequest) (*lmpb.DescribeResponse, error) {
	start := time.Now()
	d, err := s.arch.Describe(ctx)
	if err != nil {
		return nil, err
	}
	reply := describeToPB(d)
	reply.ComputeNs = sinceNs(start)
	return reply, nil
}

func (s *service) Calibrate(ctx context.Context, req *lmpb.CalibrateRequest) (*lmpb.CalibrateResponse, error) {
	calibrator, ok := s.arch.(lm.Calibrator)
	if !ok {
		return nil, noAbility("calibrate", lm.AbilityCalibrate)
	}
	start := time.Now()
	roofline, err := calibrator.Calibrate(ctx, int(req.GetThreads()))
	if err != nil {
		return nil, err
	}
	reply := rooflineToPB(roofline)
	reply.ComputeNs = sinceNs(start)
	return reply, nil
}

func (s *service) Load(ctx context.Context, req *lmpb.LoadRequest) (*lmpb.LoadResponse, error) {
	start := time.Now()
	model, err := s.arch.Load(ctx, loadFromPB(req))
	if err != nil {
		return nil, err
	}
	info := model.Info()
	return &lmpb.LoadResponse{Model: s.models.add(model), Info: infoToPB(info), ComputeNs: sinceNs(start)}, nil
}

func (s *service) Unload(_ context.Context, req *lmpb.UnloadRequest) (*lmpb.UnloadResponse, error) {
	start := time.Now()
	model, err := s.models.remove(req.GetModel())
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, d := range s.documents.removeWhere(func(d *document) bool { return d.model == req.GetModel() }) {
		errs = append(errs, d.state.Close())
	}
	for _, t := range s.trainings.removeWhere(func(t *servedTraining) bool { return t.model == req.GetModel() }) {
		errs = append(errs, t.training.Close())
	}
	if err := errors.Join(append(errs, model.Close())...); err != nil {
		return nil, err
	}
	return &lmpb.UnloadResponse{ComputeNs: sinceNs(start)}, nil
}

func (s *service) Cost(ctx context.Context, req *lmpb.CostRequest) (*lmpb.CostResponse, error) {
	return withModel(s, req.GetModel(), "cost", lm.AbilityCost, func(coster lm.Coster, start time.Time) (*lmpb.CostResponse, error) {
		reply, err := coster.Cost(ctx, lm.CostRequest{
			Phase:  phaseFromPB(req.GetPhase()),
			Batch:  int(req.GetBatch()),
			Length: int(req.GetLength()),
			Count:  req.GetCount(),
		})
		if err != nil {
			return nil, err
		}
		response := &lmpb.CostResponse{
			Analytic:  mapped(reply.Analytic, costToPB),
			Counted:   mapped(reply.Counted, costToPB),
			Reference: mapped(reply.Reference, costToPB),
			Least:     mapped(reply.Least, costToPB),
			Most:      mapped(reply.Most, costToPB),
			ComputeNs: computeNs(reply.Compute, start),
		}
		if reply.StateBytes >= 0 {
			response.StateBytes = &reply.StateBytes
		}
		return response, nil
	})
}

func (s *service) Memory(ctx context.Context, req *lmpb.MemoryRequest) (*lmpb.MemoryResponse, error) {
	return withModel(s, req.GetModel(), "memory", lm.AbilityMemory, func(reporter lm.MemoryReporter, start time.Time) (*lmpb.MemoryResponse, error) {
		memory, err := reporter.Memory(ctx, req.GetReset_())
		if err != nil {
			return nil, err
		}
		return &lmpb.MemoryResponse{
			Live:      mapped(memory.Live, bytesToPB),
			Peak:      mapped(memory.Peak, bytesToPB),
			ComputeNs: sinceNs(start),
		}, nil
	})
}

func (s *service) Save(ctx context.Context, req *lmpb.SaveRequest) (*lmpb.SaveResponse, error) {
	return withModel(s, req.GetModel(), "save", lm.AbilitySave, func(saver lm.Saver, start time.Time) (*lmpb.SaveResponse, error) {
		if err := saver.Save(ctx, req.GetDir()); err != nil {
			return nil, err
		}
		return &lmpb.SaveResponse{ComputeNs: sinceNs(start)}, nil
	})
}
