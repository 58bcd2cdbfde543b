package engine_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmtest"
)

// hybridConfig returns the config of a hybrid with every kind of state and the given dropout rate.
func hybridConfig(drop float64) string {
	return fmt.Sprintf(`{"layers": ["attention", "scan", "resolvent"], "drop": %g}`, drop)
}

// trainable loads a model on that many threads and opens a training.
func trainable(t *testing.T, load lm.LoadRequest, req lm.TrainingRequest) (*engine.Model, lm.Training) {
	t.Helper()
	m := modeltest.Load(t, engine.New(hybrid{}), load).(*engine.Model)
	training, err := m.OpenTraining(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return m, training
}

// must runs a step.
func must(t *testing.T, training lm.Training, step lm.TrainStep) lm.TrainReply {
	t.Helper()
	info := training.Info()
	reply, err := training.Step(t.Context(), step)
	if err != nil {
		t.Fatal(err)
	}
	if err := step.Check(info, info.Updates, reply); err != nil {
		t.Error(err)
	}
	return reply
}

// tokens returns n pseudorandom tokens.
func tokens(seed uint64, n int) []int32 {
	r := rand.New(rand.NewPCG(seed, 7))
	list := make([]int32, n)
	for i := range list {
		list[i] = r.Int32N(vocab)
	}
	return list
}

// richStep is a step with documents of several lengths, weights, and targets left out.
func richStep() lm.TrainStep {
	some := tokens(4, 21)
	for i := 3; i < len(some); i += 3 {
		some[i] = -1
	}
	return lm.TrainStep{LabelSmoothing: 0.1, Documents: []lm.TrainDocument{
		{Tokens: tokens(1, 33)}, {Tokens: tokens(2, 21), Targets: some},
		{Tokens: tokens(3, 4), Weights: []float32{0.5, 0, 2, 1}},
	}}
}

// weights returns the concatenated weights of a model.
func weights(m *engine.Model) (all []float32) {
	for _, p := range m.Params().Trainable() {
		all = append(all, p.W...)
	}
	return all
}

// gradients returns the concatenated gradients of a model in training.
func gradients(m *engine.Model) (all []float32) {
	for _, p := range m.Params().Trainable() {
		all = append(all, p.Grad...)
	}
	return all
}

// TestObjectiveGradient compares gradients with difference quotients of the reported objective, for the loss with label
// smoothing and weights and for both kinds of teachers, on 20 coordinates of every parameter.
func TestObjectiveGradient(t *testing.T) {
	load := lm.LoadRequest{Config: hybridConfig(0), Seed: 3}
	arch := engine.New(hybrid{})
	teacher := modeltest.Load(t, arch, lm.LoadRequest{Config: hybridConfig(0), Seed: 9})
	plain, fromModel, fromLogits := richStep(), richStep(), richStep()
	fromModel.Teacher = &lm.Teacher{Model: teacher, Temperature: 2, Weight: 0.4}
	fromLogits.Teacher = &lm.Teacher{Temperature: 0.7, Weight: 1}
	for i, d := range fromLogits.Documents {
		n := len(lm.Sequence{Targets: d.Predicted()}.Scored())
		logits := make([]float32, n*vocab)
		for k := range logits {
			logits[k] = float32(math.Sin(float64(k * (i + 2))))
		}
		fromLogits.Documents[i].Teacher = logits
	}
	for name, step := range map[string]lm.TrainStep{"plain": plain, "teacher": fromModel, "logits": fromLogits} {
		t.Run(name, func(t *testing.T) {
			m := modeltest.Load(t, arch, load).(*engine.Model)
			training, err := m.OpenTraining(t.Context(), lm.TrainingRequest{})
			if err != nil {
				t.Fatal(err)
			}
			step.Weight, step.LossScale = 0.5, 8
			must(t, training, step)
			compareWithDifferences(t, m, 4, func() float64 { return must(t, training, step).Objective })
		})
	}
}

// compareWithDifferences checks that the accumulated gradient is factor times that of the objective.
func compareWithDifferences(t *testing.T, m *engine.Model, factor float64, objective func() float64) {
	t.Helper()
	const h = 1.0 / 64
	r, params := rand.New(rand.NewPCG(3, 3)), m.Params()
	var grads [][]float32
	for _, p := range params.Trainable() {
		grads = append(grads, slices.Clone(p.Grad))
	}
	for k, p := range params.Trainable() {
		for range 20 {
			i := r.IntN(len(p.W))
			at := func(d float32) float64 {
				was := p.W[i]
				p.W[i] = was + d
				params.Changed()
				defer func() { p.W[i] = was; params.Changed() }()
				return objective()
			}
			want := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
			if got := float64(grads[k][i]) / factor; math.Abs(got-want) > 1e-3*max(0.1, math.Abs(want)) {
				t.Errorf("%s[%d]: gradient %g, difference quotient %g", p.Name, i, got, want)
			}
		}
	}
}

// run trains for some steps, some of whose documents carry on.
func run(t *testing.T, training lm.Training, from, to int) (last lm.TrainReply) {
	for i := from; i < to; i++ {
		step := richStep()
		step.Update, step.LearningRate, step.ClipNorm = i%2 == 1, 1e-2, 0.5
		step.Documents[0].Carry, step.Documents[2].Carry = i%3 > 0, i%3 > 0
		last = must(t, training, step)
	}
	return last
}

// TestSameBits checks that neither threads nor recomputed activations change a training in the last bit, with dropout and
// carried states.
func TestSameBits(t *testing.T) {
	var want []float32
	for _, recompute := range []bool{false, true} {
		for threads := 1; threads <= 3; threads++ {
			m, training := trainable(t, lm.LoadRequest{Config: hybridConfig(0.2), Seed: 3, Threads: threads},
				lm.TrainingRequest{Seed: 5, Checkpointing: recompute})
			run(t, training, 0, 9)
			got := append(weights(m), gradients(m)...)
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Errorf("recompute=%v with %d threads: other bits than on one thread", recompute, threads)
			}
		}
	}
}

// TestRecomputingSavesMemory checks that checkpointing does what it is for.
func TestRecomputingSavesMemory(t *testing.T) {
	var peaks [2]int64
	for i, recompute := range []bool{false, true} {
		m, training := trainable(t, lm.LoadRequest{Config: hybridConfig(0)}, lm.TrainingRequest{Checkpointing: recompute})
		must(t, training, lm.TrainStep{Documents: []lm.TrainDocument{{Tokens: tokens(1, 2000)}}})
		mem, err := m.Memory(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		peaks[i] = mem.Peak[0].Bytes
		classes := map[string]int64{}
		for _, c := range mem.Live {
			classes[c.Class] = c.Bytes
		}
		if n := 4 * m.Info().Parameters; classes["gradients"] != n || classes["optimizer"] != 2*n || classes["state"] == 0 {
			t.Errorf("memory %v for %d parameters", classes, m.Info().Parameters)
		}
	}
	if peaks[1] > peaks[0]*2/3 {
		t.Errorf("activations take %d bytes recomputed, %d kept", peaks[1], peaks[0])
	}
}

// TestAccumulation checks that micro-batches with their share of the targets' weights give the gradient of the whole batch,
// whatever the loss scales.
func TestAccumulation(t *testing.T) {
	whole := richStep()
	m, training := trainable(t, lm.LoadRequest{Config: hybridConfig(0), Seed: 3}, lm.TrainingRequest{})
	must(t, training, whole)
	want := gradients(m)
	_, total := whole.Counted()
	n, parts := trainable(t, lm.LoadRequest{Config: hybridConfig(0), Seed: 3}, lm.TrainingRequest{})
	for i, d := range whole.Documents {
		part := whole
		part.Documents, part.LossScale = []lm.TrainDocument{d}, float64(uint(16)>>i)
		_, own := part.Counted()
		part.Weight = own / total
		must(t, parts, part)
	}
	got := gradients(n)
	for i := range got {
		got[i] /= 4 // the last loss scale
	}
	modeltest.Near(t, "gradients", got, want, 1e-5)
}

// TestPassesAddUp checks that documents that do not fit one pass have the gradient of shorter batches.
func TestPassesAddUp(t *testing.T) {
	m, training := trainable(t, lm.LoadRequest{Config: hybridConfig(0), Seed: 3}, lm.TrainingRequest{})
	var all lm.TrainStep
	for i := range uint64(5) {
		all.Documents = append(all.Documents, lm.TrainDocument{Tokens: tokens(i, 900)})
	}
	loss := must(t, training, all).Loss
	want := gradients(m)
	n, parts := trainable(t, lm.LoadRequest{Config: hybridConfig(0), Seed: 3}, lm.TrainingRequest{})
	var sum float64
	for _, d := range all.Documents {
		sum += 0.2 * must(t, parts, lm.TrainStep{Documents: []lm.TrainDocument{d}, Weight: 0.2}).Loss
	}
	if math.Abs(sum-loss) > 1e-6 {
		t.Errorf("loss %g, of the documents %g", loss, sum)
	}
	modeltest.Near(t, "gradients", gradients(n), want, 1e-5)
}

// TestResumeIsExact saves a training, ends the process's use of it and continues from the folder.
func TestResumeIsExact(t *testing.T) {
	dir := t.TempDir()
	load := lm.LoadRequest{Config: hybridConfig(0.2), Seed: 3}
	req := lm.TrainingRequest{Seed: 5, Optimizer: lm.Optimizer{Name: "adamw", Options: map[string]float64{"beta2": 0.9}}}
	m, training := trainable(t, load, req)
	run(t, training, 0, 4)
	if err := training.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	want := run(t, training, 4, 10)
	resumed, again := trainable(t, lm.LoadRequest{Checkpoint: dir}, lm.TrainingRequest{Resume: dir})
	if info := again.Info(); info.Updates != 2 || info.Optimizer.Options["beta2"] != 0.9 {
		t.Errorf("resumed as %+v", info)
	}
	got := run(t, again, 4, 10)
	if !slices.Equal(weights(resumed), weights(m)) {
		t.Error("the resumed training has other weights than the uninterrupted one")
	}
	if got.Loss != want.Loss || got.Updates != want.Updates {
		t.Errorf("resumed: %+v, uninterrupted: %+v", got, want)
	}
}

// TestResumeRefuses checks that a training resumes only what was saved.
func TestResumeRefuses(t *testing.T) {
	dir := t.TempDir()
	m, training := trainable(t, lm.LoadRequest{Config: hybridConfig(0)}, lm.TrainingRequest{})
	must(t, training, richStep())
	if err := training.Save(t.Context(), dir); lm.KindOf(err) != lm.Invalid {
		t.Errorf("saved with a pending gradient: %v", err)
	}
	step := richStep()
	step.Update, step.LearningRate = true, 1e-3
	must(t, training, step)
	if err := training.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	must(t, training, step)
	if err := training.Close(); err != nil {
		t.Fatal(err)
	}
	refuse := func(m *engine.Model, req lm.TrainingRequest, kind lm.Kind, text string) {
		t.Helper()
		if _, err := m.OpenTraining(t.Context(), req); lm.KindOf(err) != kind || !strings.Contains(fmt.Sprint(err), text) {
			t.Errorf("error %v, want %s with %q", err, kind, text)
		}
	}
	refuse(m, lm.TrainingRequest{Resume: dir}, lm.Invalid, "load the model from that folder")
	refuse(m, lm.TrainingRequest{Resume: t.TempDir()}, lm.NotFound, "not the folder of a saved training")
	saved := modeltest.Load(t, engine.New(hybrid{}), lm.LoadRequest{Checkpoint: dir}).(*engine.Model)
	other := lm.Optimizer{Options: map[string]float64{"beta1": 0.5}}
	refuse(saved, lm.TrainingRequest{Resume: dir, Optimizer: other}, lm.Invalid, "option beta1 is saved as 0.9")
	path := filepath.Join(dir, "training.safetensors")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	refuse(saved, lm.TrainingRequest{Resume: dir}, lm.Corrupt, "is damaged")
}

// TestRefusedTrainings checks the errors of OpenTraining.
func TestRefusedTrainings(t *testing.T) {
	m, training := trainable(t, lm.LoadRequest{Config: hybridConfig(0)}, lm.TrainingRequest{})
	packed := modeltest.Load(t, engine.New(hybrid{}), lm.LoadRequest{Config: hybridConfig(0), Precision: "int8"}).(*engine.Model)
	if packed.Info().Has(lm.AbilityTrain) || !m.Info().Has(lm.AbilityTrain) {
		t.Error("the ability to train is not that of float32 models")
	}
	open := func(m *engine.Model, req lm.TrainingRequest, kind lm.Kind) {
		t.Helper()
		if _, err := m.OpenTraining(t.Context(), req); err == nil || lm.KindOf(err) != kind {
			t.Errorf("error %v, want kind %s", err, kind)
		}
	}
	open(packed, lm.TrainingRequest{}, lm.Unsupported)
	open(m, lm.TrainingRequest{}, lm.Invalid)
	if err := training.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := training.Step(t.Context(), richStep()); lm.KindOf(err) != lm.Invalid {
		t.Errorf("a step after Close: %v", err)
	}
	open(m, lm.TrainingRequest{Precision: "bf16"}, lm.Unsupported)
	open(m, lm.TrainingRequest{Optimizer: lm.Optimizer{Name: "lion"}}, lm.Unsupported)
	for _, option := range []map[string]float64{{"beta3": 0}, {"beta1": 1}, {"epsilon": -1}, {"weight_decay": math.NaN()}} {
		open(m, lm.TrainingRequest{Optimizer: lm.Optimizer{Options: option}}, lm.Invalid)
	}
	if _, err := m.OpenTraining(t.Context(), lm.TrainingRequest{}); err != nil {
		t.Errorf("after refused requests: %v", err)
	}
}

// TestNonFiniteGradient overflows the gradient by its loss scale: it must be reported, not applied, and cleared.
func TestNonFiniteGradient(t *testing.T) {
	m, training := trainable(t, lm.LoadRequest{Config: hybridConfig(0), Seed: 3}, lm.TrainingRequest{})
	before := weights(m)
	step := richStep()
	step.Update, step.LearningRate, step.LossScale = true, 1e-2, 1e300
	if reply := must(t, training, step); reply.Finite || reply.Updated || reply.Updates != 0 {
		t.Errorf("reply %+v", reply)
	}
	if !slices.Equal(weights(m), before) {
		t.Error("weights have changed")
	}
	step.LossScale = 0
	if reply := must(t, training, step); !reply.Updated || reply.Updates != 1 {
		t.Errorf("afterwards: %+v", reply)
	}
}

// TestClipAndDecay compares one update with AdamW's first step: the sign of the gradient, and decay of matrices alone.
func TestClipAndDecay(t *testing.T) {
	m, training := trainable(t, lm.LoadRequest{Config: hybridConfig(0), Seed: 3}, lm.TrainingRequest{})
	before := weights(m)
	path := filepath.Join(t.TempDir(), "gradients.safetensors")
	step := richStep()
	must(t, training, step)
	grads := gradients(m)
	step.Gradients, step.Weight, step.Update, step.LearningRate, step.ClipNorm = path, 1e-9, true, 0.01, 1e-3
	reply := must(t, training, step)
	var squares float64
	for _, g := range grads {
		squares += float64(g) * float64(g)
	}
	if math.Abs(reply.GradientNorm-math.Sqrt(squares)) > 1e-5*reply.GradientNorm {
		t.Errorf("gradient norm %g, want %g", reply.GradientNorm, math.Sqrt(squares))
	}
	i := 0
	for _, p := range m.Params().Trainable() {
		for k := range p.W {
			w, g := float64(before[i]), float64(grads[i])*1e-3/math.Sqrt(squares)
			want := w - 0.01*g/(math.Abs(g)+1e-8)
			if p.Decay {
				want -= 0.01 * 0.1 * w
			}
			if math.Abs(float64(p.W[k])-want) > 1e-4*0.01+1e-6 {
				t.Fatalf("%s[%d] with gradient %g was %g and is %g, want %g", p.Name, k, g, w, p.W[k], want)
			}
			i++
		}
	}
	decays := map[string]bool{}
	for _, p := range m.Params().Trainable() {
		decays[p.Name] = p.Decay
	}
	for name, want := range map[string]bool{"tokens.weight": true, "0.qkv.weight": true, "0.qkv.bias": false, "1.A_log": false, "1.conv.weight": false, "norm.weight": false} {
		if got, ok := decays[name]; got != want || !ok {
			t.Errorf("decay of %s is %v, want %v", name, got, want)
		}
	}
}

// TestCarriedLoss checks that the pieces of a document have the losses of the whole.
func TestCarriedLoss(t *testing.T) {
	m, training := trainable(t, lm.LoadRequest{Config: hybridConfig(0), Seed: 3}, lm.TrainingRequest{})
	text := tokens(6, 61)
	whole, err := m.Score(t.Context(), lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: text, From: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		lo, hi := i*20, (i+1)*20
		step := lm.TrainStep{Documents: []lm.TrainDocument{{Tokens: text[lo:hi], Targets: text[lo+1 : hi+1], Carry: i > 0}}}
		want := modeltest.Mean(whole.Scores[0].NLL[lo:hi])
		if got := must(t, training, step).Loss; math.Abs(got-want) > 1e-5 {
			t.Errorf("piece %d has a loss of %g, scoring gives %g", i, got, want)
		}
	}
}

// TestRefusedSteps checks that requests at fault leave the training as it was.
func TestRefusedSteps(t *testing.T) {
	_, training := trainable(t, lm.LoadRequest{Config: hybridConfig(0), Seed: 3}, lm.TrainingRequest{})
	want := must(t, training, richStep())
	carry, foreign := richStep(), richStep()
	carry.Documents = append(carry.Documents, lm.TrainDocument{Tokens: tokens(1, 3), Carry: true})
	foreign.Teacher = &lm.Teacher{Model: modeltest.Load(t, engine.New(hybrid{}), lm.LoadRequest{Config: hybridConfig(0)})}
	for name, step := range map[string]lm.TrainStep{"carry": carry, "teacher": foreign} {
		if _, err := training.Step(t.Context(), step); lm.KindOf(err) != lm.Invalid {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if got := must(t, training, richStep()); got.Loss != want.Loss {
		t.Errorf("loss %g, before %g", got.Loss, want.Loss)
	}
}

// TestTrainingConformance runs the kit's check on a model with every kind of state.
func TestTrainingConformance(t *testing.T) {
	checks := lmtest.Run(t.Context(), engine.New(hybrid{}), lmtest.Options{Tokens: 60, TempDir: t.TempDir(), Skip: []string{"cancellation", "concurrency", "clocks"}})
	i := slices.IndexFunc(checks, func(c lmtest.Check) bool { return c.Name == "training" })
	if checks[i].Status != lmtest.Pass {
		t.Error(checks[i])
	}
}

// TestSavedFolder checks that a saved training loads as an ordinary model, and that saving again replaces it.
func TestSavedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "saved")
	m, training := trainable(t, lm.LoadRequest{Config: hybridConfig(0), Seed: 3}, lm.TrainingRequest{})
	for range 2 {
		run(t, training, 0, 2)
		if err := training.Save(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		loaded := modeltest.Load(t, engine.New(hybrid{}), lm.LoadRequest{Checkpoint: dir}).(*engine.Model)
		if !slices.Equal(weights(loaded), weights(m)) || len(loaded.Info().Warnings) > 0 {
			t.Errorf("loaded with warnings %q", loaded.Info().Warnings)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "training.json"))
	if err != nil || !bytes.Contains(text, []byte(`"moment1.tokens.weight"`)) {
		t.Errorf("%v: %s", err, text)
	}
}
