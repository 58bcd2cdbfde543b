package lmplugin

import (
	"context"
	"slices"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// stepHeader is the header of a request that appends tokens to states.
type stepHeader interface {
	GetModel() uint64
	GetStates() []uint64
}

// useInputs returns the model of a request as the optional interface T, and its states joined with their tokens. The states
// must be distinct and belong to the model. They are claimed until release is called.
func useInputs[T any](ctx context.Context, s *service, op string, ability lm.Ability, header stepHeader, tokens [][]int32) (
	t T, inputs []lm.StepInput, release func(), err error,
) {
	t, done, err := useAs[T](s, header.GetModel(), op, ability)
	if err != nil {
		return t, nil, nil, err
	}
	dones := []func(){done}
	releaseAll := func() {
		for _, done := range slices.Backward(dones) {
			done()
		}
	}
	defer func() {
		if err != nil {
			releaseAll()
		}
	}()
	documents := map[uint64]*document{}
	for i, id := range header.GetStates() {
		d, done, err := s.documents.use(id)
		if err != nil {
			return t, nil, nil, err
		}
		dones = append(dones, done)
		switch {
		case d.model != header.GetModel():
			return t, nil, nil, lm.Errorf(lm.Invalid, "", "input %d: state %d belongs to another model", i, id)
		case documents[id] != nil:
			return t, nil, nil, lm.Errorf(lm.Invalid, "", "input %d: state %d appears twice", i, id)
		}
		documents[id] = d
		inputs = append(inputs, lm.StepInput{State: d.state, Tokens: tokens[i]})
	}
	unclaim, err := claim(ctx, documents)
	if err != nil {
		return t, nil, nil, err
	}
	dones = append(dones, unclaim)
	return t, inputs, releaseAll, nil
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
	return withModel(s, req.GetModel(), "newstate", lm.AbilityStep, func(stepper lm.Stepper, start time.Time) (*lmpb.NewStateResponse, error) {
		state, err := stepper.NewState(ctx)
		if err != nil {
			return nil, err
		}
		reply := &lmpb.NewStateResponse{Info: stateToPB(state), ComputeNs: sinceNs(start)}
		reply.State = s.documents.add(newDocument(req.GetModel(), state))
		return reply, nil
	})
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
