package lmplugin

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// sender is the way to the plugin of a request stream.
type sender[M any] interface {
	Send(m *M) error
	CloseSend() error
}

// send writes a request stream: the header with the first tokens, then the rest.
func send[M any](stream sender[M], inputs [][]int32, message func(first bool, chunks []*lmpb.TokenChunk) *M) error {
	return sendAll(stream, func(yield func(*M) bool) {
		first := true
		for c := range chunks(inputs) {
			if !yield(message(first, c)) {
				return
			}
			first = false
		}
	})
}

// sendAll writes the messages of a request stream.
func sendAll[M any](stream sender[M], messages iter.Seq[*M]) error {
	for m := range messages {
		if err := stream.Send(m); err != nil {
			if errors.Is(err, io.EOF) {
				return nil // the plugin has ended the call: Recv says why
			}
			return err
		}
	}
	return stream.CloseSend()
}

// answer is the reply to a stream on its way: how long and how many messages it may take.
type answer struct {
	start    time.Time
	messages int // that may still come
}

// answering starts the clock of a call whose reply has so many values for so many inputs. Each message brings a value
// at least, but for one an input and the last.
func answering(values, inputs int) *answer {
	return &answer{start: time.Now(), messages: values + inputs + 1}
}

// each hands over the messages of a reply until it ends.
func each[M any](a *answer, recv func() (*M, error), do func(*M) error) error {
	for {
		m, err := recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if a.messages--; a.messages < 0 {
			return lm.Faultf(lm.Malformed, "more messages than there are values to send")
		}
		if err := do(m); err != nil {
			return err
		}
	}
}

// add adds the time that a message reports to a sum.
func (a *answer) add(sum *time.Duration, ns int64) error {
	if err := lm.CheckClock("the time of the work", time.Duration(ns), time.Since(a.start)); err != nil {
		return err
	}
	*sum += time.Duration(ns)
	return nil
}

// finished holds the sum against the whole call.
func (a *answer) finished(sum time.Duration) error {
	return lm.CheckClock("the time of the work", sum, time.Since(a.start))
}

// piece returns the element of a reply that a message belongs to.
func piece[T any](parts []T, i uint32) (*T, error) {
	if uint64(i) >= uint64(len(parts)) {
		return nil, lm.Faultf(lm.Malformed, "an answer for input %d of %d", i, len(parts))
	}
	return &parts[i], nil
}

// grow appends a piece of a reply to what came before, up to as many values as were asked for.
func grow[T any](what string, all *[]T, piece []T, most int) error {
	if len(*all)+len(piece) > most {
		return lm.Faultf(lm.Malformed, "asked for %d %s, got %d at least", most, what, len(*all)+len(piece))
	}
	*all = append(*all, piece...)
	return nil
}

// growLogits is grow for packed floats.
func growLogits(all *[]float32, packed []byte, most int) (err error) {
	if len(*all)+len(packed)/4 > most {
		return lm.Faultf(lm.Malformed, "asked for %d logits, got %d at least", most, len(*all)+len(packed)/4)
	}
	*all, err = appendFloats(*all, packed)
	return err
}

// Score implements lm.Model.
func (m *model) Score(ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
	header, err := m.scoreHeader(req)
	if err != nil {
		return lm.ScoreReply{}, err
	}
	reply := lm.ScoreReply{Scores: make([]lm.Scores, len(req.Sequences))}
	if err := m.score(ctx, header, req, &reply); err != nil {
		return lm.ScoreReply{}, m.client.failed(ctx, "score", err)
	}
	return reply, nil
}

func (m *model) scoreHeader(req lm.ScoreRequest) (*lmpb.ScoreHeader, error) {
	if err := m.ready("score"); err != nil {
		return nil, err
	}
	header := &lmpb.ScoreHeader{Model: m.handle, Logits: req.Logits, Ranks: req.Ranks}
	answers := req.Ranks
	for i, s := range req.Sequences {
		if s.Targets != nil {
			answers = true
			if err := s.Check(m.info.Vocab); err != nil { // the wire has no word for it
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

// scoreMessages are the header with the first tokens, the other tokens, and the targets.
func scoreMessages(header *lmpb.ScoreHeader, sequences []lm.Sequence) iter.Seq[*lmpb.ScoreRequest] {
	tokens := mapped(sequences, func(s lm.Sequence) []int32 { return s.Tokens })
	targets := mapped(sequences, func(s lm.Sequence) []int32 { return s.Targets })
	return func(yield func(*lmpb.ScoreRequest) bool) {
		for c := range chunks(tokens) {
			if !yield(&lmpb.ScoreRequest{Header: header, Chunks: c}) {
				return
			}
			header = nil
		}
		for c := range targetChunks(targets, nil) {
			if !yield(&lmpb.ScoreRequest{Targets: c}) {
				return
			}
		}
	}
}

func (m *model) score(ctx context.Context, header *lmpb.ScoreHeader, req lm.ScoreRequest, reply *lm.ScoreReply) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sizes, values := make([]lm.Size, len(req.Sequences)), 0
	for i, s := range req.Sequences {
		sizes[i] = req.Size(m.info.Vocab, s)
		values += sizes[i].NLL + sizes[i].Logits // the others come with or after these
	}
	answer := answering(values, len(sizes))
	stream, err := m.client.rpc.Score(ctx)
	if err != nil {
		return err
	}
	if err := sendAll(stream, scoreMessages(header, req.Sequences)); err != nil {
		return err
	}
	err = each(answer, stream.Recv, func(r *lmpb.ScoreResponse) error {
		s, err := piece(reply.Scores, r.GetSequence())
		if err != nil {
			return err
		}
		size := sizes[r.GetSequence()]
		return firstError(
			grow("losses", &s.NLL, r.GetNll(), size.NLL), grow("divergences", &s.KL, r.GetKl(), size.KL), grow("agreements", &s.Top1, r.GetTop1(), size.KL),
			grow("best tokens", &s.Best, r.GetBest(), size.Ranks), grow("ranks", &s.Rank, r.GetRank(), size.Ranks),
			growLogits(&s.Logits, r.GetLogits(), size.Logits), answer.add(&reply.Compute, r.GetComputeNs()))
	})
	return firstError(err, answer.finished(reply.Compute), req.Check(m.info.Vocab, *reply))
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
	sampling, err := stepSamplingToPB(req.Inputs)
	if err == nil && sampling != nil {
		err = m.ready("step", lm.AbilitySample)
	}
	if err != nil {
		return lm.StepReply{}, err
	}
	header := &lmpb.StepHeader{Model: m.handle, States: handles, Want: wantToPB(req.Want), Sampling: sampling}
	reply := lm.StepReply{Outputs: make([]lm.StepOutput, len(req.Inputs))}
	if err := m.step(ctx, header, tokens, states, req, &reply); err != nil {
		return lm.StepReply{}, m.client.failed(ctx, "step", err)
	}
	return reply, nil
}

func (m *model) step(ctx context.Context, header *lmpb.StepHeader, tokens [][]int32, states []*state, req lm.StepRequest, reply *lm.StepReply) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	before, sizes, values := lengths(states), make([]lm.Size, len(states)), 0
	for i, in := range req.Inputs {
		sizes[i] = req.Size(m.info.Vocab, before[i], in)
		values += sizes[i].NLL + sizes[i].Logits + sizes[i].Sampled
	}
	answer := answering(values, len(sizes))
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
	var infos []*lmpb.StateInfo
	err = each(answer, stream.Recv, func(r *lmpb.StepResponse) error {
		if r.GetStates() != nil {
			infos = r.GetStates()
		}
		if err := answer.add(&reply.Compute, r.GetComputeNs()); err != nil || len(r.GetNll())+len(r.GetLogits()) == 0 && r.Token == nil {
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
		return firstError(err, grow("losses", &o.NLL, r.GetNll(), size.NLL), growLogits(&o.Logits, r.GetLogits(), size.Logits))
	})
	err = firstError(err, answer.finished(reply.Compute), req.Check(m.info.Vocab, before, *reply))
	if err != nil {
		return err
	}
	return updateAll(states, infos, func(i int) (least, most int) { return before[i] + len(tokens[i]), before[i] + len(tokens[i]) })
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
	err = m.generate(ctx, header, tokens, states, req, emit)
	if errors.Is(err, errStopped) {
		return m.refreshAll(ctx, states)
	}
	if err != nil {
		return m.client.failed(ctx, "generate", err)
	}
	return nil
}

func (m *model) generate(ctx context.Context, header *lmpb.GenerateHeader, tokens [][]int32, states []*state,
	req lm.GenerateRequest, emit func(lm.GenerateChunk) bool,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	before, check := lengths(states), lm.NewContinuation(req, m.info.Vocab)
	answer := answering(max(0, req.MaxNew)*len(states), len(states))
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
	var spent time.Duration
	err = each(answer, stream.Recv, func(r *lmpb.GenerateResponse) error {
		chunk, err := generatedFromPB(r, len(states))
		if err = firstError(err, check.Chunk(chunk, time.Since(answer.start))); err != nil {
			return err
		}
		spent += chunk.Prefill + chunk.Compute
		if chunk.Done {
			err = firstError(answer.finished(spent), check.End(), updateAll(states, r.GetStates(), func(i int) (least, most int) {
				seen := before[i] + len(tokens[i])
				return seen + max(0, check.Made(i)-1), seen + check.Made(i)
			}))
		}
		if err == nil && !emit(chunk) && !chunk.Done {
			err = errStopped
		}
		return err
	})
	return firstError(err, check.End())
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
