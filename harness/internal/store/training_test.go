//go:build cgo

package store

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
)

// exampleTraining is a training with every column set, and rows of two attempts.
func exampleTraining() *record.Training {
	r := example("r-1")
	step := func(attempt int, update int64, loss float64) record.TrainingStep {
		return record.TrainingStep{Attempt: attempt, Update: update, Tokens: 10 * update, FLOPs: 1e9, Documents: 2, Length: 5, Targets: 9, Loss: record.Real(loss),
			Objective: record.Real(loss), Rate: 0.1, GradientNorm: 2, GradientNorms: map[string]record.Real{"head": 1}, Applied: true, Host: 7, Plugin: 6, Elapsed: 70}
	}
	return &record.Training{
		ID: "t-1", Started: time.Unix(1700000000, 5).UTC(), Status: record.Running, Version: "v1", Command: "archbench train", Folder: "/out", Host: r.Host,
		Model: r.Models[0], Plan: `{"updates":3}`, Data: "text", DataSHA: "d", Facts: []record.Fact{{Name: "FLOPs", Value: "formula"}},
		TrainingRows: record.TrainingRows{
			Steps: []record.TrainingStep{step(0, 1, 3), step(0, 2, math.NaN()), step(1, 2, 2.5)},
			Evaluations: []record.TrainingEvaluation{
				{Metric: "bits_per_byte", Value: 8, Unit: "bit/B", Host: 3}, {Metric: "loss", Value: 5, Unit: "nat"}, {Attempt: 1, Update: 2, Tokens: 20, FLOPs: 2, Metric: "loss", Value: record.Real(math.NaN()), Unit: "nat"},
			},
			Events: []record.TrainingEvent{{Update: 2, At: time.Unix(5, 6).UTC(), Kind: "non-finite", Detail: "loss", Action: "back"}, {Attempt: 1, Update: 2, At: time.Unix(7, 0).UTC(), Kind: "recovery"}},
		},
	}
}

func TestTrainingRoundTrip(t *testing.T) {
	ctx, db, want := context.Background(), open(t), exampleTraining()
	if err := db.BeginTraining(ctx, want); err != nil {
		t.Fatal(err)
	}
	if err := db.AddTrainingRows(ctx, want.ID, want.TrainingRows); err != nil {
		t.Fatal(err)
	}
	want.Status, want.Ended, want.OrderSHA, want.Updates, want.Tokens, want.FLOPs = record.Done, time.Unix(1700000009, 0).UTC(), "o", 2, 20, 2e9
	if err := db.EndTraining(ctx, want); err != nil {
		t.Fatal(err)
	}
	got, err := db.LoadTraining(ctx, "t-")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b record.Real) bool { return a == b || !a.Finite() && !b.Finite() })); diff != "" {
		t.Error(diff)
	}
	all, err := db.Trainings(ctx)
	if err != nil || len(all) != 1 || all[0].ID != "t-1" || all[0].Steps != nil {
		t.Errorf("%+v, %v", all, err)
	}
	if err := db.AddTrainingRows(ctx, want.ID, record.TrainingRows{Steps: want.Steps[:1]}); err == nil {
		t.Error("an update is stored twice")
	}
	if _, err := db.LoadTraining(ctx, "t-2"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// TestRewindTraining resumes a training: what came after the checkpoint goes, the rest and what is known stays.
// TestMovedTraining resumes a training in another folder.
func TestMovedTraining(t *testing.T) {
	ctx, db, r := context.Background(), open(t), exampleTraining()
	for _, folder := range []string{"/out", "/moved"} {
		r.Folder = folder
		if err := db.BeginTraining(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := db.LoadTraining(ctx, r.ID); err != nil || got.Folder != "/moved" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRewindTraining(t *testing.T) {
	ctx, db, r := context.Background(), open(t), exampleTraining()
	for _, err := range []error{db.BeginTraining(ctx, r), db.AddTrainingRows(ctx, r.ID, r.TrainingRows), db.EndTraining(ctx, r), db.BeginTraining(ctx, r), db.RewindTraining(ctx, r.ID, 0, 1)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := db.LoadTraining(ctx, "t-1")
	if err != nil || len(got.Steps) != 1 || len(got.Evaluations) != 2 || len(got.Events) != 0 || got.Status != record.Running {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestKilledTraining shows a training as interrupted whose process has ended without notice.
func TestKilledTraining(t *testing.T) {
	ctx, db, r := context.Background(), open(t), exampleTraining()
	if err := db.BeginTraining(ctx, r); err != nil {
		t.Fatal(err)
	}
	if _, err := db.sql.Exec(`UPDATE trainings SET owner = ?`, lease{dead(t), "another"}.column()); err != nil {
		t.Fatal(err)
	}
	if got, err := db.LoadTraining(ctx, "t-1"); err != nil || got.Status != record.Interrupted {
		t.Errorf("%+v, %v", got, err)
	}
}
