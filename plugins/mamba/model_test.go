package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/lm"
)

func load(t testing.TB, req lm.LoadRequest) lm.Model {
	t.Helper()
	return modeltest.Load(t, engine.New(Family{}), req)
}

// fixtures are the reference folders of both models.
var fixtures = []string{"mamba-tiny", "mamba2-tiny"}

func TestFixture(t *testing.T) {
	for _, name := range fixtures {
		t.Run(name, func(t *testing.T) {
			modeltest.Fixture(t, engine.New(Family{}), "testdata/"+name, nil)
		})
	}
}

// TestNormOfGroups normalises each group of channels separately. Transformers 5.24 computed the value in float64.
func TestNormOfGroups(t *testing.T) {
	m := load(t, lm.LoadRequest{Checkpoint: "testdata/mamba2-tiny", Options: map[string]string{"norm_groups": "2"}})
	tokens := make([]int32, 40)
	for i := range tokens {
		tokens[i] = int32(i * i * 7 % 384)
	}
	modeltest.Near(t, "loss", []float64{modeltest.Mean(modeltest.Scores(t, m, tokens).NLL)}, []float64{6.692728411}, 1e-6)
}

func TestStreaming(t *testing.T) {
	for _, name := range fixtures {
		t.Run(name, func(t *testing.T) {
			m := load(t, lm.LoadRequest{Checkpoint: "testdata/" + name})
			modeltest.Streaming(t, m, someTokens(600, m.Info().Vocab), 1, 3, 7, 64, 513)
		})
	}
}

// someTokens returns n tokens without a short period.
func someTokens(n, vocab int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = int32((i*i*31 + i*7919) % vocab)
	}
	return list
}

// TestThreads checks that results are bit-equal for any number of threads.
func TestThreads(t *testing.T) {
	tokens := someTokens(40, 384)
	for _, name := range fixtures {
		one := modeltest.Scores(t, load(t, lm.LoadRequest{Checkpoint: "testdata/" + name, Threads: 1}), tokens)
		for _, threads := range []int{2, 3} {
			got := modeltest.Scores(t, load(t, lm.LoadRequest{Checkpoint: "testdata/" + name, Threads: threads}), tokens)
			if !slices.Equal(got.Logits, one.Logits) {
				t.Errorf("%s: %d threads give other logits than one", name, threads)
			}
		}
	}
}

// TestBatch checks that documents in a batch do not influence each other.
func TestBatch(t *testing.T) {
	m := load(t, lm.LoadRequest{Checkpoint: "testdata/mamba-tiny"})
	docs := [][]int32{someTokens(5, 384), someTokens(30, 384)[4:], someTokens(11, 384)[9:]}
	var req lm.ScoreRequest
	for _, doc := range docs {
		req.Sequences = append(req.Sequences, lm.Sequence{Tokens: doc, From: 1})
	}
	reply, err := m.Score(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for i, doc := range docs {
		modeltest.Near(t, fmt.Sprintf("document %d", i), reply.Scores[i].NLL, modeltest.Scores(t, m, doc).NLL, 2e-5)
	}
}

func TestStateBytes(t *testing.T) {
	for _, want := range []struct {
		variant           string
		parameters, bytes int64
	}{
		{"3m", 2_612_984, 4 * 8 * 368 * (4 - 1 + 16)},
		{"mamba2-3m", 2_626_016, 4 * 8 * ((368+2*64)*(4-1) + 368*64)},
	} {
		t.Run(want.variant, func(t *testing.T) {
			m := load(t, lm.LoadRequest{Variant: want.variant})
			if got := m.Info().Parameters; got != want.parameters {
				t.Errorf("%d parameters, want %d", got, want.parameters)
			}
			checkStateBytes(t, m, want.bytes)
		})
	}
}

func checkStateBytes(t *testing.T, m lm.Model, want int64) {
	t.Helper()
	st, err := m.(lm.Stepper).NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 40} {
		in := []lm.StepInput{{State: st, Tokens: someTokens(n, 4096)}}
		if _, err := m.(lm.Stepper).Step(t.Context(), lm.StepRequest{Inputs: in}); err != nil {
			t.Fatal(err)
		}
		if st.Bytes() != want {
			t.Errorf("after %d tokens the state takes %d bytes, want %d", st.Len(), st.Bytes(), want)
		}
	}
}

func TestFork(t *testing.T) {
	m, _ := open(t, formulaCheckpoint(t))
	tokens := modeltest.FormulaTokens
	st := m.NewState()
	feed(t, m, tokens[:7], st, 7)
	fork := st.Fork()
	want := feed(t, m, tokens[7:], st, 5)
	feed(t, m, []int32{1, 2, 3}, st, 3)
	if got := feed(t, m, tokens[7:], fork, 5); !slices.Equal(got, want) {
		t.Error("a fork is changed by what its origin sees")
	}
	st.Reset()
	if got, want := feed(t, m, tokens, st, 12), feed(t, m, tokens, m.NewState(), 12); !slices.Equal(got, want) {
		t.Error("a reset state differs from a new one")
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	for _, name := range []string{"mamba-tiny", "mamba2-tiny"} {
		t.Run(name, func(t *testing.T) { modeltest.NoAllocations(t, Family{}, "testdata/"+name, 70) })
	}
}
