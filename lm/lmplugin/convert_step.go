package lmplugin

import (
	"slices"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

var phases = map[lm.Phase]lmpb.Phase{
	lm.Prefill: lmpb.Phase_PHASE_PREFILL,
	lm.Scoring: lmpb.Phase_PHASE_SCORE,
	lm.Decode:  lmpb.Phase_PHASE_DECODE,
	lm.Train:   lmpb.Phase_PHASE_TRAIN,
}

// phaseFromPB returns "" for a phase unknown to this version, which models refuse with kind Invalid.
func phaseFromPB(p lmpb.Phase) lm.Phase {
	for phase, number := range phases {
		if number == p {
			return phase
		}
	}
	return ""
}

func generateToPB(r lm.GenerateRequest, model uint64, states []uint64) (*lmpb.GenerateHeader, error) {
	sampling, err := samplingToPB("generate", r.Sampling)
	if err != nil {
		return nil, err
	}
	return &lmpb.GenerateHeader{
		Model:    model,
		States:   states,
		MaxNew:   int64(r.MaxNew),
		Sampling: sampling,
		Stop:     r.Stop,
		Every:    int64(r.Every),
	}, nil
}

func samplingToPB(op string, s lm.Sampling) (*lmpb.Sampling, error) {
	topK, err := narrow(op, "top-k", s.TopK)
	if err != nil {
		return nil, err
	}
	return &lmpb.Sampling{
		Temperature:       s.Temperature,
		TopK:              topK,
		TopP:              s.TopP,
		RepetitionPenalty: s.RepetitionPenalty,
		Seed:              s.Seed,
	}, nil
}

func samplingFromPB(s *lmpb.Sampling) lm.Sampling {
	return lm.Sampling{
		Temperature:       s.GetTemperature(),
		TopK:              int(s.GetTopK()),
		TopP:              s.GetTopP(),
		RepetitionPenalty: s.GetRepetitionPenalty(),
		Seed:              s.GetSeed(),
	}
}

// stepSamplingToPB returns nil if no input samples or sets a sampler.
func stepSamplingToPB(inputs []lm.StepInput) ([]*lmpb.StepSampling, error) {
	if !slices.ContainsFunc(inputs, func(in lm.StepInput) bool { return in.Sample || in.Sampler != nil }) {
		return nil, nil
	}
	out := make([]*lmpb.StepSampling, len(inputs))
	for i, in := range inputs {
		out[i] = &lmpb.StepSampling{Draw: in.Sample}
		if in.Sampler == nil {
			continue
		}
		sampling, err := samplingToPB("step", in.Sampler.Sampling)
		if err != nil {
			return nil, err
		}
		out[i].Sampler = &lmpb.Sampler{Sampling: sampling, Stream: in.Sampler.Stream}
	}
	return out, nil
}

// addSampling sets the sampling of a step's inputs from its header.
func addSampling(inputs []lm.StepInput, sampling []*lmpb.StepSampling) error {
	if len(sampling) != 0 && len(sampling) != len(inputs) {
		return lm.Errorf(lm.Invalid, "", "sampling for %d inputs, want none or %d", len(sampling), len(inputs))
	}
	for i, s := range sampling {
		inputs[i].Sample = s.GetDraw()
		if sampler := s.GetSampler(); sampler != nil {
			inputs[i].Sampler = &lm.Sampler{Sampling: samplingFromPB(sampler.GetSampling()), Stream: sampler.GetStream()}
		}
	}
	return nil
}

func generateFromPB(h *lmpb.GenerateHeader, inputs []lm.StepInput) lm.GenerateRequest {
	return lm.GenerateRequest{
		Inputs:   inputs,
		MaxNew:   int(h.GetMaxNew()),
		Sampling: samplingFromPB(h.GetSampling()),
		Stop:     h.GetStop(),
		Every:    int(h.GetEvery()),
	}
}

func generatedToPB(c lm.GenerateChunk) *lmpb.GenerateResponse {
	m := &lmpb.GenerateResponse{Done: c.Done, ComputeNs: c.Compute.Nanoseconds(), PrefillNs: c.Prefill.Nanoseconds()}
	m.StepNs = mapped(c.Steps, func(d time.Duration) int64 { return d.Nanoseconds() })
	for i, tokens := range c.Tokens {
		if len(tokens) > 0 {
			m.Chunks = append(m.Chunks, &lmpb.TokenChunk{Input: uint32(i), Tokens: tokens})
		}
	}
	return m
}

func generatedFromPB(m *lmpb.GenerateResponse, inputs int) (lm.GenerateChunk, error) {
	c := lm.GenerateChunk{
		Tokens:  make([][]int32, inputs),
		Done:    m.GetDone(),
		Compute: time.Duration(m.GetComputeNs()),
		Prefill: time.Duration(m.GetPrefillNs()),
		Steps:   mapped(m.GetStepNs(), func(ns int64) time.Duration { return time.Duration(ns) }),
	}
	if err := addChunks(c.Tokens, m.GetChunks()); err != nil {
		return c, lm.Faultf(lm.Malformed, "%v", err)
	}
	return c, nil
}
