package lmplugin

import (
	"cmp"
	"time"

	"google.golang.org/grpc"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

func (s *service) Score(stream grpc.BidiStreamingServer[lmpb.ScoreRequest, lmpb.ScoreResponse]) error {
	header, in, err := receive[lmpb.ScoreHeader](stream.Recv, func(h *lmpb.ScoreHeader) int { return len(h.GetFrom()) })
	if err != nil {
		return err
	}
	model, done, err := s.models.use(header.GetModel())
	if err != nil {
		return err
	}
	defer done()
	req := lm.ScoreRequest{Logits: header.GetLogits(), Ranks: header.GetRanks()}
	for i, from := range header.GetFrom() {
		s := lm.Sequence{Tokens: in.tokens[i], From: int(from)}
		if in.targets != nil {
			s.Targets = in.targets[i]
		}
		req.Sequences = append(req.Sequences, s)
	}
	if id := header.GetVersus(); id != 0 {
		versus, doneVersus, err := s.models.use(id)
		if err != nil {
			return err
		}
		defer doneVersus()
		req.Versus = versus
	}
	start := time.Now()
	reply, err := model.Score(stream.Context(), req)
	if err != nil {
		return err
	}
	compute := computeNs(reply.Compute, start)
	for i, scores := range reply.Scores {
		if err := sendScores(stream, i, scores, compute); err != nil {
			return err
		}
		compute = 0
	}
	return nil
}

// sendScores sends the scores of one sequence in as many messages as they need.
func sendScores(stream grpc.ServerStreamingServer[lmpb.ScoreResponse], i int, s lm.Scores, compute int64) error {
	var logits []float32
	for first := true; first || len(s.NLL)+len(s.Logits)+len(s.KL)+len(s.Top1)+len(s.Best)+len(s.Rank) > 0; first = false {
		m := &lmpb.ScoreResponse{Sequence: uint32(i), ComputeNs: compute}
		compute = 0
		m.Nll, s.NLL = cut(s.NLL, valuesPerMessage)
		m.Kl, s.KL = cut(s.KL, valuesPerMessage)
		m.Top1, s.Top1 = cut(s.Top1, valuesPerMessage)
		m.Best, s.Best = cut(s.Best, ranksPerMessage)
		m.Rank, s.Rank = cut(s.Rank, ranksPerMessage)
		logits, s.Logits = cut(s.Logits, logitsPerMessage)
		m.Logits = packFloats(logits)
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) Step(stream grpc.BidiStreamingServer[lmpb.StepRequest, lmpb.StepResponse]) error {
	header, in, err := receive[lmpb.StepHeader](stream.Recv, func(h *lmpb.StepHeader) int { return len(h.GetStates()) })
	if err != nil {
		return err
	}
	stepper, inputs, release, err := useInputs[lm.Stepper](stream.Context(), s, "step", lm.AbilityStep, header, in.tokens)
	if err != nil {
		return err
	}
	defer release()
	if err := addSampling(inputs, header.GetSampling()); err != nil {
		return err
	}
	start := time.Now()
	reply, err := stepper.Step(stream.Context(), lm.StepRequest{Inputs: inputs, Want: lm.Want(header.GetWant())})
	if err != nil {
		return err
	}
	for i, output := range reply.Outputs {
		if err := sendOutput(stream, i, output); err != nil {
			return err
		}
	}
	return stream.Send(&lmpb.StepResponse{
		States:    statesToPB(inputs),
		ComputeNs: computeNs(reply.Compute, start),
	})
}

func statesToPB(inputs []lm.StepInput) []*lmpb.StateInfo {
	return mapped(inputs, func(in lm.StepInput) *lmpb.StateInfo { return stateToPB(in.State) })
}

// sendOutput sends the output of one input in as many messages as it needs, possibly none.
func sendOutput(stream grpc.ServerStreamingServer[lmpb.StepResponse], i int, o lm.StepOutput) error {
	var logits []float32
	for len(o.NLL)+len(o.Logits)+len(o.Sampled) > 0 {
		m := &lmpb.StepResponse{Input: uint32(i)}
		if len(o.Sampled) > 0 {
			m.Token, o.Sampled = &o.Sampled[0], o.Sampled[1:]
		}
		m.Nll, o.NLL = cut(o.NLL, valuesPerMessage)
		logits, o.Logits = cut(o.Logits, logitsPerMessage)
		m.Logits = packFloats(logits)
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) Generate(stream grpc.BidiStreamingServer[lmpb.GenerateRequest, lmpb.GenerateResponse]) error {
	header, in, err := receive[lmpb.GenerateHeader](stream.Recv, func(h *lmpb.GenerateHeader) int { return len(h.GetStates()) })
	if err != nil {
		return err
	}
	generator, inputs, release, err := useInputs[lm.Generator](stream.Context(), s, "generate", lm.AbilityGenerate, header, in.tokens)
	if err != nil {
		return err
	}
	defer release()
	var last *lmpb.GenerateResponse
	var sendErr error
	err = generator.Generate(stream.Context(), generateFromPB(header, inputs), func(c lm.GenerateChunk) bool {
		if c.Done {
			last = generatedToPB(c) // sent below, since states change until Generate has returned
			return true
		}
		sendErr = stream.Send(generatedToPB(c))
		return sendErr == nil
	})
	if err != nil || sendErr != nil || last == nil {
		return cmp.Or(err, sendErr, lm.Errorf(lm.Internal, "", "the model ended without a last chunk"))
	}
	last.States = statesToPB(inputs)
	return stream.Send(last)
}
