package lmplugin

import (
	"context"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// useInputs claims the documents of a request, which must be distinct and belong to the model, and joins them with their
// tokens.
func (s *service) useInputs(ctx context.Context, model uint64, ids []uint64, tokens [][]int32) (_ []lm.StepInput, release func(), err error) {
	var dones []func()
	releaseAll := func() {
		for _, done := range dones {
			done()
		}
	}
	defer func() {
		if err != nil {
			releaseAll()
		}
	}()
	documents := make(map[uint64]*document, len(ids))
	inputs := make([]lm.StepInput, len(ids))
	for i, id := range ids {
		d, done, err := s.documents.use(id)
		if err != nil {
			return nil, nil, err
		}
		dones = append(dones, done)
		switch {
		case d.model != model:
			return nil, nil, lm.Errorf(lm.Invalid, "", "input %d: state %d belongs to another model", i, id)
		case documents[id] != nil:
			return nil, nil, lm.Errorf(lm.Invalid, "", "input %d: state %d appears twice", i, id)
		}
		documents[id] = d
		inputs[i] = lm.StepInput{State: d.state, Tokens: tokens[i]}
	}
	unclaim, err := claim(ctx, documents)
	if err != nil {
		return nil, nil, err
	}
	return inputs, func() { unclaim(); releaseAll() }, nil
}

// withDocument runs do on one claimed document. Its model stays loaded meanwhile.
func (s *service) withDocument(ctx context.Context, id uint64, do func(d *document) error) error {
	d, done, err := s.documents.use(id)
	if err != nil {
		return err
	}
	defer done()
	_, doneModel, err := s.models.use(d.model)
	if err != nil {
		return err
	}
	defer doneModel()
	release, err := claim(ctx, map[uint64]*document{id: d})
	if err != nil {
		return err
	}
	defer release()
	return do(d)
}

func (s *service) NewState(ctx context.Context, req *lmpb.NewStateRequest) (*lmpb.NewStateResponse, error) {
	stepper, done, err := useAs[lm.Stepper](s, req.GetModel(), "newstate", lm.AbilityStep)
	if err != nil {
		return nil, err
	}
	defer done()
	start := time.Now()
	state, err := stepper.NewState(ctx)
	if err != nil {
		return nil, err
	}
	info := stateToPB(state)
	return &lmpb.NewStateResponse{
		State:     s.documents.add(newDocument(req.GetModel(), state)),
		Info:      info,
		ComputeNs: sinceNs(start),
	}, nil
}

func (s *service) GetState(ctx context.Context, req *lmpb.GetStateRequest) (reply *lmpb.GetStateResponse, err error) {
	err = s.withDocument(ctx, req.GetState(), func(d *document) error {
		start := time.Now()
		reply = &lmpb.GetStateResponse{Info: stateToPB(d.state), ComputeNs: sinceNs(start)}
		return nil
	})
	return reply, err
}

func (s *service) ForkState(ctx context.Context, req *lmpb.ForkStateRequest) (reply *lmpb.ForkStateResponse, err error) {
	err = s.withDocument(ctx, req.GetState(), func(d *document) error {
		start := time.Now()
		fork, err := d.state.Fork(ctx)
		if err != nil {
			return err
		}
		reply = &lmpb.ForkStateResponse{Info: stateToPB(fork), ComputeNs: sinceNs(start)}
		reply.State = s.documents.add(newDocument(d.model, fork))
		return nil
	})
	return reply, err
}

func (s *service) ResetState(ctx context.Context, req *lmpb.ResetStateRequest) (reply *lmpb.ResetStateResponse, err error) {
	err = s.withDocument(ctx, req.GetState(), func(d *document) error {
		start := time.Now()
		if err := d.state.Reset(ctx); err != nil {
			return err
		}
		reply = &lmpb.ResetStateResponse{Info: stateToPB(d.state), ComputeNs: sinceNs(start)}
		return nil
	})
	return reply, err
}

func (s *service) CloseState(_ context.Context, req *lmpb.CloseStateRequest) (*lmpb.CloseStateResponse, error) {
	start := time.Now()
	d, err := s.documents.remove(req.GetState())
	if err != nil {
		return nil, err
	}
	if err := d.state.Close(); err != nil {
		return nil, err
	}
	return &lmpb.CloseStateResponse{ComputeNs: sinceNs(start)}, nil
}
