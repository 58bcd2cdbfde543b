package lm

import (
	"context"
	"math"
	"slices"
	"time"
)

// Trainer is the ability "train" of a [Model]. The proxy of a plugin implements it too, for a request with Load.
type Trainer interface {
	// OpenTraining makes the model trainable. A model has one training at a time; a second is an error of kind Invalid.
	// What the model cannot do (an optimizer, a precision) is one of kind Unsupported.
	OpenTraining(ctx context.Context, req TrainingRequest) (Training, error)
}

// Training is an optimizer at work on a model. It must not be used by two calls at the same time.
type Training interface {
	// Info says what there is to train, and how.
	Info() TrainingInfo
	// Model is the one in training. Its calls see the weights after the last update; states that have seen tokens before it
	// are those of older weights. Closing the model ends the training.
	Model() Model
	// Step runs forward and backward over a micro-batch, adds to the gradient and makes an update if asked to. A request of
	// kind Invalid or Unsupported leaves the training as it was; after any other error only Close makes sense.
	Step(ctx context.Context, step TrainStep) (TrainReply, error)
	// Save writes into dir what Load takes, and everything that is needed to resume exactly; all of it or, after an error,
	// nothing that replaces what was there. Between the micro-batches of an update it is an error of kind Invalid.
	Save(ctx context.Context, dir string) error
	// Close releases gradients and the optimizer's state. The model stays.
	Close() error
}

// TrainingRequest says how to train.
type TrainingRequest struct {
	// Load names the model where there is none yet: in the request to a plugin. Whoever opens such a training closes its
	// Model as well.
	Load      *LoadRequest
	Optimizer Optimizer // after a resume empty, or what was saved
	Seed      uint64    // of dropout and whatever else is drawn; after a resume the generators go on as saved
	// Checkpointing recomputes activations in backward.
	Checkpointing bool
	// Resume is a folder of an earlier Save, of which the model was loaded, to go on exactly; "" starts afresh.
	Resume string
	// Precision of forward and backward in the words of LoadRequest.Precision, for example bf16+ssm.f32; "": that of the
	// model. The weights that the optimizer updates are float32 whatever it says.
	Precision string
}

// Optimizer is one by name with its options, for example adamw with beta1, beta2, epsilon and weight_decay. An empty name
// and options that are not given are the plugin's defaults; options that the optimizer does not have are of kind Invalid.
type Optimizer struct {
	Name    string
	Options map[string]float64
}

// TrainingInfo says what there is to train, and how.
type TrainingInfo struct {
	Updates    int64 // made so far; more than 0 after a resume
	Groups     []ParameterGroup
	Components []string // by which gradient norms are told
	Auxiliary  []AuxiliaryLoss
	Optimizer  Optimizer // with every option in effect
	Precision  string    // in effect
}

// ParameterGroup is a set of parameters that the optimizer treats alike. Each parameter belongs to one.
type ParameterGroup struct {
	Name       string
	Parameters int64
	Decay      bool // weight decay acts on them
}

// AuxiliaryLoss is one that a model adds to the loss of its targets, for example for the balance of its experts.
type AuxiliaryLoss struct {
	Name    string
	Summary string
	Weight  float64 // in the objective, where a step does not say
}

// TrainStep is one micro-batch and what to do with its gradient. Rates and all else that may follow a schedule are the
// caller's.
type TrainStep struct {
	Documents []TrainDocument
	Weight    float64 // of this micro-batch's mean loss in the accumulated gradient; 0 is 1
	// Update changes the weights by the accumulated gradient and clears it. If it is not finite, it is only cleared.
	Update         bool
	LearningRate   float64
	ClipNorm       float64            // global norm that the gradient is scaled down to; 0: off
	LabelSmoothing float64            // share of a target's probability spread evenly over the vocabulary
	Teacher        *Teacher           // nil: none
	Auxiliary      map[string]float64 // weights of auxiliary losses; those not named keep theirs
	LossScale      float64            // factor of the objective in backward, taken out of the gradient before all else; 0 is 1
	// Gradients is a file for the accumulated gradient before clipping, as safetensors by parameter name; "": none.
	Gradients string
}

// TrainDocument is one document of a micro-batch, or its next piece.
type TrainDocument struct {
	Tokens []int32
	// Targets[i] is to be predicted after Tokens[:i+1]; -1: nothing. nil: the next token each, after the last nothing.
	Targets []int32
	// Weights of the targets in the loss, which is their weighted mean; nil: 1 each.
	Weights []float32
	// Carry goes on from the state in which the document of this index was at the end of the last step. No gradient flows
	// across.
	Carry bool
	// Teacher holds the teacher's logits, a row for each target that is not -1, where it is no model.
	Teacher []float32
}

// Predicted are the document's targets: its own, or the next tokens.
func (d TrainDocument) Predicted() []int32 {
	if d.Targets != nil || len(d.Tokens) == 0 {
		return d.Targets
	}
	return append(slices.Clone(d.Tokens[1:]), -1)
}

// weight is that of target i.
func (d TrainDocument) weight(i int) float64 {
	if d.Weights == nil {
		return 1
	}
	return float64(d.Weights[i])
}

// Counted are how many targets have a weight above 0, and the sum of their weights.
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

// Teacher is a distribution to come near: KL(teacher || model), both at the temperature, times its square.
type Teacher struct {
	Model       Model   // of the same process and vocabulary; nil: its logits are in the documents
	Temperature float64 // 0 is 1
	Weight      float64 // of that in the objective, from 0 to 1; the targets have the rest
}

// TrainReply says what a step has done.
type TrainReply struct {
	Loss          float64            // mean nats per target by weight, without smoothing, teacher and auxiliary losses
	Objective     float64            // what the gradient is of: the sum of Parts
	Parts         map[string]float64 // shares of the objective: [PartTargets], [PartDistillation] and auxiliary losses
	Targets       int                // of a weight above 0
	Weight        float64            // sum of their weights
	Finite        bool               // the objective and the accumulated gradient are
	Updated       bool               // the weights have changed: Update was set and all was finite
	Updates       int64              // made so far
	GradientNorm  float64            // of the accumulated gradient before clipping, if Update was set
	GradientNorms map[string]float64 // the same by component
	Compute       time.Duration
}

// The parts of an objective that are no auxiliary losses.
const (
	PartTargets      = "targets" // the loss with label smoothing
	PartDistillation = "distillation"
)

// Validate returns an error of kind Invalid for a step that no model of vocab tokens can make.
func (s TrainStep) Validate(vocab int, info TrainingInfo) error {
	for i, d := range s.Documents {
		if err := d.validate(vocab, s.Teacher); err != nil {
			return Errorf(Invalid, "", "document %d: %w", i, err)
		}
	}
	if n, _ := s.Counted(); n == 0 {
		return Errorf(Invalid, "", "there is no target of a weight above 0 to learn")
	}
	numbers := []struct {
		name  string
		value float64
		most  float64
	}{
		{"weight", s.Weight, math.MaxFloat64}, {"learning rate", s.LearningRate, math.MaxFloat64}, {"clip norm", s.ClipNorm, math.MaxFloat64},
		{"label smoothing", s.LabelSmoothing, math.Nextafter(1, 0)}, {"loss scale", s.LossScale, math.MaxFloat64},
	}
	if t := s.Teacher; t != nil {
		numbers = append(numbers, []struct {
			name  string
			value float64
			most  float64
		}{{"temperature of the teacher", t.Temperature, math.MaxFloat64}, {"weight of the teacher", t.Weight, 1}}...)
	}
	for _, n := range numbers {
		if !(n.value >= 0 && n.value <= n.most) {
			return Errorf(Invalid, "", "%s is %v, which is not between 0 and %v", n.name, n.value, n.most)
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
		return Errorf(Invalid, "", "%d weights for %d tokens: there is one for each", len(d.Weights), len(targets))
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
		return Errorf(Invalid, "", "%d logits of a teacher, %d make sense", len(d.Teacher), rows*vocab)
	}
	return nil
}

// Check says what cannot be known of a training of a model with so many parameters. Only a resumed one has made updates.
func (t TrainingInfo) Check(parameters int64, resumed bool) error {
	least, most := int64(0), int64(0)
	if resumed {
		most = math.MaxInt64
	}
	errs := []error{
		within("the number of updates", t.Updates, least, most), few("groups of parameters", len(t.Groups)), few("components", len(t.Components)),
		few("auxiliary losses", len(t.Auxiliary)), few("options of the optimizer", len(t.Optimizer.Options)),
		named("optimizer", t.Optimizer.Name), named("precision of training", t.Precision),
	}
	var sum int64
	for _, g := range t.Groups {
		if err := firstOf(named("name of a group", g.Name), within("parameters of group "+g.Name, g.Parameters, 0, parameters-sum)); err != nil {
			return err
		}
		sum += g.Parameters
	}
	for _, c := range t.Components {
		errs = append(errs, named("component", c))
	}
	for _, a := range t.Auxiliary {
		errs = append(errs, named("auxiliary loss", a.Name), short("summary", a.Summary, longestConfig), real("the weight of auxiliary loss "+a.Name, a.Weight))
	}
	for name, v := range t.Optimizer.Options {
		errs = append(errs, named("option", name), real("option "+name, v))
	}
	return firstOf(errs...)
}

// real checks that a value is a number.
func real(what string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Faultf(NonFinite, "%s is %v", what, v)
	}
	return nil
}

// sumSlack is how far sums of float32 may be from the same sums in float64, as a share.
const sumSlack = 1e-3

// Check holds a reply against the request, for a training that had made updates before.
func (s TrainStep) Check(info TrainingInfo, updates int64, r TrainReply) error {
	targets, weight := s.Counted()
	made := int64(0)
	if r.Updated {
		made = 1
	}
	errs := []error{number("targets", r.Targets, targets), s.checkParts(info, r), s.checkNorms(info, r)}
	switch {
	case math.Abs(r.Weight-weight) > sumSlack*weight:
		errs = append(errs, Faultf(Contradiction, "weights of targets sum to %g, not %g", weight, r.Weight))
	case r.Updated != (s.Update && r.Finite):
		errs = append(errs, Faultf(Contradiction, "update asked for: %v, finite: %v, made: %v", s.Update, r.Finite, r.Updated))
	case r.Updates != updates+made:
		errs = append(errs, Faultf(Contradiction, "%d updates after %d and %d", r.Updates, updates, made))
	}
	return firstOf(errs...)
}

// checkParts checks that the parts are known and add up, where they are numbers.
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
	if err := firstOf(nonNegative("loss", []float64{r.Loss}), real("the objective", r.Objective), real("the sum of its parts", sum)); err != nil {
		return err
	}
	if math.Abs(sum-r.Objective) > sumSlack*size {
		return Faultf(Contradiction, "the objective is %g, its parts sum to %g", r.Objective, sum)
	}
	return nil
}

// checkNorms checks that norms are of known components, and numbers where they should be.
func (s TrainStep) checkNorms(info TrainingInfo, r TrainReply) error {
	norms := map[string]float64{"all": r.GradientNorm}
	for name, v := range r.GradientNorms {
		if !slices.Contains(info.Components, name) {
			return Faultf(Malformed, "a gradient of an unknown component %.40q", name)
		}
		norms["component "+name] = v
	}
	if !s.Update && (r.GradientNorm != 0 || len(r.GradientNorms) > 0) {
		return Faultf(Malformed, "norms of a gradient that was not asked for")
	}
	for name, v := range norms {
		if err := real("the gradient of "+name, v); err != nil && r.Finite {
			return err
		}
		if v < 0 {
			return Faultf(Malformed, "the norm of the gradient of %s is %g, below 0", name, v)
		}
	}
	return nil
}
