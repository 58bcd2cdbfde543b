package lmfake

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/lm"
)

// What can be trained of the fake is a bias of each token's logit, by gradient descent with momentum.

// training trains a model.
type training struct {
	m                  *model
	info               lm.TrainingInfo
	gradient, velocity []float64
	pending            bool
	dead               error // after an error that leaves nothing but Close
}

// saved is what a training stores besides the bias.
type saved struct {
	Updates  int64
	Momentum float64
	Velocity []float64
}

const trainingFile = "fake-training.json"

// OpenTraining implements lm.Trainer.
func (m *model) OpenTraining(ctx context.Context, req lm.TrainingRequest) (lm.Training, error) {
	if err := m.arch.before(ctx, "opentraining"); err != nil {
		return nil, err
	}
	if cmp.Or(req.Optimizer.Name, "sgd") != "sgd" {
		return nil, lm.Errorf(lm.Unsupported, "opentraining", "the fake trains with sgd, not %s", req.Optimizer.Name)
	}
	s := saved{Momentum: 0.9, Velocity: make([]float64, Vocab)}
	if v, ok := req.Optimizer.Options["momentum"]; ok {
		s.Momentum = v
	}
	if req.Resume != "" {
		text, err := os.ReadFile(filepath.Join(req.Resume, trainingFile))
		if err == nil {
			err = json.Unmarshal(text, &s)
		}
		if err != nil {
			return nil, lm.Errorf(lm.NotFound, "opentraining", "%w", err)
		}
	}
	if m.bias == nil {
		m.bias = make([]float32, Vocab)
	}
	return &training{m: m, gradient: make([]float64, Vocab), velocity: s.Velocity, info: lm.TrainingInfo{
		Updates: s.Updates, Groups: []lm.ParameterGroup{{Name: "bias", Parameters: Vocab}}, Components: []string{"head"},
		Optimizer: lm.Optimizer{Name: "sgd", Options: map[string]float64{"momentum": s.Momentum}}, Precision: cmp.Or(req.Precision, m.precision),
	}}, nil
}

// Info implements lm.Training.
func (t *training) Info() lm.TrainingInfo { return t.info }

// Model implements lm.Training.
func (t *training) Model() lm.Model { return t.m }

// Close implements lm.Training.
func (t *training) Close() error { return nil }

// Step implements lm.Training.
func (t *training) Step(ctx context.Context, step lm.TrainStep) (reply lm.TrainReply, err error) {
	if t.dead != nil {
		return reply, t.dead
	}
	start := time.Now()
	if err := t.m.arch.before(ctx, "trainstep"); err != nil {
		t.dead = lm.Errorf(lm.Invalid, "trainstep", "the training has failed before: %w", err)
		return reply, err
	}
	if err := step.Validate(Vocab, t.info); err != nil {
		return reply, err
	}
	reply.Targets, reply.Weight = step.Counted()
	tokens := 0
	for _, d := range step.Documents {
		tokens += len(d.Tokens)
		reply.Loss += t.backward(d, reply.Weight, cmp.Or(step.Weight, 1))
	}
	reply.Objective, reply.Finite, t.pending = reply.Loss, true, true
	reply.Parts = map[string]float64{lm.PartTargets: reply.Loss}
	if step.Update {
		reply.GradientNorm = length(t.gradient)
		reply.GradientNorms = map[string]float64{"head": reply.GradientNorm}
	}
	reply.Compute = t.m.arch.cost(tokens, start)
	t.m.arch.tell(&reply)
	if step.Update {
		reply.Updated = reply.Finite
		t.update(step, reply)
	}
	reply.Updates = t.info.Updates
	return reply, nil
}

// backward adds a document to the gradient and returns its share of the loss.
func (t *training) backward(d lm.TrainDocument, whole, scale float64) (loss float64) {
	var h hash
	targets := d.Predicted()
	for i, token := range d.Tokens {
		h = h.add(token)
		share := 1 / whole
		if d.Weights != nil {
			share *= float64(d.Weights[i])
		}
		if targets[i] < 0 || share == 0 {
			continue
		}
		logits := t.m.logits(h)
		z := normaliser(logits)
		loss += share * (z - float64(logits[targets[i]]))
		for v, x := range logits {
			t.gradient[v] += scale * share * math.Exp(float64(x)-z)
		}
		t.gradient[targets[i]] -= scale * share
	}
	return loss
}

func (t *training) update(step lm.TrainStep, reply lm.TrainReply) {
	scale := 1.0
	if step.ClipNorm > 0 && reply.GradientNorm > step.ClipNorm {
		scale = step.ClipNorm / reply.GradientNorm
	}
	for i, g := range t.gradient {
		if reply.Finite {
			t.velocity[i] = t.info.Optimizer.Options["momentum"]*t.velocity[i] + scale*g
			t.m.bias[i] -= float32(step.LearningRate * t.velocity[i])
		}
	}
	clear(t.gradient)
	if t.pending = false; reply.Finite {
		t.info.Updates++
	}
}

// Save implements lm.Training.
func (t *training) Save(ctx context.Context, dir string) error {
	if err := t.m.arch.before(ctx, "savetraining"); err != nil {
		return err
	}
	if t.pending {
		return lm.Errorf(lm.Invalid, "savetraining", "a gradient is pending: save after its update")
	}
	state, err := json.Marshal(saved{t.info.Updates, t.info.Optimizer.Options["momentum"], t.velocity})
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(dir, trainingFile), state); err != nil {
		return err
	}
	config := fmt.Sprintf(`{"model_type": %q}`, t.m.info.Architecture)
	if err := atomicfile.WriteBytes(filepath.Join(dir, "config.json"), []byte(config)); err != nil {
		return err
	}
	return safetensors.Write(filepath.Join(dir, "model.safetensors"), []safetensors.Tensor{{Name: "bias", DType: safetensors.F32, Shape: []int{Vocab},
		ReadRows: func(lo, hi int, dst []float32) error { copy(dst, t.m.bias[lo:hi]); return nil }}}, nil)
}

// readBias reads the bias that a training has saved; a folder without one leaves the model as it is.
func (m *model) readBias(dir string) {
	f, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		return
	}
	defer f.Close()
	if info, ok := f.Info("bias"); ok && info.Elements() == Vocab {
		m.bias, _ = f.Widen("bias")
	}
}

// length is the norm of a vector.
func length(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}
