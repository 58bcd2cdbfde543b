package lm

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"
)

// Trainer is the ability "train" of a [Model]. A plugin's proxy implements it too, for requests with Load.
type Trainer interface {
	// OpenTraining makes the model trainable. A model has one training at a time; a second is an error of kind Invalid. An
	// optimizer or precision that the model lacks is an error of kind Unsupported.
	OpenTraining(ctx context.Context, req TrainingRequest) (Training, error)
}

// Training is the training of a model by an optimizer. It must not be used concurrently.
type Training interface {
	// Info describes the training.
	Info() TrainingInfo
	// Model returns the model in training. Its calls see the weights after the last update; states that saw tokens before
	// it belong to older weights. Closing the model ends the training.
	Model() Model
	// Step runs forward and backward over a micro-batch, accumulates the gradient and, if requested, updates the weights.
	// An error of kind Invalid or Unsupported leaves the training unchanged; after any other error only Close is allowed.
	Step(ctx context.Context, step TrainStep) (TrainReply, error)
	// Save writes into dir a checkpoint for Load and everything needed to resume exactly. On error it leaves what was
	// there. Between the micro-batches of an update it fails with kind Invalid.
	Save(ctx context.Context, dir string) error
	// Close releases gradients and the optimizer's state. The model stays loaded.
	Close() error
}

// TrainingRequest says how to train.
type TrainingRequest struct {
	// Load, in a request to a plugin rather than a model, names the model to load. The caller then closes the training's
	// Model too.
	Load      *LoadRequest
	Optimizer Optimizer // with Resume: empty, or as saved
	Seed      uint64    // of dropout and other random draws; with Resume the generators continue as saved
	// Checkpointing recomputes activations in backward.
	Checkpointing bool
	// Resume is the folder of an earlier Save that the model was loaded from; "" starts a new training.
	Resume string
	// Precision of forward and backward, spelled as LoadRequest.Precision, for example bf16+ssm.f32; "": the model's. The
	// optimizer always updates float32 weights.
	Precision string
}

// Optimizer is an optimizer's name and options, for example adamw with beta1, beta2, epsilon and weight_decay. An empty
// name and missing options mean the plugin's defaults; an option that the optimizer lacks is an error of kind Invalid.
type Optimizer struct {
	Name    string
	Options map[string]float64
}

// TrainingInfo describes a training.
type TrainingInfo struct {
	Updates    int64 // so far; more than 0 after a resume
	Groups     []ParameterGroup
	Components []string // that gradient norms are reported for
	Auxiliary  []AuxiliaryLoss
	Optimizer  Optimizer // with every option in effect
	Precision  string    // in effect
}

// ParameterGroup is a set of parameters that the optimizer treats alike. Each parameter belongs to one group.
type ParameterGroup struct {
	Name       string
	Parameters int64
	Decay      bool // weight decay acts on them
}

// AuxiliaryLoss is a loss that a model adds to that of its targets, for example for the load balance of experts.
type AuxiliaryLoss struct {
	Name    string
	Summary string
	Weight  float64 // default weight in the objective
}

// TrainStep is one micro-batch and what to do with its gradient. The caller sets the learning rate and everything else
// that may follow a schedule.
type TrainStep struct {
	Documents []TrainDocument
	Weight    float64 // of this micro-batch's mean loss in the accumulated gradient; 0 is 1
	// Update applies the accumulated gradient to the weights and clears it. A gradient that is not finite is only cleared.
	Update         bool
	LearningRate   float64
	ClipNorm       float64            // global norm that the gradient is scaled down to; 0: off
	LabelSmoothing float64            // share of a target's probability spread evenly over the vocabulary
	Teacher        *Teacher           // nil: none
	Auxiliary      map[string]float64 // weights of auxiliary losses; the others keep their defaults
	LossScale      float64            // factor of the objective in backward, divided out before any use of the gradient; 0 is 1
	// Gradients is a safetensors file to write the accumulated gradient to, by parameter name, before clipping; "": none.
	Gradients string
}

// TrainDocument is one document of a micro-batch, or its next piece.
type TrainDocument struct {
	Tokens []int32
	// Targets[i] is predicted from Tokens[:i+1]; -1: no target. nil: the next tokens, and none after the last.
	Targets []int32
	// Weights of the targets in the loss, which is their weighted mean; nil: 1 each.
	Weights []float32
	// Carry continues from the state that the document with this index had at the end of the last step. No gradient flows
	// back across the boundary.
	Carry bool
	// Teacher holds the logits of a teacher without a Model, one row for each target that is not -1.
	Teacher []float32
}

// Predicted returns the document's targets: its own, or the next tokens.
func (d TrainDocument) Predicted() []int32 {
	if d.Targets != nil || len(d.Tokens) == 0 {
		return d.Targets
	}
	return append(slices.Clone(d.Tokens[1:]), -1)
}

// weight returns the weight of target i.
func (d TrainDocument) weight(i int) float64 {
	if d.Weights == nil {
		return 1
	}
	return float64(d.Weights[i])
}

// Counted returns the number of targets with a weight above 0 and the sum of their weights.
func (s TrainStep) Counted() (targets int, weight float64) {
	for _, d := range s.Documents {
		for i, t := range d.Predicted() {
			if w := d.weight(i); t >= 0 && w > 0 {
				targets, weight = targets+1, weight+w
			}
		}
	}
	return targets, weight
}

// Teacher is a distribution to distil from. Its loss is KL(teacher || model), both at Temperature, times Temperature².
type Teacher struct {
	Model       Model   // in the same process, with the same vocabulary; nil: the documents hold the logits
	Temperature float64 // 0 is 1
	Weight      float64 // of distillation in the objective, 0 to 1; the targets have the rest
}

// TrainReply reports the result of a step.
type TrainReply struct {
	Loss          float64            // weighted mean in nats per target, without smoothing, teacher and auxiliary losses
	Objective     float64            // minimised by the gradient: the sum of Parts
	Parts         map[string]float64 // of the objective: [PartTargets], [PartDistillation] and auxiliary losses
	Targets       int                // with a weight above 0
	Weight        float64            // sum of their weights
	Finite        bool               // whether the objective and the accumulated gradient are finite
	Updated       bool               // whether the weights have changed: Update was set and all was finite
	Updates       int64              // so far
	GradientNorm  float64            // of the accumulated gradient before clipping, if Update was set
	GradientNorms map[string]float64 // the same by component
	Compute       time.Duration
}

// The parts of an objective that are not auxiliary losses.
const (
	PartTargets      = "targets" // the loss with label smoothing
	PartDistillation = "distillation"
)

// Validate returns an error of kind Invalid for a step that no model of vocab tokens can run.
func (s TrainStep) Validate(vocab int, info TrainingInfo) error {
	for i, d := range s.Documents {
		if err := d.validate(vocab, s.Teacher); err != nil {
			return Errorf(Invalid, "", "document %d: %w", i, err)
		}
	}
	if n, _ := s.Counted(); n == 0 {
		return Errorf(Invalid, "", "no target has a weight above 0")
	}
	teacher := cmp.Or(s.Teacher, &Teacher{})
	for _, n := range []struct {
		name  string
		value float64
		most  float64
	}{
		{"weight", s.Weight, math.MaxFloat64},
		{"learning rate", s.LearningRate, math.MaxFloat64},
		{"clip norm", s.ClipNorm, math.MaxFloat64},
		{"label smoothing", s.LabelSmoothing, math.Nextafter(1, 0)},
		{"loss scale", s.LossScale, math.MaxFloat64},
		{"temperature of the teacher", teacher.Temperature, math.MaxFloat64},
		{"weight of the teacher", teacher.Weight, 1},
	} {
		if !(n.value >= 0 && n.value <= n.most) {
			return Errorf(Invalid, "", "%s is %v, want 0 to %v", n.name, n.value, n.most)
		}
	}
	for name, w := range s.Auxiliary {
		if !slices.ContainsFunc(info.Auxiliary, func(a AuxiliaryLoss) bool { return a.Name == name }) {
			return Errorf(Invalid, "", "the model has no auxiliary loss %q", name)
		}
		if math.IsNaN(w) || math.IsInf(w, 0) {
			return Errorf(Invalid, "", "the weight of auxiliary loss %s is %v", name, w)
		}
	}
	return nil
}

func (d TrainDocument) validate(vocab int, teacher *Teacher) error {
	targets := d.Predicted()
	if targets == nil {
		targets = []int32{}
	}
	if err := (Sequence{Tokens: d.Tokens, Targets: targets}).Check(vocab); err != nil {
		return err
	}
	if d.Weights != nil && len(d.Weights) != len(targets) {
		return Errorf(Invalid, "", "%d weights for %d tokens, want one per token", len(d.Weights), len(targets))
	}
	for i, w := range d.Weights {
		if !(w >= 0) || math.IsInf(float64(w), 0) {
			return Errorf(Invalid, "", "weight %d is %v", i, w)
		}
	}
	rows := 0
	if teacher != nil && teacher.Model == nil {
		rows = len((Sequence{Targets: targets}).Scored())
	}
	if len(d.Teacher) != rows*vocab {
		return Errorf(Invalid, "", "%d logits of a teacher, want %d", len(d.Teacher), rows*vocab)
	}
	return nil
}

// Check returns an error if the info fits no training of a model with that many parameters. Only a resumed training has
// made updates.
func (t TrainingInfo) Check(parameters int64, resumed bool) error {
	most := int64(0)
	if resumed {
		most = math.MaxInt64
	}
	errs := []error{
		checkRange("the number of updates", t.Updates, 0, most), checkCount("groups of parameters", len(t.Groups)), checkCount("components", len(t.Components)),
		checkCount("auxiliary losses", len(t.Auxiliary)), checkCount("options of the optimizer", len(t.Optimizer.Options)),
		checkName("optimizer", t.Optimizer.Name), checkName("precision of training", t.Precision),
	}
	var sum int64
	for _, g := range t.Groups {
		if err := cmp.Or(checkName("group name", g.Name), checkRange("parameters of group "+g.Name, g.Parameters, 0, parameters-sum)); err != nil {
			return err
		}
		sum += g.Parameters
	}
	for _, c := range t.Components {
		errs = append(errs, checkName("component", c))
	}
	for _, a := range t.Auxiliary {
		errs = append(errs, checkName("auxiliary loss", a.Name), checkLength("summary", a.Summary, longestConfig), checkFinite("the weight of auxiliary loss "+a.Name, a.Weight))
	}
	for name, v := range t.Optimizer.Options {
		errs = append(errs, checkName("option", name), checkFinite("option "+name, v))
	}
	return cmp.Or(errs...)
}

func checkFinite(what string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Faultf(NonFinite, "%s is %v", what, v)
	}
	return nil
}

// sumSlack is the tolerated relative difference between sums in float32 and float64.
const sumSlack = 1e-3

// Check checks a reply against the request; updates is the number made before this step.
func (s TrainStep) Check(info TrainingInfo, updates int64, r TrainReply) error {
	targets, weight := s.Counted()
	made := int64(0)
	if r.Updated {
		made = 1
	}
	errs := []error{checkNumber("targets", r.Targets, targets), s.checkParts(info, r), s.checkNorms(info, r)}
	switch {
	case math.Abs(r.Weight-weight) > sumSlack*weight:
		errs = append(errs, Faultf(Contradiction, "the weights of the targets sum to %g, not %g", weight, r.Weight))
	case r.Updated != (s.Update && r.Finite):
		errs = append(errs, Faultf(Contradiction, "update requested: %v, finite: %v, made: %v", s.Update, r.Finite, r.Updated))
	case r.Updates != updates+made:
		errs = append(errs, Faultf(Contradiction, "%d updates in all, after %d before and %d in this step", r.Updates, updates, made))
	}
	return cmp.Or(errs...)
}

// checkParts checks that the parts are known and, if finite, add up to the objective.
func (s TrainStep) checkParts(info TrainingInfo, r TrainReply) error {
	sum, size := 0.0, 0.0
	for name, v := range r.Parts {
		known := name == PartTargets || name == PartDistillation || slices.ContainsFunc(info.Auxiliary, func(a AuxiliaryLoss) bool { return a.Name == name })
		if !known {
			return Faultf(Malformed, "the objective has an unknown part %.40q", name)
		}
		sum, size = sum+v, size+math.Abs(v)
	}
	if !r.Finite {
		return nil
	}
	if err := cmp.Or(clampNonNegative("loss", []float64{r.Loss}), checkFinite("the objective", r.Objective), checkFinite("the sum of its parts", sum)); err != nil {
		return err
	}
	if math.Abs(sum-r.Objective) > sumSlack*size {
		return Faultf(Contradiction, "the objective is %g, its parts sum to %g", r.Objective, sum)
	}
	return nil
}

// checkNorms checks that gradient norms belong to known components and, if the reply says so, are finite.
func (s TrainStep) checkNorms(info TrainingInfo, r TrainReply) error {
	norms := map[string]float64{"all": r.GradientNorm}
	for name, v := range r.GradientNorms {
		if !slices.Contains(info.Components, name) {
			return Faultf(Malformed, "gradient norm of an unknown component %.40q", name)
		}
		norms["component "+name] = v
	}
	if !s.Update && (r.GradientNorm != 0 || len(r.GradientNorms) > 0) {
		return Faultf(Malformed, "gradient norms without an update")
	}
	for name, v := range norms {
		if err := checkFinite("the gradient of "+name, v); err != nil && r.Finite {
			return err
		}
		if v < 0 {
			return Faultf(Malformed, "the norm of the gradient of %s is %g, below 0", name, v)
		}
	}
	return nil
}
