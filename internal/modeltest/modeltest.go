// Package modeltest holds architectures against their references: folders of reference outputs, trained checkpoints
// with a reference evaluation, weights made by a formula, and against themselves, fed in pieces. It drives them through
// package lm, as the harness does.
package modeltest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/archbench/archbench/lm"
)

// Load loads a model that is closed at the end of the test.
func Load(t testing.TB, arch lm.Architecture, req lm.LoadRequest) lm.Model {
	t.Helper()
	m, err := arch.Load(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// Scores scores one document from its second token on, with all logits [len(tokens), vocab].
func Scores(t testing.TB, m lm.Model, tokens []int32) lm.Scores {
	t.Helper()
	reply, err := m.Score(context.Background(), lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: tokens, From: 1}}, Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	return reply.Scores[0]
}

// Mean returns the mean.
func Mean(x []float64) (mean float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	return mean
}

// feed feeds a document in pieces of chunk tokens and hands over what each piece returns.
func feed(t testing.TB, m lm.Model, tokens []int32, chunk int, want lm.Want, each func(lm.StepOutput)) {
	t.Helper()
	ctx, stepper := context.Background(), m.(lm.Stepper)
	state, err := stepper.NewState(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	for piece := range slices.Chunk(tokens, chunk) {
		reply, err := stepper.Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: piece}}, Want: want})
		if err != nil {
			t.Fatal(err)
		}
		each(reply.Outputs[0])
	}
	if state.Len() != len(tokens) {
		t.Fatalf("the state has seen %d tokens, want %d", state.Len(), len(tokens))
	}
}

// Stream feeds a document in pieces of chunk tokens and returns all logits.
func Stream(t testing.TB, m lm.Model, tokens []int32, chunk int) (logits []float32) {
	t.Helper()
	feed(t, m, tokens, chunk, lm.WantAllLogits, func(o lm.StepOutput) { logits = append(logits, o.Logits...) })
	return logits
}

// Streaming checks that a document gives the same logits within 1e-4 in pieces of every size as in one.
func Streaming(t *testing.T, m lm.Model, tokens []int32, chunks ...int) {
	want := Scores(t, m, tokens).Logits
	for _, chunk := range chunks {
		t.Run(fmt.Sprintf("chunks of %d", chunk), func(t *testing.T) {
			Near(t, "logits", Stream(t, m, tokens, chunk), want, 1e-4)
		})
	}
}

// Greedy continues a prompt by n most likely tokens.
func Greedy(t testing.TB, m lm.Model, prompt []int32, n int) (tokens []int32) {
	t.Helper()
	ctx := context.Background()
	state, err := m.(lm.Stepper).NewState(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	req := lm.GenerateRequest{Inputs: []lm.StepInput{{State: state, Tokens: prompt}}, MaxNew: n}
	err = m.(lm.Generator).Generate(ctx, req, func(c lm.GenerateChunk) bool {
		for _, got := range c.Tokens {
			tokens = append(tokens, got...)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// Near checks that got is within tolerance of want everywhere, and prints the largest difference.
func Near[T, U float32 | float64](t testing.TB, what string, got []T, want []U, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst, at := 0.0, 0
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if math.IsNaN(d) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
		if d > worst {
			worst, at = d, i
		}
	}
	t.Logf("%s: largest difference %.3g of %.3g allowed", what, worst, tolerance)
	if worst > tolerance {
		t.Errorf("%s: value %d is %v, want %v within %g", what, at, got[at], want[at], tolerance)
	}
}
