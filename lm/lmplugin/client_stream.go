package lmplugin

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// sender is the sending side of a request stream.
type sender[M any] interface {
	Send(m *M) error
	CloseSend() error
}

// send writes the messages of a request stream, part by part.
func send[M any](stream sender[M], parts ...iter.Seq[*M]) error {
	for _, part := range parts {
		for m := range part {
			if err := stream.Send(m); errors.Is(err, io.EOF) {
				return nil // the plugin has ended the call; Recv returns the reason
			} else if err != nil {
				return err
			}
		}
	}
	return stream.CloseSend()
}

// budget limits a reply stream in time and messages.
type budget struct {
	start    time.Time
	messages int // that may still come
}

// newBudget starts the clock of a call whose reply has that many values and inputs. Every message brings a value, except
// one per input and the last.
func newBudget(values, inputs int) *budget {
	return &budget{start: time.Now(), messages: values + inputs + 1}
}

// receiveAll calls do with each message of a reply stream.
func receiveAll[M any](b *budget, recv func() (*M, error), do func(*M) error) error {
	for {
		m, err := recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if b.messages--; b.messages < 0 {
			return lm.Faultf(lm.Malformed, "more messages than values")
		}
		if err := do(m); err != nil {
			return err
		}
	}
}

// add adds the time that a message reports to a sum.
func (b *budget) add(sum *time.Duration, ns int64) error {
	if err := b.check(time.Duration(ns)); err != nil {
		return err
	}
	*sum += time.Duration(ns)
	return nil
}

// check compares a time that the plugin reports with the time since the start of the call.
func (b *budget) check(compute time.Duration) error {
	return lm.CheckClock("the time of the work", compute, time.Since(b.start))
}

// piece returns the element of a reply that a message belongs to.
func piece[T any](parts []T, i uint32) (*T, error) {
	if uint64(i) >= uint64(len(parts)) {
		return nil, lm.Faultf(lm.Malformed, "a reply for input %d of %d", i, len(parts))
	}
	return &parts[i], nil
}

// grow appends a piece of a reply to the pieces before it, up to the requested number of values.
func grow[T any](what string, all *[]T, piece []T, most int) error {
	if len(*all)+len(piece) > most {
		return lm.Faultf(lm.Malformed, "asked for %d %s, got at least %d", most, what, len(*all)+len(piece))
	}
	*all = append(*all, piece...)
	return nil
}

// growLogits is grow for packed floats.
func growLogits(all *[]float32, packed []byte, most int) (err error) {
	if len(*all)+len(packed)/4 > most {
		return lm.Faultf(lm.Malformed, "asked for %d logits, got at least %d", most, len(*all)+len(packed)/4)
	}
	*all, err = appendFloats(*all, packed)
	return err
}

func (m *model) Score(ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
	header, err := m.scoreHeader(req)
	if err != nil {
		return lm.ScoreReply{}, err
	}
	reply := lm.ScoreReply{Scores: make([]lm.Scores, len(req.Sequences))}
	err = m.score(ctx, header, req, &reply)
	return reply, m.client.failed(ctx, "score", err)
}

// scoreHeader refuses what the plugin or the wire does not support.

func (m *model) scoreHeader(req lm.ScoreRequest) (*lmpb.ScoreHeader, error) {
	if err := m.ready("score"); err != nil {
		return nil, err
	}
	header := &lmpb.ScoreHeader{Model: m.handle, Logits: req.Logits, Ranks: req.Ranks}
	answers := req.Ranks
	for i, s := range req.Sequences {
		if s.Targets != nil {
			answers = true
			if err := s.Check(m.info.Vocab); err != nil { // the wire cannot carry every wrong request
				return nil, lm.Errorf(lm.Invalid, "score", "sequence %d: %w", i, err)
			}
		}
		header.From = append(header.From, int64(s.From))
	}
	if answers {
		if err := m.ready("score", lm.AbilityAnswers); err != nil {
			return nil, err
		}
	}
	if req.Versus == nil {
		return header, nil
	}
	versus, ok := req.Versus.(*model)
	if !ok || versus.client != m.client {
		return nil, lm.Errorf(lm.Invalid, "score", "the model to compare with lives in another plugin process")
	}
	if err := versus.ready("score", lm.AbilityVersus); err != nil {
		return nil, err
	}
	header.Versus = versus.handle
	return header, nil
}

func (m *model) score(ctx context.Context, header *lmpb.ScoreHeader, req lm.ScoreRequest, reply *lm.ScoreReply) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sizes, values := make([]lm.Size, len(req.Sequences)), 0
	for i, s := range req.Sequences {
		sizes[i] = req.Size(m.info.Vocab, s)
		values += sizes[i].NLL + sizes[i].Logits // the others come with or after these
	}
	budget := newBudget(values, len(sizes))
	stream, err := m.client.rpc.Score(ctx)
	if err != nil {
		return err
	}
	tokens := mapped(req.Sequences, func(s lm.Sequence) []int32 { return s.Tokens })
	targets := mapped(req.Sequences, func(s lm.Sequence) []int32 { return s.Targets })
	err = send(stream,
		tokenMessages(header, tokens, func(h *lmpb.ScoreHeader, c []*lmpb.TokenChunk) *lmpb.ScoreRequest {
			return &lmpb.ScoreRequest{Header: h, Chunks: c}
		}),
		targetMessages(targets, nil, func(c []*lmpb.TargetChunk) *lmpb.ScoreRequest {
			return &lmpb.ScoreRequest{Targets: c}
		}))
	if err != nil {
		return err
	}
	err = receiveAll(budget, stream.Recv, func(r *lmpb.ScoreResponse) error {
		s, err := piece(reply.Scores, r.GetSequence())
		if err != nil {
			return err
		}
		size := sizes[r.GetSequence()]
		return cmp.Or(
			grow("losses", &s.NLL, r.GetNll(), size.NLL), grow("divergences", &s.KL, r.GetKl(), size.KL), grow("agreements", &s.Top1, r.GetTop1(), size.KL),
			grow("best tokens", &s.Best, r.GetBest(), size.Ranks), grow("ranks", &s.Rank, r.GetRank(), size.Ranks),
			growLogits(&s.Logits, r.GetLogits(), size.Logits), budget.add(&reply.Compute, r.GetComputeNs()))
	})
	return cmp.Or(err, budget.check(reply.Compute), req.Check(m.info.Vocab, *reply))
}

func (m *model) Step(ctx context.Context, req lm.StepRequest) (lm.StepReply, error) {
	if err := m.ready("step", lm.AbilityStep); err != nil {
		return lm.StepReply{}, err
	}
	states, handles, tokens, err := m.proxies("step", req.Inputs)
	if err != nil {
		return lm.StepReply{}, err
	}
	sampling, err := stepSamplingToPB(req.Inputs)
	if err == nil && sampling != nil {
		err = m.ready("step", lm.AbilitySample)
	}
	if err != nil {
		return lm.StepReply{}, err
	}
	header := &lmpb.StepHeader{Model: m.handle, States: handles, Want: lmpb.Want(req.Want), Sampling: sampling}
	reply := lm.StepReply{Outputs: make([]lm.StepOutput, len(req.Inputs))}
	err = m.step(ctx, header, tokens, states, req, &reply)
	return reply, m.client.failed(ctx, "step", err)
}

func (m *model) step(ctx context.Context, header *lmpb.StepHeader, tokens [][]int32, states []*state, req lm.StepRequest, reply *lm.StepReply) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	before, sizes, values := mapped(states, (*state).Len), make([]lm.Size, len(states)), 0
	for i, in := range req.Inputs {
		sizes[i] = req.Size(m.info.Vocab, before[i], in)
		values += sizes[i].NLL + sizes[i].Logits + sizes[i].Sampled
	}
	budget := newBudget(values, len(sizes))
	stream, err := m.client.rpc.Step(ctx)
	if err != nil {
		return err
	}
	err = send(stream, tokenMessages(header, tokens, func(h *lmpb.StepHeader, c []*lmpb.TokenChunk) *lmpb.StepRequest {
		return &lmpb.StepRequest{Header: h, Chunks: c}
	}))
	if err != nil {
		return err
	}
	var infos []*lmpb.StateInfo
	err = receiveAll(budget, stream.Recv, func(r *lmpb.StepResponse) error {
		if r.GetStates() != nil {
			infos = r.GetStates()
		}
		if err := budget.add(&reply.Compute, r.GetComputeNs()); err != nil || len(r.GetNll())+len(r.GetLogits()) == 0 && r.Token == nil {
			return err
		}
		o, err := piece(reply.Outputs, r.GetInput())
		if err != nil {
			return err
		}
		size := sizes[r.GetInput()]
		if r.Token != nil {
			err = grow("sampled tokens", &o.Sampled, []int32{r.GetToken()}, size.Sampled)
		}
		return cmp.Or(err, grow("losses", &o.NLL, r.GetNll(), size.NLL), growLogits(&o.Logits, r.GetLogits(), size.Logits))
	})
	if err := cmp.Or(err, budget.check(reply.Compute), req.Check(m.info.Vocab, before, *reply)); err != nil {
		return err
	}
	return updateAll(states, infos, func(i int) (least, most int) { return before[i] + len(tokens[i]), before[i] + len(tokens[i]) })
}

// errStopped ends a Generate whose emit has returned false.
var errStopped = errors.New("stopped by the caller")

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
	err = m.generate(ctx, header, tokens, states, req, emit)
	if errors.Is(err, errStopped) {
		return m.refreshAll(ctx, states)
	}
	return m.client.failed(ctx, "generate", err)
}

func (m *model) generate(ctx context.Context, header *lmpb.GenerateHeader, tokens [][]int32, states []*state,
	req lm.GenerateRequest, emit func(lm.GenerateChunk) bool,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	before, check := mapped(states, (*state).Len), lm.NewContinuation(req, m.info.Vocab)
	budget := newBudget(max(0, req.MaxNew)*len(states), len(states))
	stream, err := m.client.rpc.Generate(ctx)
	if err != nil {
		return err
	}
	err = send(stream, tokenMessages(header, tokens, func(h *lmpb.GenerateHeader, c []*lmpb.TokenChunk) *lmpb.GenerateRequest {
		return &lmpb.GenerateRequest{Header: h, Chunks: c}
	}))
	if err != nil {
		return err
	}
	var spent time.Duration
	err = receiveAll(budget, stream.Recv, func(r *lmpb.GenerateResponse) error {
		chunk, err := generatedFromPB(r, len(states))
		if err = cmp.Or(err, check.Chunk(chunk, time.Since(budget.start))); err != nil {
			return err
		}
		spent += chunk.Prefill + chunk.Compute
		if chunk.Done {
			err = cmp.Or(budget.check(spent), check.End(), updateAll(states, r.GetStates(), func(i int) (least, most int) {
				seen := before[i] + len(tokens[i])
				return seen + max(0, check.Made(i)-1), seen + check.Made(i)
			}))
		}
		if err == nil && !emit(chunk) && !chunk.Done {
			err = errStopped
		}
		return err
	})
	return cmp.Or(err, check.End())
}

// refreshAll asks where an early stop has left the states.
func (m *model) refreshAll(ctx context.Context, states []*state) error {
	for _, s := range states {
		if err := s.refresh(ctx); err != nil {
			return err
		}
	}
	return nil
}
