package main

import (
	"context"
	"math"
	"runtime"
	"testing"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmtest"
)

func load(t *testing.T) *model {
	t.Helper()
	m, err := architecture{}.Load(t.Context(), lm.LoadRequest{Variant: "default"})
	if err != nil {
		t.Fatal(err)
	}
	return m.(*model)
}

func TestConformance(t *testing.T) {
	lmtest.Report(t, lmtest.Run(t.Context(), architecture{}, lmtest.Options{}))
}

func TestScoreIsLogVocabulary(t *testing.T) {
	reply, err := load(t).Score(t.Context(), lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: []int32{3, 1, 4, 1, 5}, From: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := reply.Scores[0].NLL; len(got) != 3 || got[0] != math.Log(256) {
		t.Errorf("NLL %v, want three times ln 256", got)
	}
}

func TestCalibrate(t *testing.T) {
	threads := runtime.GOMAXPROCS(0)
	r, err := architecture{}.Calibrate(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.Threads != threads || len(r.Ceilings) != len(footprints)+len(kernel.Ceilings()) {
		t.Fatalf("%+v", r)
	}
	for _, c := range r.Ceilings {
		t.Logf("%-12s %8.2f G%s on %d threads (%s)", c.Name, c.Value/1e9, c.Unit, r.Threads, c.Kernels)
		if c.Value < 1e8 || c.Value > 1e15 {
			t.Errorf("%s is %g %s", c.Name, c.Value, c.Unit)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (architecture{}).Calibrate(ended, 1); lm.KindOf(err) != lm.Deadline {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := (architecture{}).Calibrate(t.Context(), -1); lm.KindOf(err) != lm.Invalid {
		t.Errorf("negative threads: %v", err)
	}
}

func TestGenerate(t *testing.T) {
	m := load(t)
	s, err := m.NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []int32
	req := lm.GenerateRequest{
		Inputs:   []lm.StepInput{{State: s, Tokens: []int32{1, 2, 3}}},
		MaxNew:   1000,
		Every:    7,
		Sampling: lm.Sampling{Temperature: 1, Seed: 5, TopK: 50},
		Stop:     []int32{9},
	}
	done := false
	if err := m.Generate(t.Context(), req, func(c lm.GenerateChunk) bool {
		got, done = append(got, c.Tokens[0]...), c.Done
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if !done || len(got) == 0 || len(got) == 1000 || s.Len() != 3+len(got) {
		t.Fatalf("%d tokens, done %v, state of %d: token 9 of 50 should have ended it", len(got), done, s.Len())
	}
	for _, token := range got {
		if token < 0 || token >= 50 || token == 9 {
			t.Fatalf("token %d is outside the lowest 50 or ends the text", token)
		}
	}
}
