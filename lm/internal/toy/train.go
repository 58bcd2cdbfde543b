package toy

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/lm"
)

// training is stochastic gradient descent with momentum, in float64.
type training struct {
	m           *Model
	info        lm.TrainingInfo
	momentum    float64
	accumulated bool
	embed, head parameter
	carried     [][]float64 // h of each document at the end of the last step
}

// parameter is a weight matrix with its gradient and velocity.
type parameter struct {
	weights            []float32
	gradient, velocity []float64
}

// savedState is what a Save stores besides the model.
type savedState struct {
	Updates     int64
	Optimizer   lm.Optimizer
	Embed, Head []float64 // velocities
	Carried     [][]float64
}

var (
	_ lm.Trainer  = (*Model)(nil)
	_ lm.Training = (*training)(nil)
)

// OpenTraining implements lm.Trainer. Calls on the model must not run during a step, since the toy does not lock its weights.
func (m *Model) OpenTraining(ctx context.Context, req lm.TrainingRequest) (lm.Training, error) {
	const op = "opentraining"
	if err := m.open(ctx, op); err != nil {
		return nil, err
	}
	if req.Precision != "" && req.Precision != "f32" || req.Optimizer.Name != "" && req.Optimizer.Name != "sgd" {
		return nil, lm.Errorf(lm.Unsupported, op, "the toy trains with sgd in f32, not %s in %s", req.Optimizer.Name, req.Precision)
	}
	n := len(m.embed)
	saved := savedState{
		Optimizer: lm.Optimizer{Name: "sgd", Options: map[string]float64{"momentum": 0}},
		Embed:     make([]float64, n),
		Head:      make([]float64, n),
	}
	if err := saved.read(req.Resume); err != nil {
		return nil, err
	}
	for name, v := range req.Optimizer.Options {
		if name != "momentum" || v < 0 || v >= 1 {
			return nil, lm.Errorf(lm.Invalid, op, "option %s of sgd is %g: the only one is momentum, from 0 to less than 1", name, v)
		}
		saved.Optimizer.Options[name] = v
	}
	if !m.training.CompareAndSwap(false, true) {
		return nil, lm.Errorf(lm.Invalid, op, "the model is already in training")
	}
	return &training{
		m: m, momentum: saved.Optimizer.Options["momentum"], carried: saved.Carried,
		embed: parameter{m.embed, make([]float64, n), saved.Embed}, head: parameter{m.head, make([]float64, n), saved.Head},
		info: lm.TrainingInfo{
			Updates: saved.Updates, Groups: []lm.ParameterGroup{{Name: "all", Parameters: int64(2 * n)}},
			Components: []string{"recurrence", "head"}, Optimizer: saved.Optimizer, Precision: "f32",
		},
	}, nil
}

// read reads the state that an earlier training saved in dir; "" leaves s unchanged.
func (s *savedState) read(dir string) error {
	if dir == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(dir, "training.json"))
	if err == nil {
		err = json.Unmarshal(text, s)
	}
	if err != nil {
		return fileError("opentraining", fmt.Errorf("resume: %w", err))
	}
	return nil
}

func (t *training) Info() lm.TrainingInfo { return t.info }

func (t *training) Model() lm.Model { return t.m }

func (t *training) Close() error {
	t.m.training.Store(false)
	return nil
}

// Save implements lm.Training. It writes the training's own file last, which completes the folder.
func (t *training) Save(ctx context.Context, dir string) error {
	if t.accumulated {
		return lm.Errorf(lm.Invalid, "savetraining", "a gradient is pending: save after its update")
	}
	if err := t.m.Save(ctx, dir); err != nil {
		return err
	}
	text, err := json.Marshal(savedState{t.info.Updates, t.info.Optimizer, t.embed.velocity, t.head.velocity, t.carried})
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, "training.json"), text)
}

func (t *training) Step(ctx context.Context, step lm.TrainStep) (lm.TrainReply, error) {
	start := time.Now()
	if err := t.m.open(ctx, "trainstep"); err != nil {
		return lm.TrainReply{}, err
	}
	if err := step.Validate(t.m.config.VocabSize, t.info); err != nil {
		return lm.TrainReply{}, err
	}
	for i, d := range step.Documents {
		if d.Carry && i >= len(t.carried) {
			return lm.TrainReply{}, lm.Errorf(lm.Invalid, "trainstep", "document %d has no state to carry on from", i)
		}
	}
	reply := lm.TrainReply{Parts: map[string]float64{lm.PartTargets: 0}}
	reply.Targets, reply.Weight = step.Counted()
	ended := make([][]float64, len(step.Documents))
	for i, d := range step.Documents {
		h := make([]float64, t.m.config.HiddenSize)
		if d.Carry {
			copy(h, t.carried[i])
		}
		ended[i] = t.backward(&reply, step, d, h)
	}
	t.carried, t.accumulated = ended, true
	for _, v := range reply.Parts {
		reply.Objective += v
	}
	norms := map[string]float64{"recurrence": norm(t.embed.gradient), "head": norm(t.head.gradient)}
	all := math.Hypot(norms["recurrence"], norms["head"])
	reply.Finite = !math.IsNaN(all+reply.Objective) && !math.IsInf(all+reply.Objective, 0)
	if err := t.writeGradients(step.Gradients); err != nil {
		return lm.TrainReply{}, err
	}
	if step.Update {
		reply.GradientNorm, reply.GradientNorms = all, norms
		t.update(step, all, reply.Finite)
		reply.Updated = reply.Finite
	}
	reply.Updates, reply.Compute = t.info.Updates, time.Since(start)
	return reply, nil
}

// backward adds a document to the losses and the gradient, and returns the state at its end.
func (t *training) backward(reply *lm.TrainReply, step lm.TrainStep, d lm.TrainDocument, h []float64) []float64 {
	scale := cmp.Or(step.Weight, 1)
	dim := len(h)
	states, slopes := make([][]float64, len(d.Tokens)), make([][]float64, len(d.Tokens))
	teacher, teacherState := teacherOf(step), make([]float64, dim)
	targets, rows := d.Predicted(), 0
	for i, token := range d.Tokens {
		t.m.advance(h, token, nil)
		if teacher != nil {
			teacher.advance(teacherState, token, nil)
		}
		states[i] = slices.Clone(h)
		if targets[i] < 0 {
			continue
		}
		var logits []float32
		switch {
		case teacher != nil:
			logits = teacher.logits(teacherState, nil)
		case d.Teacher != nil:
			logits = d.Teacher[rows*t.m.config.VocabSize:][:t.m.config.VocabSize]
		}
		rows++
		weight := 1.0
		if d.Weights != nil {
			weight = float64(d.Weights[i])
		}
		slopes[i] = objective(reply, step, t.m.logits(h, nil), targets[i], logits, weight/reply.Weight)
		for v := range slopes[i] {
			slopes[i][v] *= scale
		}
	}
	dh := make([]float64, dim)
	for i, token := range slices.Backward(d.Tokens) {
		for v, slope := range slopes[i] {
			for k := range dim {
				t.head.gradient[v*dim+k] += slope * states[i][k]
				dh[k] += slope * float64(t.m.head[v*dim+k])
			}
		}
		for k := range dim {
			t.embed.gradient[int(token)*dim+k] += dh[k]
			dh[k] *= t.m.config.Decay
		}
	}
	return h
}

// teacherOf returns the teacher if it is a model, or nil.
func teacherOf(step lm.TrainStep) *Model {
	if step.Teacher == nil || step.Teacher.Model == nil {
		return nil
	}
	return step.Teacher.Model.(interface{ toy() *Model }).toy()
}

// objective adds one target's share to the losses, and returns the gradient of the objective with respect to the logits.
func objective(reply *lm.TrainReply, step lm.TrainStep, logits []float32, target int32, teacher []float32, share float64) []float64 {
	logp, slope := logSoftmax(logits), make([]float64, len(logits))
	alpha, smooth := 0.0, step.LabelSmoothing/float64(len(logits))
	if step.Teacher != nil {
		alpha = step.Teacher.Weight
	}
	for v, l := range logp {
		want := smooth
		if int32(v) == target {
			want += 1 - step.LabelSmoothing
		}
		reply.Parts[lm.PartTargets] -= share * (1 - alpha) * want * l
		slope[v] = share * (1 - alpha) * (math.Exp(l) - want)
	}
	reply.Loss -= share * logp[target]
	if step.Teacher == nil {
		return slope
	}
	temperature := cmp.Or(step.Teacher.Temperature, 1)
	logp, logq := logSoftmax(tempered(logits, temperature)), logSoftmax(tempered(teacher, temperature))
	reply.Parts[lm.PartDistillation] += share * alpha * temperature * temperature * divergence(logq, logp)
	for v := range slope {
		slope[v] += share * alpha * temperature * (math.Exp(logp[v]) - math.Exp(logq[v]))
	}
	return slope
}

// tempered returns the logits divided by a temperature.
func tempered(logits []float32, temperature float64) []float32 {
	out := make([]float32, len(logits))
	for i, z := range logits {
		out[i] = float32(float64(z) / temperature)
	}
	return out
}

// update updates the weights if the gradient is finite, and clears the gradient.
func (t *training) update(step lm.TrainStep, norm float64, finite bool) {
	scale := 1.0
	if step.ClipNorm > 0 && norm > step.ClipNorm {
		scale = step.ClipNorm / norm
	}
	for _, p := range []parameter{t.embed, t.head} {
		for i, g := range p.gradient {
			if finite {
				p.velocity[i] = t.momentum*p.velocity[i] + scale*g
				p.weights[i] -= float32(step.LearningRate * p.velocity[i])
			}
		}
		clear(p.gradient)
	}
	if t.accumulated = false; finite {
		t.info.Updates++
	}
}

// writeGradients writes the accumulated gradient to a file; "" writes nothing.
func (t *training) writeGradients(path string) error {
	if path == "" {
		return nil
	}
	narrow := func(g []float64) []float32 {
		out := make([]float32, len(g))
		for i, v := range g {
			out[i] = float32(v)
		}
		return out
	}
	return safetensors.Write(path, []safetensors.Tensor{
		t.m.tensor("embed", narrow(t.embed.gradient)), t.m.tensor("head", narrow(t.head.gradient)),
	}, nil)
}

func norm(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}
