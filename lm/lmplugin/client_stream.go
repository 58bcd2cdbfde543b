package lmplugin

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// send writes a request stream: the header with the first tokens, then the rest.
func send[M any](stream interface {
	Send(*M) error
	CloseSend() error
}, inputs [][]int32, message func(first bool, chunks []*lmpb.TokenChunk) *M,
) error {
	first := true
	for c := range chunks(inputs) {
		if err := stream.Send(message(first, c)); err != nil {
			if errors.Is(err, io.EOF) {
				return nil // the plugin has ended the call: Recv says why
			}
			return err
		}
		first = false
	}
	return stream.CloseSend()
}

// each hands over the messages of a reply until it ends.
func each[M any](recv func() (*M, error), do func(*M) error) error {
	for {
		m, err := recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := do(m); err != nil {
			return err
		}
	}
}

// piece returns the element of a reply that a message belongs to.
func piece[T any](parts []T, i uint32) (*T, error) {
	if uint64(i) >= uint64(len(parts)) {
		return nil, lm.Errorf(lm.Internal, "", "the plugin answers input %d of %d", i, len(parts))
	}
	return &parts[i], nil
}

// Score implements lm.Model.
func (m *model) Score(ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
	header, tokens, err := m.scoreHeader(req)
	if err != nil {
		return lm.ScoreReply{}, err
	}
	reply := lm.ScoreReply{Scores: make([]lm.Scores, len(req.Sequences))}
	if err := m.score(ctx, header, tokens, &reply); err != nil {
		return lm.ScoreReply{}, m.client.failed(ctx, "score", err)
	}
	return reply, nil
}

func (m *model) scoreHeader(req lm.ScoreRequest) (*lmpb.ScoreHeader, [][]int32, error) {
	if err := m.ready("score"); err != nil {
		return nil, nil, err
	}
	header := &lmpb.ScoreHeader{Model: m.handle, Logits: req.Logits}
	var tokens [][]int32
	for _, s := range req.Sequences {
		header.From = append(header.From, int64(s.From))
		tokens = append(tokens, s.Tokens)
	}
	if req.Versus == nil {
		return header, tokens, nil
	}
	versus, ok := req.Versus.(*model)
	if !ok || versus.client != m.client {
		return nil, nil, lm.Errorf(lm.Invalid, "score", "the model to compare with lives in another plugin process")
	}
	if err := versus.ready("score", lm.AbilityVersus); err != nil {
		return nil, nil, err
	}
	header.Versus = versus.handle
	return header, tokens, nil
}

func (m *model) score(ctx context.Context, header *lmpb.ScoreHeader, tokens [][]int32, reply *lm.ScoreReply) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := m.client.rpc.Score(ctx)
	if err != nil {
		return err
	}
	err = send(stream, tokens, func(first bool, chunks []*lmpb.TokenChunk) *lmpb.ScoreRequest {
		if first {
			return &lmpb.ScoreRequest{Header: header, Chunks: chunks}
		}
		return &lmpb.ScoreRequest{Chunks: chunks}
	})
	if err != nil {
		return err
	}
	return each(stream.Recv, func(r *lmpb.ScoreResponse) error {
		s, err := piece(reply.Scores, r.GetSequence())
		if err != nil {
			return err
		}
		s.NLL = append(s.NLL, r.GetNll()...)
		s.KL = append(s.KL, r.GetKl()...)
		s.Top1 = append(s.Top1, r.GetTop1()...)
		reply.Compute += time.Duration(r.GetComputeNs())
		s.Logits, err = appendFloats(s.Logits, r.GetLogits())
		return err
	})
}

// Step implements lm.Stepper.
func (m *model) Step(ctx context.Context, req lm.StepRequest) (lm.StepReply, error) {
	if err := m.ready("step", lm.AbilityStep); err != nil {
		return lm.StepReply{}, err
	}
	states, handles, tokens, err := m.proxies("step", req.Inputs)
	if err != nil {
		return lm.StepReply{}, err
	}
	header := &lmpb.StepHeader{Model: m.handle, States: handles, Want: wantToPB(req.Want)}
	reply := lm.StepReply{Outputs: make([]lm.StepOutput, len(req.Inputs))}
	if err := m.step(ctx, header, tokens, states, &reply); err != nil {
		return lm.StepReply{}, m.client.failed(ctx, "step", err)
	}
	return reply, nil
}

func (m *model) step(ctx context.Context, header *lmpb.StepHeader, tokens [][]int32, states []*state, reply *lm.StepReply) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := m.client.rpc.Step(ctx)
	if err != nil {
		return err
	}
	err = send(stream, tokens, func(first bool, chunks []*lmpb.TokenChunk) *lmpb.StepRequest {
		if first {
			return &lmpb.StepRequest{Header: header, Chunks: chunks}
		}
		return &lmpb.StepRequest{Chunks: chunks}
	})
	if err != nil {
		return err
	}
	return each(stream.Recv, func(r *lmpb.StepResponse) error {
		updateAll(states, r.GetStates())
		reply.Compute += time.Duration(r.GetComputeNs())
		if len(r.GetNll())+len(r.GetLogits()) == 0 {
			return nil
		}
		o, err := piece(reply.Outputs, r.GetInput())
		if err != nil {
			return err
		}
		o.NLL = append(o.NLL, r.GetNll()...)
		o.Logits, err = appendFloats(o.Logits, r.GetLogits())
		return err
	})
}

// errStopped ends the reply of a Generate whose caller has enough.
var errStopped = errors.New("stopped by the caller")

// Generate implements lm.Generator.
func (m *model) Generate(ctx context.Context, req lm.GenerateRequest, emit func(lm.GenerateChunk) bool) error {
	if err := m.ready("generate", lm.AbilityGenerate); err != nil {
		return err
	}
	states, handles, tokens, err := m.proxies("generate", req.Inputs)
	if err != nil {
		return err
	}
	header, err := generateToPB(req, m.handle, handles)
	if err != nil {
		return err
	}
	err = m.generate(ctx, header, tokens, states, emit)
	if errors.Is(err, errStopped) {
		return m.refreshAll(ctx, states)
	}
	if err != nil {
		return m.client.failed(ctx, "generate", err)
	}
	return nil
}

func (m *model) generate(ctx context.Context, header *lmpb.GenerateHeader, tokens [][]int32, states []*state,
	emit func(lm.GenerateChunk) bool,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := m.client.rpc.Generate(ctx)
	if err != nil {
		return err
	}
	err = send(stream, tokens, func(first bool, chunks []*lmpb.TokenChunk) *lmpb.GenerateRequest {
		if first {
			return &lmpb.GenerateRequest{Header: header, Chunks: chunks}
		}
		return &lmpb.GenerateRequest{Chunks: chunks}
	})
	if err != nil {
		return err
	}
	return each(stream.Recv, func(r *lmpb.GenerateResponse) error {
		updateAll(states, r.GetStates())
		chunk, err := generatedFromPB(r, len(states))
		if err != nil {
			return err
		}
		if !emit(chunk) && !chunk.Done {
			return errStopped
		}
		return nil
	})
}

// refreshAll learns where an early stop has left the states.
func (m *model) refreshAll(ctx context.Context, states []*state) error {
	for _, s := range states {
		if err := s.refresh(ctx); err != nil {
			return err
		}
	}
	return nil
}
