package lmplugin

import (
	"context"
	"math"
	"sync"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// part is the proxy of something in the plugin that belongs to a model and is closed with it.
type part struct {
	model  *model
	handle uint64
	kind   string // for messages

	mu     sync.Mutex
	closed bool
}

// ready fails if the part or its model is closed.
func (p *part) ready(op string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return lm.Errorf(lm.Invalid, op, "the %s is closed", p.kind)
	}
	return p.model.ready(op)
}

// release calls the RPC that closes the part, unless the part or its model is closed already.
func (p *part) release(op string, rpc func(context.Context) error) error {
	p.mu.Lock()
	closed := p.closed || p.model.closed.Load()
	p.closed = true
	p.mu.Unlock()
	if closed {
		return nil
	}
	return p.model.client.release(op, rpc)
}

// state is the proxy of a document's state in the plugin. Its length and size come from the last reply.
type state struct {
	part
	info *lmpb.StateInfo // guarded by mu
}

func (m *model) NewState(ctx context.Context) (lm.State, error) {
	if err := m.ready("newstate", lm.AbilityStep); err != nil {
		return nil, err
	}
	reply, err := m.client.rpc.NewState(ctx, &lmpb.NewStateRequest{Model: m.handle})
	if err != nil {
		return nil, m.client.failed(ctx, "newstate", err)
	}
	return m.newState(ctx, "newstate", reply.GetState(), reply.GetInfo(), 0)
}

// newState returns the proxy of a state that has seen that many tokens.
func (m *model) newState(ctx context.Context, op string, handle uint64, info *lmpb.StateInfo, seen int) (lm.State, error) {
	s := &state{part: part{model: m, handle: handle, kind: "state"}}
	err := s.update(info, seen, seen)
	if handle == 0 {
		err = lm.Faultf(lm.Malformed, "a state without a handle")
	}
	if err != nil {
		return nil, m.client.failed(ctx, op, err)
	}
	return s, nil
}

func (s *state) Len() int { return int(s.current().GetLength()) }

func (s *state) Bytes() int64 { return s.current().GetBytes() }

func (s *state) current() *lmpb.StateInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info
}

// update stores the state's length and size from a reply; the length must be from least to most.
func (s *state) update(info *lmpb.StateInfo, least, most int) error {
	if err := lm.CheckState(info.GetLength(), info.GetBytes(), least, most, s.model.mostMemory()); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.info = info
	return nil
}

// mostMemory returns the most memory that a state can take, in the host or on the device; 0: unknown.
func (m *model) mostMemory() int64 {
	host := hostMemory()
	if host <= 0 {
		return host
	}
	return max(host, m.info.Device.Memory)
}

// refresh asks for the state's length and size after a call that was stopped.
func (s *state) refresh(ctx context.Context) error {
	reply, err := s.model.client.rpc.GetState(ctx, &lmpb.GetStateRequest{State: s.handle})
	if err == nil {
		err = s.update(reply.GetInfo(), 0, math.MaxInt)
	}
	return s.model.client.failed(ctx, "getstate", err)
}

func (s *state) Fork(ctx context.Context) (lm.State, error) {
	if err := s.ready("forkstate"); err != nil {
		return nil, err
	}
	reply, err := s.model.client.rpc.ForkState(ctx, &lmpb.ForkStateRequest{State: s.handle})
	if err != nil {
		return nil, s.model.client.failed(ctx, "forkstate", err)
	}
	return s.model.newState(ctx, "forkstate", reply.GetState(), reply.GetInfo(), s.Len())
}

func (s *state) Reset(ctx context.Context) error {
	if err := s.ready("resetstate"); err != nil {
		return err
	}
	reply, err := s.model.client.rpc.ResetState(ctx, &lmpb.ResetStateRequest{State: s.handle})
	if err == nil {
		err = s.update(reply.GetInfo(), 0, 0)
	}
	return s.model.client.failed(ctx, "resetstate", err)
}

func (s *state) Close() error {
	return s.release("closestate", func(ctx context.Context) error {
		_, err := s.model.client.rpc.CloseState(ctx, &lmpb.CloseStateRequest{State: s.handle})
		return err
	})
}

// proxies returns the proxies, handles and tokens of a request's inputs.
func (m *model) proxies(op string, inputs []lm.StepInput) (states []*state, handles []uint64, tokens [][]int32, err error) {
	for i, in := range inputs {
		s, ok := in.State.(*state)
		if !ok || s.model != m {
			return nil, nil, nil, lm.Errorf(lm.Invalid, op, "input %d: the state belongs to another model", i)
		}
		if err := s.ready(op); err != nil {
			return nil, nil, nil, err
		}
		states = append(states, s)
		handles = append(handles, s.handle)
		tokens = append(tokens, in.Tokens)
	}
	return states, handles, tokens, nil
}

// updateAll stores the lengths and sizes of the states from the last message of a reply. seen returns the range of
// possible lengths.
func updateAll(states []*state, infos []*lmpb.StateInfo, seen func(i int) (least, most int)) error {
	if len(infos) != len(states) {
		return lm.Faultf(lm.Malformed, "the last message has %d states, want %d", len(infos), len(states))
	}
	for i, info := range infos {
		least, most := seen(i)
		if err := states[i].update(info, least, most); err != nil {
			return err
		}
	}
	return nil
}
