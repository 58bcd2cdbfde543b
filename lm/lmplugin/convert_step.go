package lmplugin

import (
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// phases pairs lm's phases with their numbers on the wire.
var phases = map[lm.Phase]lmpb.Phase{
	lm.Prefill: lmpb.Phase_PHASE_PREFILL,
	lm.Scoring: lmpb.Phase_PHASE_SCORE,
	lm.Decode:  lmpb.Phase_PHASE_DECODE,
	lm.Train:   lmpb.Phase_PHASE_TRAIN,
}

// phaseFromPB returns "" for a phase that this version does not know; models answer it with kind Invalid.
func phaseFromPB(p lmpb.Phase) lm.Phase {
	for phase, number := range phases {
		if number == p {
			return phase
		}
	}
	return ""
}

// The values of Want are the same on both sides.
func wantToPB(w lm.Want) lmpb.Want   { return lmpb.Want(w) }
func wantFromPB(w lmpb.Want) lm.Want { return lm.Want(w) }

func generateToPB(r lm.GenerateRequest, model uint64, states []uint64) (*lmpb.GenerateHeader, error) {
	topK, err := narrow("generate", "top-k", r.Sampling.TopK)
	if err != nil {
		return nil, err
	}
	return &lmpb.GenerateHeader{
		Model:  model,
		States: states,
		MaxNew: int64(r.MaxNew),
		Sampling: &lmpb.Sampling{
			Temperature:       r.Sampling.Temperature,
			TopK:              topK,
			TopP:              r.Sampling.TopP,
			RepetitionPenalty: r.Sampling.RepetitionPenalty,
			Seed:              r.Sampling.Seed,
		},
		Stop:  r.Stop,
		Every: int64(r.Every),
	}, nil
}

func generateFromPB(h *lmpb.GenerateHeader, inputs []lm.StepInput) lm.GenerateRequest {
	return lm.GenerateRequest{
		Inputs: inputs,
		MaxNew: int(h.GetMaxNew()),
		Sampling: lm.Sampling{
			Temperature:       h.GetSampling().GetTemperature(),
			TopK:              int(h.GetSampling().GetTopK()),
			TopP:              h.GetSampling().GetTopP(),
			RepetitionPenalty: h.GetSampling().GetRepetitionPenalty(),
			Seed:              h.GetSampling().GetSeed(),
		},
		Stop:  h.GetStop(),
		Every: int(h.GetEvery()),
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
