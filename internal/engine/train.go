package engine

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// training is the training of a model. Its methods run while they hold the architecture's gate.
type training struct {
	model *Model
	info  lm.TrainingInfo
	seed  uint64 // of random draws

	params        []*nn.Param
	moments       [2][][]float32 // of AdamW, by parameter, in its layout
	adam          kernel.AdamW   // without what a step sets
	checkpointing bool

	tape    nn.Tape
	passes  uint32  // since the last update
	pending bool    // a gradient has been accumulated since the last update
	scale   float64 // of the accumulated gradient, see TrainStep.LossScale

	carried []*state.Document // of the documents at the end of the last step
	spare   []*state.Document // for reuse
	ended   error             // why no step is allowed any more; nil: it is
}

var (
	_ lm.Trainer  = (*Model)(nil)
	_ lm.Training = (*training)(nil)
)

// OpenTraining implements lm.Trainer.
func (m *Model) OpenTraining(ctx context.Context, req lm.TrainingRequest) (lm.Training, error) {
	var t *training
	err := m.compute(ctx, "open training", func(*lane) (err error) {
		if m.training != nil {
			return lm.Errorf(lm.Invalid, "", "the model is in training already")
		}
		if err := m.checkTrainable(req); err != nil {
			return err
		}
		if t, err = m.newTraining(req); err != nil {
			m.params.EndTraining()
			return err
		}
		m.training = t
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// checkTrainable returns an error of kind Unsupported if the model does not train as requested.
func (m *Model) checkTrainable(req lm.TrainingRequest) error {
	if err := m.params.CheckTrainable(); err != nil {
		return &lm.Error{Kind: lm.Unsupported, Err: err}
	}
	if checker, ok := m.net.(TrainingChecker); ok {
		if err := checker.CheckTraining(); err != nil {
			return &lm.Error{Kind: lm.Unsupported, Err: err}
		}
	}
	if req.Precision != "" && req.Precision != m.info.Precision {
		return lm.Errorf(lm.Unsupported, "", "precision %s: the model trains in %s", req.Precision, m.info.Precision)
	}
	return nil
}

// newTraining allocates gradients and moments, and continues a saved training if requested.
func (m *Model) newTraining(req lm.TrainingRequest) (*training, error) {
	if err := m.params.Train(); err != nil {
		return nil, err
	}
	t := &training{model: m, seed: req.Seed, checkpointing: req.Checkpointing, scale: 1, params: m.params.Trainable()}
	for _, p := range t.params {
		for i := range t.moments {
			t.moments[i] = append(t.moments[i], make([]float32, len(p.W)))
		}
	}
	optimizer := req.Optimizer
	if req.Resume != "" {
		saved, err := t.resume(req)
		if err != nil {
			return nil, err
		}
		t.seed, t.info.Updates, optimizer = saved.Seed, saved.Updates, lm.Optimizer(saved.Optimizer)
	}
	if err := t.setOptimizer(optimizer); err != nil {
		return nil, err
	}
	t.describe()
	return t, nil
}

// adamWOptions are the options of AdamW: their defaults and limits.
var adamWOptions = map[string]struct{ value, below float64 }{
	"beta1": {0.9, 1}, "beta2": {0.95, 1}, "epsilon": {1e-8, math.Inf(1)}, "weight_decay": {0.1, math.Inf(1)},
}

// setOptimizer sets the optimizer with its options or their defaults.
func (t *training) setOptimizer(o lm.Optimizer) error {
	const name = "adamw"
	if o.Name != "" && o.Name != name {
		return lm.Errorf(lm.Unsupported, "", "optimizer %s: there is %s", o.Name, name)
	}
	options := map[string]float64{}
	for key, option := range adamWOptions {
		options[key] = option.value
	}
	for key, v := range o.Options {
		option, ok := adamWOptions[key]
		if !ok {
			return lm.Errorf(lm.Invalid, "", "%s has no option %q: it has %s", name, key, strings.Join(slices.Sorted(maps.Keys(adamWOptions)), ", "))
		}
		if !(v >= 0 && v < option.below) {
			return lm.Errorf(lm.Invalid, "", "option %s of %s is %v, want at least 0 and less than %v", key, name, v, option.below)
		}
		options[key] = v
	}
	t.info.Optimizer = lm.Optimizer{Name: name, Options: options}
	t.adam = kernel.AdamW{
		Beta1: options["beta1"], Beta2: options["beta2"], Epsilon: options["epsilon"], WeightDecay: options["weight_decay"],
	}
	return nil
}

// describe fills in the rest of the info.
func (t *training) describe() {
	decay, rest := lm.ParameterGroup{Name: "decay", Decay: true}, lm.ParameterGroup{Name: "no decay"}
	for _, p := range t.params {
		if p.Decay {
			decay.Parameters += int64(len(p.W))
		} else {
			rest.Parameters += int64(len(p.W))
		}
		if !slices.Contains(t.info.Components, p.Component) {
			t.info.Components = append(t.info.Components, p.Component)
		}
	}
	t.info.Groups = []lm.ParameterGroup{decay, rest}
	t.info.Precision = t.model.info.Precision
}

// Info implements lm.Training.
func (t *training) Info() lm.TrainingInfo { return t.info }

// Model implements lm.Training.
func (t *training) Model() lm.Model { return t.model }

// Close implements lm.Training. After the model's Close there is nothing left to release.
func (t *training) Close() error {
	t.model.arch.gate <- struct{}{}
	defer func() { <-t.model.arch.gate }()
	if t.model.training == t {
		t.model.training = nil
		t.model.params.EndTraining()
	}
	*t = training{model: t.model, info: t.info, ended: lm.Errorf(lm.Invalid, "", "the training is closed")}
	return nil
}

// memory returns the memory of gradients, optimizer and carried states.
func (t *training) memory() (gradients, optimizer, states int64) {
	if t == nil {
		return 0, 0, 0
	}
	for _, p := range t.params {
		gradients += 4 * int64(len(p.Grad))
	}
	for _, d := range slices.Concat(t.carried, t.spare) {
		states += d.Bytes()
	}
	return gradients, 2 * gradients, states
}

// lossScale is the factor of the objective in a step's backward pass.
func lossScale(step lm.TrainStep) float64 { return cmp.Or(step.LossScale, 1) }
