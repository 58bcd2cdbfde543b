package lmplugin

import (
	"iter"
	"slices"
	"time"

	"github.com/archbench/archbench/internal/printable"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// trainingToPB and trainingFromPB leave the model to the caller.
func trainingToPB(r lm.TrainingRequest) *lmpb.OpenTrainingRequest {
	return &lmpb.OpenTrainingRequest{
		Optimizer:     optimizerToPB(r.Optimizer),
		Seed:          r.Seed,
		Checkpointing: r.Checkpointing,
		Resume:        r.Resume,
		Precision:     r.Precision,
	}
}

func trainingFromPB(r *lmpb.OpenTrainingRequest) lm.TrainingRequest {
	return lm.TrainingRequest{
		Optimizer:     optimizerFromPB(r.GetOptimizer()),
		Seed:          r.GetSeed(),
		Checkpointing: r.GetCheckpointing(),
		Resume:        r.GetResume(),
		Precision:     r.GetPrecision(),
	}
}

func optimizerToPB(o lm.Optimizer) *lmpb.Optimizer {
	return &lmpb.Optimizer{Name: o.Name, Options: o.Options}
}

func optimizerFromPB(o *lmpb.Optimizer) lm.Optimizer {
	return lm.Optimizer{Name: o.GetName(), Options: o.GetOptions()}
}

func trainingInfoToPB(t lm.TrainingInfo) *lmpb.OpenTrainingResponse {
	return &lmpb.OpenTrainingResponse{
		Updates: t.Updates,
		Groups: mapped(t.Groups, func(g lm.ParameterGroup) *lmpb.ParameterGroup {
			return &lmpb.ParameterGroup{Name: g.Name, Parameters: g.Parameters, Decay: g.Decay}
		}),
		Components: t.Components,
		Auxiliary: mapped(t.Auxiliary, func(a lm.AuxiliaryLoss) *lmpb.AuxiliaryLoss {
			return &lmpb.AuxiliaryLoss{Name: a.Name, Summary: a.Summary, Weight: a.Weight}
		}),
		Optimizer: optimizerToPB(t.Optimizer),
		Precision: t.Precision,
	}
}

func trainingInfoFromPB(t *lmpb.OpenTrainingResponse) lm.TrainingInfo {
	info := lm.TrainingInfo{
		Updates: t.GetUpdates(),
		Groups: mapped(t.GetGroups(), func(g *lmpb.ParameterGroup) lm.ParameterGroup {
			return lm.ParameterGroup{Name: g.GetName(), Parameters: g.GetParameters(), Decay: g.GetDecay()}
		}),
		Components: t.GetComponents(),
		Auxiliary: mapped(t.GetAuxiliary(), func(a *lmpb.AuxiliaryLoss) lm.AuxiliaryLoss {
			return lm.AuxiliaryLoss{Name: a.GetName(), Summary: a.GetSummary(), Weight: a.GetWeight()}
		}),
		Optimizer: lm.Optimizer{Name: t.GetOptimizer().GetName(), Options: printableKeys(t.GetOptimizer().GetOptions())},
		Precision: t.GetPrecision(),
	}
	printable.All(&info)
	return info
}

// printableKeys makes the keys safe to print.
func printableKeys(values map[string]float64) map[string]float64 {
	if values == nil {
		return nil
	}
	safe := make(map[string]float64, len(values))
	for name, v := range values {
		safe[printable.Line(name)] = v
	}
	return safe
}

// trainHeader converts a step without its documents. The caller sets the handle of the teacher's model.
func trainHeader(s lm.TrainStep, training uint64) *lmpb.TrainStepHeader {
	h := &lmpb.TrainStepHeader{
		Training:       training,
		Sequences:      int32(len(s.Documents)),
		Weight:         s.Weight,
		Update:         s.Update,
		LearningRate:   s.LearningRate,
		ClipNorm:       s.ClipNorm,
		LabelSmoothing: s.LabelSmoothing,
		Auxiliary:      s.Auxiliary,
		LossScale:      s.LossScale,
		Gradients:      s.Gradients,
	}
	if slices.ContainsFunc(s.Documents, carries) {
		h.Carry = mapped(s.Documents, carries)
	}
	if t := s.Teacher; t != nil {
		h.Teacher = &lmpb.Teacher{Temperature: t.Temperature, Weight: t.Weight}
	}
	return h
}

func carries(d lm.TrainDocument) bool { return d.Carry }

// sendStep sends the header with the first tokens, the other tokens, targets with weights, and a teacher's logits.
func sendStep(stream sender[lmpb.TrainStepRequest], header *lmpb.TrainStepHeader, documents []lm.TrainDocument) error {
	tokens := mapped(documents, func(d lm.TrainDocument) []int32 { return d.Tokens })
	var targets [][]int32
	var weights [][]float32
	if slices.ContainsFunc(documents, func(d lm.TrainDocument) bool { return d.Targets != nil || d.Weights != nil }) {
		targets = mapped(documents, lm.TrainDocument.Predicted)
		weights = mapped(documents, func(d lm.TrainDocument) []float32 { return d.Weights })
	}
	return send(stream,
		tokenMessages(header, tokens, func(h *lmpb.TrainStepHeader, c []*lmpb.TokenChunk) *lmpb.TrainStepRequest {
			return &lmpb.TrainStepRequest{Header: h, Chunks: c}
		}),
		targetMessages(targets, weights, func(c []*lmpb.TargetChunk) *lmpb.TrainStepRequest {
			return &lmpb.TrainStepRequest{Targets: c}
		}),
		teacherMessages(documents))
}

// teacherMessages yields messages with the teacher's logits.
func teacherMessages(documents []lm.TrainDocument) iter.Seq[*lmpb.TrainStepRequest] {
	return func(yield func(*lmpb.TrainStepRequest) bool) {
		for i, d := range documents {
			for left := d.Teacher; len(left) > 0; {
				var head []float32
				head, left = cut(left, logitsPerMessage)
				if !yield(&lmpb.TrainStepRequest{Teacher: []*lmpb.LogitChunk{{Input: uint32(i), Logits: packFloats(head)}}}) {
					return
				}
			}
		}
	}
}

// trainStepFromPB leaves the teacher's model to the caller.
func trainStepFromPB(h *lmpb.TrainStepHeader, in inputs) (lm.TrainStep, error) {
	s := lm.TrainStep{
		Weight:         h.GetWeight(),
		Update:         h.GetUpdate(),
		LearningRate:   h.GetLearningRate(),
		ClipNorm:       h.GetClipNorm(),
		LabelSmoothing: h.GetLabelSmoothing(),
		Auxiliary:      h.GetAuxiliary(),
		LossScale:      h.GetLossScale(),
		Gradients:      h.GetGradients(),
	}
	if n := len(h.GetCarry()); n != 0 && n != len(in.tokens) {
		return s, lm.Errorf(lm.Invalid, "", "carry is set for %d documents, want none or %d", n, len(in.tokens))
	}
	if t := h.GetTeacher(); t != nil {
		s.Teacher = &lm.Teacher{Temperature: t.GetTemperature(), Weight: t.GetWeight()}
	}
	for i, tokens := range in.tokens {
		d := lm.TrainDocument{Tokens: tokens, Carry: len(h.GetCarry()) > 0 && h.GetCarry()[i]}
		if in.targets != nil {
			d.Targets, d.Weights = in.targets[i], in.weights[i]
		}
		if in.teacher != nil {
			d.Teacher = in.teacher[i]
		}
		s.Documents = append(s.Documents, d)
	}
	return s, nil
}

func trainReplyToPB(r lm.TrainReply) *lmpb.TrainStepResponse {
	return &lmpb.TrainStepResponse{
		Loss:          r.Loss,
		Objective:     r.Objective,
		Parts:         r.Parts,
		Targets:       int64(r.Targets),
		Weight:        r.Weight,
		Finite:        r.Finite,
		Updated:       r.Updated,
		Updates:       r.Updates,
		GradientNorm:  r.GradientNorm,
		GradientNorms: r.GradientNorms,
		ComputeNs:     r.Compute.Nanoseconds(),
	}
}

func trainReplyFromPB(r *lmpb.TrainStepResponse) lm.TrainReply {
	return lm.TrainReply{
		Loss:          r.GetLoss(),
		Objective:     r.GetObjective(),
		Parts:         printableKeys(r.GetParts()),
		Targets:       int(r.GetTargets()),
		Weight:        r.GetWeight(),
		Finite:        r.GetFinite(),
		Updated:       r.GetUpdated(),
		Updates:       r.GetUpdates(),
		GradientNorm:  r.GetGradientNorm(),
		GradientNorms: printableKeys(r.GetGradientNorms()),
		Compute:       time.Duration(r.GetComputeNs()),
	}
}
