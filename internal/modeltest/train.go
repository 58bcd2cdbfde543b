package modeltest

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// openTraining loads a model and opens a training of it.
func openTraining(t testing.TB, family engine.Family, req lm.LoadRequest) (lm.Model, lm.Training) {
	t.Helper()
	m := Load(t, engine.New(family), req)
	trainer, ok := lm.As[lm.Trainer](m)
	if !ok {
		t.Fatal("the model has no ability to train")
	}
	training, err := trainer.OpenTraining(context.Background(), lm.TrainingRequest{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return m, training
}

// randomDocuments returns documents of pseudorandom tokens below vocab.
func randomDocuments(n, length, vocab int) []lm.TrainDocument {
	r := rand.New(rand.NewPCG(uint64(n), uint64(length)))
	docs := make([]lm.TrainDocument, n)
	for i := range docs {
		docs[i].Tokens = make([]int32, length)
		for k := range docs[i].Tokens {
			docs[i].Tokens[k] = r.Int32N(int32(vocab))
		}
	}
	return docs
}

// Overfits checks that a new model learns a batch of random documents by heart: its loss falls below 0.05.
func Overfits(t *testing.T, family engine.Family, req lm.LoadRequest) {
	t.Helper()
	m, training := openTraining(t, family, req)
	step := lm.TrainStep{
		Documents: randomDocuments(3, 16, min(m.Info().Vocab, 64)), Update: true, LearningRate: 1e-2, ClipNorm: 1,
	}
	const most = 400
	for update := range most {
		reply, err := training.Step(context.Background(), step)
		if err != nil {
			t.Fatal(err)
		}
		if reply.Loss < 0.05 {
			t.Logf("%d updates", update)
			return
		}
		if update == most-1 {
			t.Errorf("after %d updates the loss is %g", most, reply.Loss)
		}
	}
}

// BenchmarkTraining measures steps with an update over n documents of length tokens, and reports tokens per second.
func BenchmarkTraining(b *testing.B, family engine.Family, dir string, n, length int) {
	nn.PoisonReleased = false // it costs time
	defer func() { nn.PoisonReleased = true }()
	m, training := openTraining(b, family, lm.LoadRequest{Checkpoint: dir})
	step := lm.TrainStep{Documents: randomDocuments(n, length, m.Info().Vocab), Update: true, LearningRate: 1e-5, ClipNorm: 1}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := training.Step(context.Background(), step); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*n*length)/b.Elapsed().Seconds(), "tokens/s")
}
