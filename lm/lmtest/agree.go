package lmtest

import (
	"context"
	"fmt"
	"math"

	"github.com/archbench/archbench/lm"
)

// roundingShare limits the difference between ways of feeding a text, as a share of the precision's difference to f32.
const roundingShare = 0.05

// agreement starts a figure that compare adds to. In f32 it is the largest difference of logits. Other precisions round
// activations, which turns tiny differences into visible ones of single logits; there it is the mean difference of losses
// per token, compared with that between the precision and f32.
func (k *kit) agreement(ctx context.Context) (figure, error) {
	if k.info.Precision == "f32" {
		return figure{unit: logitDiff, limit: k.options.Tolerance}, nil
	}
	if k.rounding == 0 {
		if err := k.measureRounding(ctx); err != nil {
			return figure{}, err
		}
	}
	return figure{unit: "mean |Δ nats|", limit: roundingShare * k.rounding}, nil
}

// measureRounding measures the mean difference of losses per token between the model's precision and f32.
func (k *kit) measureRounding(ctx context.Context) error {
	req := k.request(1)
	req.Precision, req.Head = "f32", ""
	exact, err := k.arch.Load(ctx, req)
	if err != nil {
		return fmt.Errorf("load in f32 for comparison: %w", err)
	}
	defer exact.Close()
	score := lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: k.text, From: 1}}}
	want, err := k.checkedScore(ctx, exact, score)
	if err != nil {
		return err
	}
	got, err := k.checkedScore(ctx, k.model, score)
	if err != nil {
		return err
	}
	k.rounding = meanDiff(want.Scores[0].NLL, got.Scores[0].NLL)
	return expect(k.rounding != 0, "precision %s has exactly the losses of f32", k.info.Precision)
}

// compare adds the difference between two sets of logits of the same text.
func (k *kit) compare(f *figure, text []int32, want, got []float32) {
	if k.info.Precision == "f32" || len(want) != len(got) {
		f.value = max(f.value, maxDiff(want, got))
		return
	}
	var a, b []float64
	for p := 0; p+1 < len(text) && (p+1)*k.info.Vocab <= len(want); p++ {
		a = append(a, loss(k.row(want, p), text[p+1]))
		b = append(b, loss(k.row(got, p), text[p+1]))
	}
	f.value = max(f.value, meanDiff(a, b))
}

// meanDiff returns the mean absolute difference of two slices of equal length, 0 if they are empty.
func meanDiff(a, b []float64) float64 {
	var sum float64
	for i := range a {
		sum += math.Abs(a[i] - b[i])
	}
	return sum / float64(max(1, len(a)))
}
